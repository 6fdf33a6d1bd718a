#include "raceline/graph/passes/fusion.h"

#include "raceline/graph/passes/pass_tools.h"

namespace raceline {
namespace {

/// The functions that networks use as activations. Others are left as layers of their own: no library fuses
/// them.
bool is_activation(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::relu:
    case UnaryKind::leaky_relu:
    case UnaryKind::clip:
    case UnaryKind::sigmoid:
    case UnaryKind::hard_sigmoid:
    case UnaryKind::hard_swish:
    case UnaryKind::tanh:
    case UnaryKind::elu:
    case UnaryKind::selu:
    case UnaryKind::softplus:
    case UnaryKind::softsign:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_anchor(const Graph& graph, const Node& node) {
  return (node.op == OpKind::conv2d || node.op == OpKind::gemm) && graph.is_constant(node.inputs[1]) &&
         is_float(graph.desc(node.outputs[0]).type);
}

NodeId activation_of(const Graph& graph, ValueId value) {
  const NodeId next = only_consumer(graph, value);
  if (next == absent || graph.node(next).op != OpKind::unary) return absent;
  return is_activation(std::get<UnaryParams>(graph.node(next).params).kind) ? next : absent;
}

}  // namespace raceline
