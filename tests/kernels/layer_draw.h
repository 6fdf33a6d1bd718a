// What layers drawn at random are made of.
#pragma once
#include <initializer_list>
#include <iterator>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {

using Dims = std::vector<int64_t>;

/// Draws shapes, types and operands for a layer of one op.
class LayerDraw {
 public:
  LayerDraw(OpKind op, uint64_t seed) : op_(op), random_(seed * 1000003 + static_cast<uint64_t>(op)) {}

 protected:
  int64_t range(int64_t low, int64_t high) { return low + random_.below(high - low + 1); }
  bool chance(double share) { return random_.uniform() < share; }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[random_.below(static_cast<int64_t>(values.size()))];
  }
  std::vector<int64_t> several(int count, int64_t low, int64_t high) {
    Dims values;
    for (int i = 0; i < count; ++i) values.push_back(range(low, high));
    return values;
  }
  /// Channels: whole blocks, blocks with a tail, or few.
  int64_t channels() {
    return chance(0.4) ? pick<int64_t>({8, 16, 24, 32, 48, 64}) : chance(0.5) ? range(1, 7) : range(8, 50);
  }
  Dims image() { return {range(1, 3), channels(), range(1, 14), range(1, 14)}; }
  Dims any_shape() {
    if (chance(0.4)) return image();
    return several(static_cast<int>(range(0, 5)), 1, 6);
  }
  DataType any_type() {
    constexpr DataType types[] = {DataType::f32,    DataType::f64, DataType::f16, DataType::bf16,
                                  DataType::i8,     DataType::u8,  DataType::i16, DataType::u16,
                                  DataType::i32,    DataType::u32, DataType::i64, DataType::u64,
                                  DataType::boolean};
    return chance(0.4) ? DataType::f32 : types[range(0, static_cast<int64_t>(std::size(types)) - 1)];
  }
  OperandDesc tensor(const Dims& dims, bool constant = false, DataType type = DataType::f32) {
    return {.desc = {type, Shape(dims), Layout::nchw}, .constant = constant};
  }
  OperandDesc typed(const Dims& dims) { return tensor(dims, false, any_type()); }
  /// Some constant weights are sparse, and some of these in blocks.
  void draw_density(OperandDesc& weights) {
    if (!weights.constant || !chance(0.3)) return;
    weights.density = static_cast<uint8_t>(chance(0.05) ? 40 : range(1, 5));
    if (chance(0.5)) weights.block_density = static_cast<uint8_t>(range(1, weights.density));
  }
  static OperandDesc absent() { return {.present = false}; }

  LayerDesc make(OpParams params, std::vector<OperandDesc> inputs, int outputs = 1) {
    return LayerDesc::make(op_, std::move(params), std::move(inputs), {}, outputs);
  }

  OpKind op_;
  Random random_;
};

/// Draws layers that reduce, gather, scatter or choose elements. A drawn layer may break a shape rule.
class ChosenLayers : public LayerDraw {
 public:
  using LayerDraw::LayerDraw;
  LayerDesc draw_chosen();

 private:
  LayerDesc reduce();
  LayerDesc where();
  LayerDesc compress();
  LayerDesc suppression();
  /// gather_elements and scatter_elements.
  LayerDesc elements();
  /// gather_nd and scatter_nd.
  LayerDesc places();
  template <class Params>
  LayerDesc along_axis(Params params);
  ScatterReduction scatter_reduction();
};

/// The layer with another type of floats in place of f32.
inline LayerDesc with_floats(const LayerDesc& layer, DataType type) {
  if (layer.op == OpKind::reorder) return layer;
  std::vector<OperandDesc> inputs = layer.inputs;
  for (OperandDesc& operand : inputs) {
    if (operand.present && operand.desc.type == DataType::f32) operand.desc.type = type;
  }
  return LayerDesc::make(layer.op, layer.params, std::move(inputs), layer.epilogue,
                         static_cast<int>(layer.outputs.size()));
}

}  // namespace raceline
