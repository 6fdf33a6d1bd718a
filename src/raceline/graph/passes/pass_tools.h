// What several passes need: fresh names, constants as numbers, per-channel vectors. Private to the folder.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/graph/rewrite.h"

namespace raceline {

/// A name that neither the source nor the target uses, so that nothing copied later can meet it.
std::string fresh_name(Rewriter& rewriter, std::string_view stem);

/// Whether the elements of a constant can be computed with here: f32 or f64.
bool is_real(DataType type);
/// All elements of an f32 or f64 tensor.
std::vector<double> numbers(const TensorView& tensor);
/// A row-major tensor of `type`, which is f32 or f64.
Tensor tensor_of(DataType type, const Shape& shape, std::span<const double> numbers);

/// Whether the node is a convolution (any of the three) or a gemm: weights are operand 1, a bias operand 2,
/// and the output's axis 1 counts its channels.
bool has_channels(const Node& node);
int64_t output_channels(const Graph& graph, const Node& node);
/// The bias of a has_channels() node, one number a channel and zeros where it is absent. Absent when it is
/// not constant, not f32 or f64, or (a gemm's C) differs between rows.
std::optional<std::vector<double>> bias_of(const Graph& graph, const Node& node);
/// A constant that broadcasts to one number for each channel (axis 1) of `shape`; absent when it varies along
/// another axis or does not fit.
std::optional<std::vector<double>> per_channel(const Graph& graph, ValueId constant, const Shape& shape);
/// The node that alone uses the value, and uses it once; absent when there is none or the value is an output.
NodeId only_consumer(const Graph& graph, ValueId value);

/// A has_channels() node again with other weights and bias, its output in the place of `result`. Both are
/// values of the target.
void replace_channels_node(Rewriter& rewriter, NodeId node, ValueId weights, std::span<const double> bias,
                           ValueId result);

}  // namespace raceline
