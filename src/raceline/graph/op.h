// The ops of Raceline's internal form, their parameters, and the table that knows each op's rules.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "raceline/graph/ops/conv.h"
#include "raceline/graph/ops/elementwise.h"
#include "raceline/graph/ops/indexing.h"
#include "raceline/graph/ops/matmul.h"
#include "raceline/graph/ops/movement.h"
#include "raceline/graph/ops/norm.h"
#include "raceline/graph/ops/pool.h"
#include "raceline/graph/ops/reduce.h"
#include "raceline/graph/ops/sampling.h"
#include "raceline/tensor/tensor.h"

namespace raceline {

enum class OpKind : uint8_t {
  conv2d,
  conv3d,
  conv_transpose,
  conv2d_max_pool,
  max_pool,
  average_pool,
  gemm,
  matmul,
  batch_norm,
  lrn,
  softmax,
  unary,
  binary,
  concat,
  reshape,
  transpose,
  slice,
  gather,
  pad,
  cast,
  expand,
  shape_of,
  identity,
  reduce,
  arg_reduce,
  top_k,
  cum_sum,
  where,
  gather_elements,
  gather_nd,
  scatter_elements,
  scatter_nd,
  compress,
  non_zero,
  non_max_suppression,
  resize,
  grid_sample,
  roi_align,
  reorder,
};

using OpParams =
    std::variant<NoParams, ConvParams, ConvTransposeParams, ConvMaxPoolParams, PoolParams, GemmParams,
                 BatchNormParams, LrnParams, SoftmaxParams, UnaryParams, BinaryParams, ConcatParams,
                 ReshapeParams, TransposeParams, SliceParams, GatherParams, PadParams, CastParams,
                 ExpandParams, ShapeOfParams, ReorderParams, ReduceParams, ArgReduceParams, TopKParams,
                 CumSumParams, GatherNdParams, ScatterParams, CompressParams, NonMaxSuppressionParams,
                 ResizeParams, GridSampleParams, RoiAlignParams>;

/// What the table knows of an op. Operands that may be absent are passed as empty pointers.
struct OpInfo {
  using Operands = std::span<const TensorDesc* const>;

  OpKind op;
  std::string_view name;  ///< "conv2d"; the first part of its primitives' names
  OpParams defaults;      ///< holds the alternative of OpParams that belongs to the op
  int min_operands, max_operands;
  /// Fills what was left empty (strides of one, pads of zero), so that equal layers have equal parameters.
  void (*normalise)(OpParams&, Operands);
  /// The outputs' types and shapes. Throws GraphError saying what was given and what was wanted.
  std::vector<TensorDesc> (*infer)(const OpParams&, Operands);
  /// Floating-point operations, a multiply-add counted as two; 0 for ops that move data.
  double (*flops)(const OpParams&, Operands, std::span<const TensorDesc> outputs);
  /// The size of output 0 depends on data: infer gives the largest, and output 1 is the actual shape, an i64
  /// tensor of shape [rank]. Elements stand where they would in a tensor of the largest shape.
  bool sized = false;
};

/// The row of an op; every OpKind has one.
const OpInfo& op_info(OpKind op);
std::span<const OpInfo> all_ops();
/// The op's name.
std::string_view to_string(OpKind op);
/// Throws ParseError naming the nearest ops.
OpKind parse_op(std::string_view name);

}  // namespace raceline
