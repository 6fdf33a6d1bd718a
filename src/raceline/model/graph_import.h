// A graph while it is built from a model: names, constants, bound inputs. Private to this room.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
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
std::string describe(const onnx::GraphProto& graph, int node);

class GraphImport {
 public:
  GraphImport(const OnnxFile& file, const Evaluator& evaluate);

  /// The whole model. May be called once. Throws as OnnxModel::build().
  Graph run(std::span<const OnnxInput> inputs, const Bindings& bindings,
            const std::vector<std::string>& shape_arguments);

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
  bool used(const std::string& value) const { return used_.contains(value); }

 private:
  static constexpr ValueId poisoned = -2;

  void collect_names();
  void check_nodes();
  void add_inputs(std::span<const OnnxInput> inputs, const Bindings& bindings,
                  const std::vector<std::string>& shape_arguments);
  void add_node(int index);
  /// The data of a tensor that lie in a mapped file, the model's or another.
  std::optional<std::span<const std::byte>> mapped(const onnx::TensorProto& tensor, std::string_view what);
  void poison(const onnx::NodeProto& node);
  void refuse(int node, std::string_view attribute, std::string_view why);
  [[noreturn]] void throw_refused() const;

  const OnnxFile& file_;
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
  std::vector<bool> refused_nodes_;
  std::map<int, std::vector<std::string>> refusals_;  ///< by node; -1: the model itself
};

}  // namespace raceline
