// A network in SSA form. A node uses only values that exist already, so nodes stand in topological order by
// construction and a cycle cannot be built.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "raceline/base/file.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {

using ValueId = int32_t;
using NodeId = int32_t;
inline constexpr int32_t absent = -1;  ///< an optional operand that is not given; a value without producer

/// An op applied to values.
struct Node {
  std::string name;  ///< unique in the graph
  OpKind op = OpKind::identity;
  OpParams params;
  std::vector<ValueId> inputs;  ///< absent for an optional operand that is not given
  std::vector<ValueId> outputs;
};

/// A tensor of the graph.
struct Value {
  std::string name;  ///< unique in the graph
  TensorDesc desc;
  NodeId producer = absent;   ///< absent for inputs and constants
  int slot = 0;               ///< which output of the producer
  int32_t constant = absent;  ///< index of its data, for a constant
  uint8_t density = 0;        ///< of a constant: see OperandDesc
  uint8_t block_density = 0;  ///< the same
  ValueId extents = absent;   ///< of a value whose size depends on data: see OpInfo::sized
};

/// Several nodes that one layer could compute: nodes[0] (a convolution or matrix product) and the elementwise
/// nodes that follow it; a conv2d may be followed by a max_pool of windows that do not overlap as well, with
/// nothing before that but monotonic functions (then the layer is a conv2d_max_pool, and they follow the
/// pooling). An alternative that the search may decline. The inner values have one use each.
struct Fusion {
  std::vector<NodeId> nodes;
  friend bool operator==(const Fusion&, const Fusion&) = default;
};

class Graph {
 public:
  Graph() = default;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;

  // Building. Each throws GraphError for a name used twice, a value that does not exist or shapes that do not
  // fit.
  ValueId add_input(std::string name, const TensorDesc& desc);
  ValueId add_constant(std::string name, Tensor data);
  /// The bytes stay where they are; keep() what they lie in. They are aligned as the element type wants.
  ValueId add_constant_view(std::string name, const TensorDesc& desc, std::span<const std::byte> bytes);
  /// Infers the outputs. Output values are named by output_names, and where that is short "<node>:<slot>".
  /// Nodes of ops that are OpInfo::sized always have both outputs.
  NodeId add_node(std::string name, OpKind op, OpParams params, std::vector<ValueId> inputs,
                  std::vector<std::string> output_names = {});
  void add_fusion(Fusion fusion);
  void mark_output(ValueId value, std::string name);
  /// Appends the extents of every output whose size depends on data as a further output "<name>.extents".
  /// Call it when all others are marked.
  void mark_extents();
  /// Keeps a mapped file alive as long as the graph.
  void keep(MappedFile file);
  /// A name not used yet that begins with `stem`.
  std::string free_name(std::string_view stem) const;

  // Looking.
  struct Output {
    std::string name;
    ValueId value;
    bool extents = false;  ///< added by mark_extents()
  };
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const Value> values() const { return values_; }
  std::span<const ValueId> inputs() const { return inputs_; }
  std::span<const Output> outputs() const { return outputs_; }
  std::span<const Fusion> fusions() const { return fusions_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  const TensorDesc& desc(ValueId id) const { return value(id).desc; }
  bool is_constant(ValueId id) const { return id != absent && value(id).constant != absent; }
  /// The data of a constant, in row-major order. Throws GraphError when it has been released.
  TensorView constant(ValueId id) const;
  /// Nodes that use a value, one entry for each use, in order.
  std::span<const NodeId> consumers(ValueId id) const { return consumers_[static_cast<size_t>(id)]; }
  bool is_output(ValueId id) const;
  /// absent when there is none of that name.
  ValueId find_value(std::string_view name) const;
  NodeId find_node(std::string_view name) const;

  LayerDesc layer(NodeId node) const;
  /// The layer that computes all nodes of a fusion. Its operands are nodes[0]'s, then the residual if there
  /// is one.
  LayerDesc layer(const Fusion& fusion) const;
  /// Of one node, or of the fusion of several.
  LayerDesc layer(std::span<const NodeId> nodes) const;
  /// The values behind the operands of layer(nodes).
  std::vector<ValueId> operands(std::span<const NodeId> nodes) const;
  /// The values behind the operands of layer(fusion).
  std::vector<ValueId> operands(const Fusion& fusion) const;

  /// Says how sparse a constant is (OperandDesc).
  void set_density(ValueId id, uint8_t density, uint8_t block_density);
  /// Gives back the data of a constant that nobody needs any more (its weights have been packed).
  void release_constant(ValueId id);
  /// Bytes of all constants that are held.
  size_t constant_bytes() const;
  /// Checks every rule; run after every pass. Throws GraphError.
  void verify() const;
  /// Stable text, one line a value or node: for golden tests and diffs. Constants show type and shape only.
  std::string to_string() const;
  /// 16 hexadecimal digits of the structure: ops, parameters, shapes, names, which values are constant. The
  /// weights' values take no part.
  std::string key() const;

 private:
  ValueId add_value(Value value);
  struct Constant {
    Tensor owned;
    std::span<const std::byte> view;
    bool released = false;
  };
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<ValueId> inputs_;
  std::vector<Output> outputs_;
  std::vector<Fusion> fusions_;
  std::vector<Constant> constants_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<MappedFile> files_;
  std::unordered_map<std::string, ValueId> value_names_;
  std::unordered_map<std::string, NodeId> node_names_;
  friend class Rewriter;
};

/// Memory for the outputs, as Session::run wants it.
std::vector<Tensor> output_tensors(const Graph& graph);
/// What Session::run wrote there, as the model has it: outputs whose size depends on data are cut to it, and
/// those of mark_extents() are gone. Throws Error for extents out of range.
std::vector<Tensor> cut_outputs(const Graph& graph, std::vector<Tensor> outputs);

/// Computes a layer on constant operands (empty views for absent ones). Programs fill it with the reference
/// primitives, so that folding implements no op a second time.
using Evaluator = std::function<std::vector<Tensor>(const LayerDesc&, std::span<const TensorView>)>;

}  // namespace raceline
