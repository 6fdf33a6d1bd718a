// A graph while it is built from a model: names, constants, bound inputs. Private to this room.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "raceline/model/external_data.h"
#include "raceline/model/known_values.h"
#include "raceline/model/onnx_file.h"
#include "raceline/model/onnx_reader.h"

namespace raceline {

/// The opset of the standard operators that a model imports. Throws ParseError when it imports none, or two.
int64_t standard_opset(const onnx::ModelProto& model);
bool is_standard_domain(std::string_view domain);
/// "node 'conv1' (Conv)", or "node 17 (Conv)" where it has no name.
std::string describe(const onnx::NodeProto& node, int index);

struct Deferred;
struct OnnxOp;

class GraphImport {
 public:
  /// `needed`: names whose values decide shapes, perhaps through arithmetic.
  GraphImport(const OnnxFile& file, const Evaluator& evaluate, const std::unordered_set<std::string>& needed);

  // One of these may be called, once. They throw as OnnxModel's.
  Stage first_stage(std::span<const OnnxInput> inputs, const Bindings& bindings,
                    const std::vector<std::string>& shape_arguments);
  Stage later_stage(const StageInputs& given);

  // For NodeImport.
  Graph& graph() { return graph_; }
  KnownValues& known() { return known_; }
  /// The value of that ONNX name; initializers are added when first used. Throws GraphError when nothing of
  /// that name has been defined so far, Poisoned when its node was refused.
  ValueId find(const std::string& name);
  /// From here on the ONNX value `name` is `value`.
  void define(const std::string& name, ValueId value);
  /// A name that neither the graph nor the model uses.
  std::string fresh(const std::string& stem);
  /// Adds a constant: a view into the mapped file where its data are large and aligned, else a copy.
  ValueId add_constant(std::string name, const onnx::TensorProto& tensor);
  Tensor copy(const onnx::TensorProto& tensor, std::string_view what);
  /// Adds the nodes of a subgraph in the place of the node of opset `opset` that chose it; outputs[i] becomes
  /// a name of the subgraph's i-th output. Names that are taken are changed.
  void add_branch(const onnx::GraphProto& branch, const std::vector<std::string>& outputs, int64_t opset);
  bool used(const std::string& value) const { return used_.contains(value); }

 private:
  static constexpr ValueId poisoned = -2, deferred = -3;

  void collect_names();
  void check_nodes();
  void add_inputs(std::span<const OnnxInput> inputs, const Bindings& bindings,
                  const std::vector<std::string>& shape_arguments);
  /// Refuses an op, a domain or attributes that are not known; whether there were none.
  bool check_node(const onnx::NodeProto& node, int64_t opset);
  void note_uses(const onnx::NodeProto& node);
  void add_node(const onnx::NodeProto& node, int64_t opset);
  /// The data of a tensor that lie in a mapped file, the model's or another.
  std::optional<std::span<const std::byte>> mapped(const onnx::TensorProto& tensor, std::string_view what);
  void poison(const onnx::NodeProto& node);
  // In stages.cpp.
  void add_nodes(const std::function<bool(int)>& wanted);
  /// Leaves a node to a later stage; no reason: because one before it is.
  void defer(const onnx::NodeProto& node, int64_t opset, const OnnxOp& op, const Deferred* reason);
  bool can_be_carried(const std::string& name) const;
  std::unordered_set<std::string> fixed_names() const;
  Stage finish_stage();
  /// Refuses a node: the one at hand, or one inside it.
  void refuse(const onnx::NodeProto& node, int64_t opset, std::string_view attribute, std::string_view why);
  [[noreturn]] void throw_refused() const;

  const OnnxFile& file_;
  const std::unordered_set<std::string>& needed_;
  const onnx::GraphProto& source_;
  int64_t opset_;
  MappedFile mapping_;
  ExternalData external_;
  Graph graph_;
  KnownValues known_;
  std::unordered_map<std::string, int> initializers_;
  std::unordered_map<std::string, ValueId> values_;
  std::unordered_set<std::string> reserved_;  ///< names of the model's nodes and values
  std::unordered_set<std::string> used_;      ///< values that a node or the graph's outputs use
  std::unordered_map<std::string, int> suffixes_;
  int at_ = 0;  ///< index of the model's node that is being looked at
  std::vector<bool> refused_nodes_;
  std::map<int, std::vector<std::string>> refusals_;  ///< by node; -1: the model itself
  std::set<std::string> wanted_;                      ///< outputs of the model that this stage is to make
  std::set<std::string> by_value_;
  std::vector<int> deferred_;
  std::vector<std::string> waiting_;
};

}  // namespace raceline
