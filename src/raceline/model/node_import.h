// One ONNX node on its way into the graph: what the functions of the op table work with. Private to this
// room.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/model/op_table.h"

namespace onnx {
class AttributeProto;
class NodeProto;
}  // namespace onnx

namespace raceline {

class GraphImport;

/// Thrown by an import function: this node cannot be done, because of this attribute if it is named.
struct Refused {
  std::string attribute;
  std::string why;
};

/// Thrown on the use of a value whose node was refused, or deferred to a later stage. An import function
/// looks at its attributes before its operands, so that nodes behind such a one are still checked.
struct Poisoned {
  bool deferred = false;
};

/// Thrown where only a run can tell what a node needs: the node is left to a later stage.
struct Deferred {
  std::string name;    ///< of the operand
  bool value = false;  ///< its value is needed; else its actual size
  std::string why;
};

class NodeImport {
 public:
  NodeImport(GraphImport& import, const onnx::NodeProto& node, const OnnxOp& op, int64_t opset,
             std::string name);

  int64_t opset() const { return opset_; }
  int kind() const { return op_.kind; }

  // Attributes: the value, or the default where the node has none. Throw GraphError for one of another type.
  bool has_attribute(std::string_view name) const { return find(name) != nullptr; }
  int64_t attribute(std::string_view name, int64_t otherwise) const;
  float attribute(std::string_view name, float otherwise) const;
  std::string attribute(std::string_view name, std::string_view otherwise) const;
  std::optional<std::vector<int64_t>> integers(std::string_view name) const;
  std::optional<std::vector<float>> floats(std::string_view name) const;
  /// Throws as to_tensor().
  std::optional<Tensor> tensor(std::string_view name) const;
  /// The element type whose number the attribute is. Refuses the node for a type that we have not.
  DataType type_attribute(std::string_view name) const;
  /// Refuses the node unless the attribute is absent or has this value.
  void only(std::string_view name, int64_t value, std::string_view why) const;

  // Operands.
  size_t operands() const { return operands_; }
  bool has(size_t operand) const;
  /// Throws GraphError when it is not given. The node is deferred when the operand's size depends on data.
  ValueId operand(size_t index) const;
  const TensorDesc& desc(ValueId value) const;
  const Shape& shape(ValueId value) const { return desc(value).shape; }
  bool is_constant(ValueId value) const;
  /// Whether the value is known before the first run.
  bool known(ValueId value) const;
  /// The value of an operand; the node is deferred where it is not known.
  TensorView value(size_t operand) const;
  /// A known operand of integers, flattened.
  std::vector<int64_t> integers(size_t operand) const;
  /// A known operand of one element. Refused where a double does not hold the number.
  double scalar(size_t operand) const;
  /// An axis counted from the front. Throws GraphError when it is out of [-rank, rank), or [-rank, rank]
  /// where `end` allows it.
  int64_t axis(int64_t axis, int64_t rank, bool end = false) const;
  std::vector<int64_t> axes(std::vector<int64_t> axes, int64_t rank) const;

  // Results.
  size_t outputs() const;
  /// Whether an output is named and somebody uses it.
  bool wants(size_t output) const;

  /// Nodes of the graph so far.
  size_t nodes() const;

  // Building. `label` tells helper nodes of one ONNX node apart: they are named "<node>.<label>".
  ValueId add(std::string_view label, OpKind op, OpParams params, std::vector<ValueId> inputs);
  /// The node that does the work and bears the ONNX node's name, where another one gives the output.
  ValueId add_main(OpKind op, OpParams params, std::vector<ValueId> inputs);
  /// A node that gives output `output`. It bears the ONNX node's name if that is still free and there is no
  /// label.
  void result(OpKind op, OpParams params, std::vector<ValueId> inputs, std::string_view label = {},
              size_t output = 0);
  /// As result(), for a node of two outputs.
  void results(OpKind op, OpParams params, std::vector<ValueId> inputs);
  /// As result(), for an op that is OpInfo::sized. Where all operands are known, output 0 is a constant of
  /// its actual shape. Throws Error where the evaluator gives extents out of range.
  void result_sized(OpKind op, OpParams params, std::vector<ValueId> inputs);
  /// Output `output` is this constant.
  void result(Tensor constant, size_t output = 0);
  /// Output 0 is the tensor attribute of that name, without a copy where the file allows it.
  void result_tensor(std::string_view attribute);
  /// The outputs are those of the graph attribute of that name, whose nodes are added.
  void branch(std::string_view attribute);
  ValueId constant(std::string_view label, Tensor data);
  /// A constant of rank 0.
  ValueId scalar_constant(std::string_view label, DataType type, double value);
  ValueId reshape(std::string_view label, ValueId value, std::vector<int64_t> dims);
  ValueId unary(std::string_view label, UnaryKind kind, ValueId x, float alpha = 0, float beta = 0);
  ValueId binary(std::string_view label, BinaryKind kind, ValueId a, ValueId b);

  /// Counts memory that is taken beyond what the file holds, as a few bytes may ask for much. Refused when it
  /// is too much.
  void spend(size_t bytes) const;
  [[noreturn]] void refuse(std::string why, std::string attribute = {}) const;
  /// Throws GraphError.
  [[noreturn]] void fail(std::string_view what) const;

 private:
  const onnx::AttributeProto* find(std::string_view name) const;
  ValueId add_named(std::string node_name, OpKind op, OpParams params, std::vector<ValueId> inputs,
                    std::vector<std::string> outputs);
  std::string helper_name(std::string_view label);
  std::string output_name(size_t output);

  GraphImport& import_;
  const onnx::NodeProto& node_;
  const OnnxOp& op_;
  int64_t opset_;
  std::string name_;
  bool name_used_ = false;
  /// Copies: the graph's own move when a value is added, as operands are when they are first asked for.
  mutable std::map<ValueId, TensorDesc> descs_;
  size_t operands_ = 0;
};

}  // namespace raceline
