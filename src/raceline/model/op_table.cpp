#include "raceline/model/op_table.h"

#include <vector>

#include <fmt/format.h>

#include "raceline/base/text.h"
#include "raceline/graph/op.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

constexpr int64_t newest = newest_opset;

/// The operands whose values are needed when the graph is built.
constexpr uint32_t needs(auto... operands) {
  return ((uint32_t{1} << operands) | ...);
}

constexpr int as_kind(auto kind) {
  return static_cast<int>(kind);
}

using enum UnaryKind;
using enum BinaryKind;

// Versions of an op that differ only in element types share a row. Attributes that change nothing at
// inference are listed too: consumed_inputs (memory planning of the first releases), momentum, seed, saturate
// (8-bit floats).
constexpr OnnxOp table[] = {
    // Convolution, pooling, matrix products.
    {"Conv", 1, newest, "auto_pad dilations group kernel_shape pads strides", import_conv},
    {"ConvTranspose", 1, newest,
     "auto_pad dilations group kernel_shape output_padding output_shape pads strides", import_conv_transpose},
    {"MaxPool", 1, 7, "auto_pad kernel_shape pads strides", import_max_pool},
    {"MaxPool", 8, 9, "auto_pad kernel_shape pads storage_order strides", import_max_pool},
    {"MaxPool", 10, newest, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
     import_max_pool},
    {"AveragePool", 1, 6, "auto_pad kernel_shape pads strides", import_average_pool},
    {"AveragePool", 7, 9, "auto_pad count_include_pad kernel_shape pads strides", import_average_pool},
    {"AveragePool", 10, 18, "auto_pad ceil_mode count_include_pad kernel_shape pads strides",
     import_average_pool},
    {"AveragePool", 19, newest, "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
     import_average_pool},
    {"GlobalAveragePool", 1, newest, "", import_global_pool, as_kind(OpKind::average_pool)},
    {"GlobalMaxPool", 1, newest, "", import_global_pool, as_kind(OpKind::max_pool)},
    {"LpPool", 1, 1, "auto_pad kernel_shape p pads strides", import_lp_pool},
    {"LpPool", 2, 17, "auto_pad kernel_shape p pads strides", import_lp_pool},
    {"LpPool", 18, newest, "auto_pad ceil_mode dilations kernel_shape p pads strides", import_lp_pool},
    {"GlobalLpPool", 1, newest, "p", import_global_lp_pool},
    {"Gemm", 1, 6, "alpha beta broadcast transA transB", import_gemm},
    {"Gemm", 7, newest, "alpha beta transA transB", import_gemm},
    {"MatMul", 1, newest, "", import_matmul},
    {"Einsum", 12, newest, "equation", import_einsum},

    // Normalisation.
    {"BatchNormalization", 1, 5, "consumed_inputs epsilon is_test momentum spatial", import_batch_norm},
    {"BatchNormalization", 6, 6, "epsilon is_test momentum spatial", import_batch_norm},
    {"BatchNormalization", 7, 8, "epsilon momentum spatial", import_batch_norm},
    {"BatchNormalization", 9, 13, "epsilon momentum", import_batch_norm},
    {"BatchNormalization", 14, newest, "epsilon momentum training_mode", import_batch_norm},
    {"LRN", 1, newest, "alpha beta bias size", import_lrn},
    {"InstanceNormalization", 1, newest, "consumed_inputs epsilon", import_instance_norm},
    {"GroupNormalization", 18, 20, "epsilon num_groups", import_group_norm},
    {"GroupNormalization", 21, newest, "epsilon num_groups stash_type", import_group_norm},
    {"LayerNormalization", 17, newest, "axis epsilon stash_type", import_layer_norm},
    {"MeanVarianceNormalization", 9, newest, "axes", import_mean_variance_norm},
    {"Softmax", 1, 12, "axis", import_coerced_softmax, 0},
    {"Softmax", 13, newest, "axis", import_softmax, 0},
    {"LogSoftmax", 1, 12, "axis", import_coerced_softmax, 1},
    {"LogSoftmax", 13, newest, "axis", import_softmax, 1},
    {"Hardmax", 1, 12, "axis", import_coerced_hardmax},
    {"Hardmax", 13, newest, "axis", import_hardmax},
    {"LpNormalization", 1, newest, "axis p", import_lp_normalization},

    // Functions of one operand.
    {"Relu", 1, newest, "consumed_inputs", import_unary, as_kind(relu)},
    {"LeakyRelu", 1, newest, "alpha consumed_inputs", import_unary, as_kind(leaky_relu)},
    {"Sigmoid", 1, newest, "consumed_inputs", import_unary, as_kind(sigmoid)},
    {"HardSigmoid", 1, newest, "alpha beta consumed_inputs", import_unary, as_kind(hard_sigmoid)},
    {"HardSwish", 14, newest, "", import_unary, as_kind(hard_swish)},
    {"Tanh", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::tanh)},
    {"Elu", 1, newest, "alpha consumed_inputs", import_unary, as_kind(elu)},
    {"Selu", 1, newest, "alpha consumed_inputs gamma", import_unary, as_kind(selu)},
    {"Softplus", 1, newest, "", import_unary, as_kind(softplus)},
    {"Softsign", 1, newest, "", import_unary, as_kind(softsign)},
    {"Exp", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::exp)},
    {"Log", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::log)},
    {"Sqrt", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::sqrt)},
    {"Abs", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::abs)},
    {"Neg", 1, newest, "consumed_inputs", import_unary, as_kind(neg)},
    {"Floor", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::floor)},
    {"Ceil", 1, newest, "consumed_inputs", import_unary, as_kind(UnaryKind::ceil)},
    {"Reciprocal", 1, newest, "consumed_inputs", import_unary, as_kind(reciprocal)},
    {"Erf", 9, newest, "", import_unary, as_kind(UnaryKind::erf)},
    {"Sign", 9, newest, "", import_unary, as_kind(sign)},
    {"Round", 11, newest, "", import_unary, as_kind(UnaryKind::round)},
    {"ThresholdedRelu", 10, newest, "alpha", import_unary, as_kind(thresholded_relu)},
    {"Shrink", 9, newest, "bias lambd", import_unary, as_kind(shrink)},
    {"Sin", 7, newest, "", import_unary, as_kind(UnaryKind::sin)},
    {"Cos", 7, newest, "", import_unary, as_kind(UnaryKind::cos)},
    {"Tan", 7, newest, "", import_unary, as_kind(UnaryKind::tan)},
    {"Asin", 7, newest, "", import_unary, as_kind(UnaryKind::asin)},
    {"Acos", 7, newest, "", import_unary, as_kind(UnaryKind::acos)},
    {"Atan", 7, newest, "", import_unary, as_kind(UnaryKind::atan)},
    {"Sinh", 9, newest, "", import_unary, as_kind(UnaryKind::sinh)},
    {"Cosh", 9, newest, "", import_unary, as_kind(UnaryKind::cosh)},
    {"Asinh", 9, newest, "", import_unary, as_kind(UnaryKind::asinh)},
    {"Acosh", 9, newest, "", import_unary, as_kind(UnaryKind::acosh)},
    {"Atanh", 9, newest, "", import_unary, as_kind(UnaryKind::atanh)},
    {"IsNaN", 9, newest, "", import_is_nan},
    {"IsInf", 10, newest, "detect_negative detect_positive", import_is_inf},
    {"Not", 1, newest, "", import_unary, as_kind(logical_not)},
    {"Clip", 1, 10, "consumed_inputs max min", import_clip},
    {"Clip", 11, newest, "", import_clip},
    {"Gelu", 20, newest, "approximate", import_gelu},
    {"Mish", 18, newest, "", import_mish},
    {"Swish", 24, newest, "alpha", import_swish},
    {"Celu", 12, newest, "alpha", import_celu},

    // Functions of two operands and more.
    {"Add", 1, 6, "axis broadcast consumed_inputs", import_legacy_binary, as_kind(add)},
    {"Add", 7, newest, "", import_binary, as_kind(add)},
    {"Sub", 1, 6, "axis broadcast consumed_inputs", import_legacy_binary, as_kind(sub)},
    {"Sub", 7, newest, "", import_binary, as_kind(sub)},
    {"Mul", 1, 6, "axis broadcast consumed_inputs", import_legacy_binary, as_kind(mul)},
    {"Mul", 7, newest, "", import_binary, as_kind(mul)},
    {"Div", 1, 6, "axis broadcast consumed_inputs", import_legacy_binary, as_kind(BinaryKind::div)},
    {"Div", 7, newest, "", import_binary, as_kind(BinaryKind::div)},
    {"Pow", 1, 6, "axis broadcast", import_legacy_binary, as_kind(BinaryKind::pow)},
    {"Pow", 7, newest, "", import_pow},
    {"PRelu", 1, newest, "consumed_inputs", import_prelu},
    {"Equal", 1, 6, "axis broadcast", import_legacy_binary, as_kind(equal)},
    {"Equal", 7, newest, "", import_binary, as_kind(equal)},
    {"Less", 1, 6, "axis broadcast", import_legacy_binary, as_kind(less)},
    {"Less", 7, newest, "", import_binary, as_kind(less)},
    {"Greater", 1, 6, "axis broadcast", import_legacy_binary, as_kind(greater)},
    {"Greater", 7, newest, "", import_binary, as_kind(greater)},
    {"LessOrEqual", 12, newest, "", import_binary, as_kind(less_equal)},
    {"GreaterOrEqual", 12, newest, "", import_binary, as_kind(greater_equal)},
    {"And", 1, 6, "axis broadcast", import_legacy_binary, as_kind(logical_and)},
    {"And", 7, newest, "", import_binary, as_kind(logical_and)},
    {"Or", 1, 6, "axis broadcast", import_legacy_binary, as_kind(logical_or)},
    {"Or", 7, newest, "", import_binary, as_kind(logical_or)},
    {"Xor", 1, 6, "axis broadcast", import_legacy_binary, as_kind(logical_xor)},
    {"Xor", 7, newest, "", import_binary, as_kind(logical_xor)},
    {"Sum", 1, newest, "consumed_inputs", import_chain, as_kind(add)},
    {"Max", 1, newest, "consumed_inputs", import_chain, as_kind(max)},
    {"Min", 1, newest, "consumed_inputs", import_chain, as_kind(min)},
    {"Mean", 1, newest, "consumed_inputs", import_mean},
    {"Mod", 10, newest, "fmod", import_mod},

    // Reductions.
    {"ReduceMean", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::mean)},
    {"ReduceMean", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::mean),
     needs(1)},
    {"ReduceSum", 1, 12, "axes keepdims", import_reduce, as_kind(ReduceKind::sum)},
    {"ReduceSum", 13, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::sum),
     needs(1)},
    {"ReduceMax", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::max)},
    {"ReduceMax", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::max),
     needs(1)},
    {"ReduceMin", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::min)},
    {"ReduceMin", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::min),
     needs(1)},
    {"ReduceProd", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::prod)},
    {"ReduceProd", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::prod),
     needs(1)},
    {"ReduceL1", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::l1)},
    {"ReduceL1", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::l1),
     needs(1)},
    {"ReduceL2", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::l2)},
    {"ReduceL2", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::l2),
     needs(1)},
    {"ReduceSumSquare", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::sum_square)},
    {"ReduceSumSquare", 18, newest, "keepdims noop_with_empty_axes", import_reduce,
     as_kind(ReduceKind::sum_square), needs(1)},
    {"ReduceLogSum", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::log_sum)},
    {"ReduceLogSum", 18, newest, "keepdims noop_with_empty_axes", import_reduce, as_kind(ReduceKind::log_sum),
     needs(1)},
    {"ReduceLogSumExp", 1, 17, "axes keepdims", import_reduce, as_kind(ReduceKind::log_sum_exp)},
    {"ReduceLogSumExp", 18, newest, "keepdims noop_with_empty_axes", import_reduce,
     as_kind(ReduceKind::log_sum_exp), needs(1)},
    {"ArgMax", 1, 11, "axis keepdims", import_arg_reduce, 0},
    {"ArgMax", 12, newest, "axis keepdims select_last_index", import_arg_reduce, 0},
    {"ArgMin", 1, 11, "axis keepdims", import_arg_reduce, 1},
    {"ArgMin", 12, newest, "axis keepdims select_last_index", import_arg_reduce, 1},
    {"CumSum", 11, newest, "exclusive reverse", import_cum_sum, 0, needs(1)},

    // Chosen elements.
    {"Where", 9, newest, "", import_where},
    {"GatherElements", 11, newest, "axis", import_gather_elements},
    {"ReverseSequence", 10, newest, "batch_axis time_axis", import_reverse_sequence},
    {"GatherND", 11, 11, "", import_gather_nd},
    {"GatherND", 12, newest, "batch_dims", import_gather_nd},
    {"Scatter", 9, 10, "axis", import_scatter_elements},
    {"ScatterElements", 11, 15, "axis", import_scatter_elements},
    {"ScatterElements", 16, newest, "axis reduction", import_scatter_elements},
    {"ScatterND", 11, 15, "", import_scatter_nd},
    {"ScatterND", 16, newest, "reduction", import_scatter_nd},
    {"TopK", 1, 9, "axis k", import_top_k},
    {"TopK", 10, 10, "axis", import_top_k, 0, needs(1)},
    {"TopK", 11, newest, "axis largest sorted", import_top_k, 0, needs(1)},
    {"Compress", 9, newest, "axis", import_compress},
    {"NonZero", 9, newest, "", import_non_zero},
    {"NonMaxSuppression", 10, newest, "center_point_box", import_non_max_suppression, 0, needs(2, 3, 4)},
    {"OneHot", 9, newest, "axis", import_one_hot, 0, needs(1)},
    {"EyeLike", 9, newest, "dtype k", import_eye_like},
    {"Trilu", 14, newest, "upper", import_trilu},

    // Shapes.
    {"Reshape", 1, 4, "consumed_inputs shape", import_reshape},
    {"Reshape", 5, 13, "", import_reshape, 0, needs(1)},
    {"Reshape", 14, newest, "allowzero", import_reshape, 0, needs(1)},
    {"Flatten", 1, newest, "axis", import_flatten},
    {"Squeeze", 1, 12, "axes", import_squeeze},
    {"Squeeze", 13, newest, "", import_squeeze, 0, needs(1)},
    {"Unsqueeze", 1, 12, "axes", import_unsqueeze},
    {"Unsqueeze", 13, newest, "", import_unsqueeze, 0, needs(1)},
    {"Transpose", 1, newest, "perm", import_transpose},
    {"Expand", 8, newest, "", import_expand, 0, needs(1)},
    {"Tile", 6, newest, "", import_tile, 0, needs(1)},
    {"Shape", 1, 14, "", import_shape},
    {"Shape", 15, newest, "end start", import_shape},
    {"Size", 1, newest, "", import_size},
    {"DepthToSpace", 1, 10, "blocksize", import_depth_to_space},
    {"DepthToSpace", 11, newest, "blocksize mode", import_depth_to_space},
    {"SpaceToDepth", 1, newest, "blocksize", import_space_to_depth},

    // Parts.
    {"Concat", 1, newest, "axis", import_concat},
    {"Slice", 1, 9, "axes ends starts", import_slice},
    {"Slice", 10, newest, "", import_slice, 0, needs(1, 2, 3, 4)},
    {"Split", 1, 1, "axis split", import_split, 0, needs(1)},
    {"Split", 2, 12, "axis split", import_split},
    {"Split", 13, 17, "axis", import_split, 0, needs(1)},
    {"Split", 18, newest, "axis num_outputs", import_split, 0, needs(1)},
    {"Gather", 1, newest, "axis", import_gather},
    {"Pad", 1, 1, "mode paddings value", import_pad},
    {"Pad", 2, 10, "mode pads value", import_pad},
    {"Pad", 11, newest, "mode", import_pad, 0, needs(1, 2, 3)},

    // Constants and what passes a tensor on.
    {"Constant", 1, 10, "value", import_constant},
    {"Constant", 11, 11, "sparse_value value", import_constant},
    {"Constant", 12, newest,
     "sparse_value value value_float value_floats value_int value_ints value_string value_strings",
     import_constant},
    {"ConstantOfShape", 9, newest, "value", import_constant_of_shape, 0, needs(0)},
    {"Range", 11, newest, "", import_range, 0, needs(0, 1, 2)},
    {"Identity", 1, newest, "", import_identity},
    {"Dropout", 1, 6, "consumed_inputs is_test ratio", import_dropout},
    {"Dropout", 7, 11, "ratio", import_dropout},
    {"Dropout", 12, newest, "seed", import_dropout, 0, needs(2)},
    {"Cast", 6, newest, "round_mode saturate to", import_cast},
    {"CastLike", 15, newest, "round_mode saturate", import_cast_like},

    // Recurrent layers.
    {"LSTM", 7, 13, "direction hidden_size input_forget", import_lstm},
    {"LSTM", 14, newest, "direction hidden_size input_forget layout", import_lstm},
    {"GRU", 7, 13, "direction hidden_size linear_before_reset", import_gru},
    {"GRU", 14, newest, "direction hidden_size layout linear_before_reset", import_gru},

    // Control flow.
    {"If", 1, newest, "else_branch then_branch", import_if, 0, needs(0)},

    // Quantised numbers.
    {"QuantizeLinear", 10, 12, "", import_quantize},
    {"QuantizeLinear", 13, 18, "axis", import_quantize},
    {"QuantizeLinear", 19, 20, "axis saturate", import_quantize},
    {"QuantizeLinear", 21, 22, "axis block_size output_dtype saturate", import_quantize},
    {"QuantizeLinear", 23, newest, "axis block_size output_dtype precision saturate", import_quantize},
    {"DequantizeLinear", 10, 12, "", import_dequantize},
    {"DequantizeLinear", 13, 20, "axis", import_dequantize},
    {"DequantizeLinear", 21, 22, "axis block_size", import_dequantize},
    {"DequantizeLinear", 23, newest, "axis block_size output_dtype", import_dequantize},
    {"DynamicQuantizeLinear", 11, newest, "", import_dynamic_quantize},
    {"ConvInteger", 10, newest, "auto_pad dilations group kernel_shape pads strides", import_conv_integer},
    {"MatMulInteger", 10, newest, "", import_matmul_integer},
    {"QLinearConv", 10, newest, "auto_pad dilations group kernel_shape pads strides", import_qlinear_conv},
    {"QLinearMatMul", 10, newest, "", import_qlinear_matmul},

    // Resampling.
    {"Upsample", 7, 8, "mode scales", import_upsample},
    {"Upsample", 9, 9, "mode", import_upsample, 0, needs(1)},
    {"Resize", 10, 10, "mode", import_resize, 0, needs(1)},
    {"Resize", 11, newest,
     "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
     "keep_aspect_ratio_policy mode nearest_mode",
     import_resize, 0, needs(1, 2, 3)},
    {"GridSample", 16, newest, "align_corners mode padding_mode", import_grid_sample},
    {"AffineGrid", 20, newest, "align_corners", import_affine_grid, 0, needs(1)},
    {"RoiAlign", 10, 15, "mode output_height output_width sampling_ratio spatial_scale", import_roi_align},
    {"RoiAlign", 16, newest,
     "coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale",
     import_roi_align},
};

}  // namespace

std::span<const OnnxOp> onnx_ops() {
  return table;
}

const OnnxOp* find_onnx_op(std::string_view name, int64_t opset) {
  for (const OnnxOp& op : table) {
    if (op.name == name && op.first_opset <= opset && opset <= op.last_opset) return &op;
  }
  return nullptr;
}

std::string why_unknown(std::string_view name, int64_t opset) {
  std::vector<std::string> ranges;
  for (const OnnxOp& op : table) {
    if (op.name == name) ranges.push_back(fmt::format("{} to {}", op.first_opset, op.last_opset));
  }
  for (const std::string_view loop : {"Loop", "Scan", "SequenceMap"}) {
    if (name == loop) return "loops are not supported; export the model with the loop unrolled";
  }
  if (ranges.empty()) return "the op is not supported";
  return fmt::format("the op is understood in opsets {}, not in {}", join(ranges, ", "), opset);
}

}  // namespace raceline
