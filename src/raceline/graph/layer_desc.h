// One layer by itself: all that a primitive, the profiler or a predictor may know of it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/op.h"

namespace raceline {

/// An operand of a layer.
struct OperandDesc {
  TensorDesc desc;
  bool present = true;        ///< an optional operand may be absent
  bool constant = false;      ///< known before the first run: weights, bias, tables
  uint8_t density = 0;        ///< of a constant: 0 dense, k: at most 2^-k of the elements are not zero
  uint8_t block_density = 0;  ///< the same of the elements in blocks (graph/density.h) that hold one not zero
  float scale = 0;            ///< of a quantised type: real value = scale * (element - zero_point)
  int32_t zero_point = 0;
  friend bool operator==(const OperandDesc&, const OperandDesc&) = default;
};

/// What a layer does to its result before storing it: adds its last operand (the residual, of the output's
/// shape), or applies a unary function. Steps are applied in order.
struct EpilogueStep {
  enum class Kind : uint8_t { add, unary } kind = Kind::unary;
  UnaryParams unary;
  friend bool operator==(const EpilogueStep&, const EpilogueStep&) = default;
};

/// A layer: op, parameters, operands, outputs and epilogue; a value. Shapes are logical and layouts nchw:
/// which layouts are used is the primitive's affair (but for reorder, whose parameters say it).
struct LayerDesc {
  OpKind op = OpKind::identity;
  OpParams params;
  std::vector<OperandDesc> inputs;
  std::vector<TensorDesc> outputs;
  std::vector<EpilogueStep> epilogue;

  /// A layer of normalised parameters with inferred outputs, of which the first `outputs` are kept. Absent
  /// operands at the end (but before a residual) are dropped, so that equal layers are equal: whether a
  /// convolution has a bias is for its own operands to say, never for their number. Throws GraphError.
  static LayerDesc make(OpKind op, OpParams params, std::vector<OperandDesc> inputs,
                        std::vector<EpilogueStep> epilogue = {}, int outputs = 1);
  /// Conversion of a tensor between two interfaces.
  static LayerDesc reorder(const TensorDesc& tensor, const Interface& from, const Interface& to);

  /// The parameters of the op; the alternative must be the op's own.
  template <class Params>
  const Params& as() const {
    return std::get<Params>(params);
  }
  bool has_residual() const;
  /// Index of the residual operand; only with has_residual().
  size_t residual() const { return inputs.size() - 1; }
  /// Whether a fusion made it: an alternative, which no node is by itself.
  bool is_fused() const { return !epilogue.empty() || op == OpKind::conv2d_max_pool; }
  double flops() const;
  /// Bytes of all operands and outputs, each counted once.
  double bytes_moved() const;
  /// One line that stands for the layer in tables, stores and on the command line:
  /// "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1 +relu". A star marks a constant operand
  /// (*k one of density k, *k/b one of block density b too), "-" an absent one, "@scale@zero" a quantised
  /// one; parameters at their default are left out, "outputs=2" stands for more outputs than one.
  std::string key() const;
  /// The inverse of key(), for layers as make() gives them. Throws ParseError naming the part that is wrong.
  static LayerDesc parse(std::string_view key);
  friend bool operator==(const LayerDesc&, const LayerDesc&) = default;
};

/// "relu", "clip(0,6)", "add".
std::string to_string(const EpilogueStep& step);
/// Throws ParseError.
EpilogueStep parse_epilogue_step(std::string_view text);

}  // namespace raceline
