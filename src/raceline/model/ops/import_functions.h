// The functions behind the op table: each puts internal nodes in the place of one ONNX node. Private to this
// room.
#pragma once

namespace raceline {

class NodeImport;

// conv.cpp
void import_conv(NodeImport& node);
void import_conv_transpose(NodeImport& node);

// pool.cpp
void import_max_pool(NodeImport& node);
void import_average_pool(NodeImport& node);
void import_global_pool(NodeImport& node);  ///< kind: OpKind
void import_lp_pool(NodeImport& node);
void import_global_lp_pool(NodeImport& node);

// matmul.cpp
void import_gemm(NodeImport& node);
void import_matmul(NodeImport& node);

// norm.cpp
void import_batch_norm(NodeImport& node);
void import_lrn(NodeImport& node);
void import_softmax(NodeImport& node);          ///< kind: 1 for the logarithm
void import_coerced_softmax(NodeImport& node);  ///< before opset 13: over all axes from one on
void import_instance_norm(NodeImport& node);
void import_group_norm(NodeImport& node);
void import_layer_norm(NodeImport& node);
void import_mean_variance_norm(NodeImport& node);

// elementwise.cpp
void import_unary(NodeImport& node);          ///< kind: UnaryKind
void import_binary(NodeImport& node);         ///< kind: BinaryKind
void import_legacy_binary(NodeImport& node);  ///< before opset 7: with attributes broadcast and axis
void import_pow(NodeImport& node);
void import_prelu(NodeImport& node);
void import_chain(NodeImport& node);  ///< kind: BinaryKind; any number of operands
void import_mean(NodeImport& node);
void import_clip(NodeImport& node);
void import_mod(NodeImport& node);
void import_is_nan(NodeImport& node);
void import_is_inf(NodeImport& node);

// activations.cpp: activations that are several internal nodes
void import_gelu(NodeImport& node);
void import_mish(NodeImport& node);
void import_swish(NodeImport& node);
void import_celu(NodeImport& node);

// shape.cpp
void import_reshape(NodeImport& node);
void import_flatten(NodeImport& node);
void import_squeeze(NodeImport& node);
void import_unsqueeze(NodeImport& node);
void import_transpose(NodeImport& node);
void import_expand(NodeImport& node);
void import_tile(NodeImport& node);
void import_shape(NodeImport& node);
void import_size(NodeImport& node);
void import_depth_to_space(NodeImport& node);
void import_space_to_depth(NodeImport& node);

// part.cpp: parts of tensors put together and taken apart
void import_concat(NodeImport& node);
void import_slice(NodeImport& node);
void import_split(NodeImport& node);
void import_gather(NodeImport& node);
void import_pad(NodeImport& node);

// constant.cpp: constants, and what passes a tensor on
void import_constant(NodeImport& node);
void import_constant_of_shape(NodeImport& node);
void import_range(NodeImport& node);
void import_identity(NodeImport& node);
void import_dropout(NodeImport& node);
void import_cast(NodeImport& node);
void import_cast_like(NodeImport& node);

// recurrent.cpp
void import_lstm(NodeImport& node);
void import_gru(NodeImport& node);

// control.cpp
void import_if(NodeImport& node);

// reduce.cpp
void import_reduce(NodeImport& node);      ///< kind: ReduceKind
void import_arg_reduce(NodeImport& node);  ///< kind: 1 for the smallest
void import_cum_sum(NodeImport& node);
void import_lp_normalization(NodeImport& node);
void import_hardmax(NodeImport& node);
void import_coerced_hardmax(NodeImport& node);  ///< before opset 13: over all axes from one on

// indexing.cpp
void import_where(NodeImport& node);
void import_gather_elements(NodeImport& node);
void import_reverse_sequence(NodeImport& node);
void import_gather_nd(NodeImport& node);
void import_scatter_elements(NodeImport& node);
void import_scatter_nd(NodeImport& node);
void import_top_k(NodeImport& node);

// selection.cpp: what is chosen by value, so that its size depends on data
void import_compress(NodeImport& node);
void import_non_zero(NodeImport& node);
void import_non_max_suppression(NodeImport& node);

// counting.cpp
void import_one_hot(NodeImport& node);
void import_eye_like(NodeImport& node);
void import_trilu(NodeImport& node);

// einsum.cpp
void import_einsum(NodeImport& node);

// quantize.cpp
void import_quantize(NodeImport& node);
void import_dequantize(NodeImport& node);
void import_dynamic_quantize(NodeImport& node);
void import_conv_integer(NodeImport& node);
void import_matmul_integer(NodeImport& node);
void import_qlinear_conv(NodeImport& node);
void import_qlinear_matmul(NodeImport& node);

// resize.cpp
void import_upsample(NodeImport& node);
void import_resize(NodeImport& node);

// sampling.cpp
void import_grid_sample(NodeImport& node);
void import_affine_grid(NodeImport& node);
void import_roi_align(NodeImport& node);

}  // namespace raceline
