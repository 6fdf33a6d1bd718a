// Random layers of every op, for properties that all layers have.
#pragma once
#include <array>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/graph/layer_desc.h"

namespace raceline::test {

/// Random layers of every op. Made from parts that fit more often than not; those that don't are drawn again.
class LayerMaker {
 public:
  explicit LayerMaker(uint64_t seed) : random_(seed) {}

  LayerDesc make(OpKind op) {
    for (;;) {
      try {
        return draw(op);
      } catch (const GraphError&) {
        continue;
      }
    }
  }
  Random& random() { return random_; }

 private:
  int64_t from(int64_t least, int64_t most) { return least + random_.below(most - least + 1); }
  std::vector<int64_t> values(int64_t count, int64_t least, int64_t most) {
    if (random_.below(3) == 0) return {};
    std::vector<int64_t> list;
    while (static_cast<int64_t>(list.size()) < count) list.push_back(from(least, most));
    return list;
  }
  Shape shape(int64_t rank, int64_t least = 1, int64_t most = 9) {
    std::vector<int64_t> dims;
    while (static_cast<int64_t>(dims.size()) < rank) dims.push_back(from(least, most));
    return Shape(dims);
  }
  float real() {
    constexpr std::array<float, 8> some = {0, 1, 6, -0.5f, 1e-5f, 0.01f, 3.4e38f, 16777217.0f};
    return random_.below(3) == 0 ? some[static_cast<size_t>(random_.below(8))]
                                 : static_cast<float>(random_.normal());
  }
  OperandDesc operand(const Shape& shape, DataType type = DataType::f32) {
    OperandDesc operand{.desc = {type, shape}};
    operand.constant = random_.below(3) == 0;
    if (operand.constant && random_.below(4) == 0) {
      operand.density = static_cast<uint8_t>(random_.below(256));
      if (random_.below(2) == 0) operand.block_density = static_cast<uint8_t>(random_.below(256));
    }
    if (random_.below(8) == 0) operand.scale = real();
    if (random_.below(8) == 0) operand.zero_point = static_cast<int32_t>(random_.next());
    return operand;
  }
  UnaryParams unary(bool integers) {
    for (;;) {
      const auto kind = static_cast<UnaryKind>(random_.below(static_cast<int64_t>(UnaryKind::logical_not)));
      if (!integers || kind == UnaryKind::abs || kind == UnaryKind::clip) return {kind, real(), real()};
    }
  }
  template <class Params>
  Params window(int64_t spatial) {
    Params p;
    p.stride = values(spatial, 1, 3);
    p.dilation = values(spatial, 1, 2);
    p.pads_begin = values(spatial, 0, 2);
    p.pads_end = values(spatial, 0, 2);
    return p;
  }

  LayerDesc draw(OpKind op) {
    std::vector<OperandDesc> inputs;
    OpParams params = op_info(op).defaults;
    int outputs = 1;
    const bool is_flat = op == OpKind::conv2d || op == OpKind::conv2d_max_pool;
    const int64_t spatial = is_flat ? 2 : op == OpKind::conv3d ? 3 : from(1, 3);
    const int64_t group = from(1, 3);
    switch (op) {
      case OpKind::conv2d:
      case OpKind::conv2d_max_pool:
      case OpKind::conv3d: {
        auto p = window<ConvParams>(spatial);
        p.group = group;
        const Shape weights = shape(spatial + 2, 1, 3);
        inputs = {operand(shape(spatial + 2, 3, 9).with(1, group * weights[1])),
                  operand(weights.with(0, group * weights[0]))};
        if (random_.below(2) == 0) inputs.push_back(operand(Shape{group * weights[0]}));
        params = p;
        if (op == OpKind::conv2d_max_pool) params = ConvMaxPoolParams{p, values(2, 1, 3)};
        break;
      }
      case OpKind::conv_transpose: {
        auto p = window<ConvTransposeParams>(spatial);
        p.output_padding = values(spatial, 0, 1);
        p.group = group;
        const Shape weights = shape(spatial + 2, 1, 3).with(0, group * from(1, 2));
        inputs = {operand(shape(spatial + 2, 3, 9).with(1, weights[0])), operand(weights)};
        params = p;
        break;
      }
      case OpKind::max_pool:
      case OpKind::average_pool: {
        auto p = window<PoolParams>(spatial);
        p.kernel = values(spatial, 1, 3);
        p.ceil_mode = random_.below(2) == 1;
        p.count_include_pad = random_.below(2) == 1;
        p.column_major = random_.below(2) == 1;
        inputs = {operand(shape(spatial + 2))};
        if (op == OpKind::max_pool) outputs = static_cast<int>(from(1, 2));
        params = p;
        break;
      }
      case OpKind::gemm: {
        const GemmParams p{real(), real(), random_.below(2) == 1, random_.below(2) == 1};
        const int64_t m = from(1, 9), k = from(1, 9), n = from(1, 9);
        inputs = {operand(p.trans_a ? Shape{k, m} : Shape{m, k}),
                  operand(p.trans_b ? Shape{n, k} : Shape{k, n})};
        if (random_.below(2) == 0) inputs.push_back(operand(random_.below(2) == 0 ? Shape{n} : Shape{}));
        params = p;
        break;
      }
      case OpKind::matmul: {
        const int64_t k = from(1, 9);
        inputs = {operand(Shape{2, from(1, 9), k}),
                  operand(random_.below(2) == 0 ? Shape{k} : Shape{1, k, from(1, 9)})};
        break;
      }
      case OpKind::batch_norm: {
        const Shape x = shape(from(2, 5));
        inputs = {operand(x)};
        for (int index = 0; index < 4; ++index) inputs.push_back(operand(Shape{x[1]}));
        params = BatchNormParams{real()};
        break;
      }
      case OpKind::lrn:
        inputs = {operand(shape(4))};
        params = LrnParams{from(1, 7), real(), real(), real()};
        break;
      case OpKind::softmax: {
        const int64_t first = from(0, 2);
        inputs = {operand(shape(from(3, 4)))};
        params = SoftmaxParams{first, from(first + 1, 3), random_.below(2) == 1};
        break;
      }
      case OpKind::unary: {
        const bool integers = random_.below(4) == 0;
        inputs = {operand(shape(from(0, 8)), integers ? DataType::i32 : DataType::f32)};
        params = unary(integers);
        break;
      }
      case OpKind::binary: {
        const Shape x = shape(from(1, 4));
        inputs = {operand(x), operand(random_.below(2) == 0 ? x : Shape{x[x.rank() - 1]})};
        params = BinaryParams{static_cast<BinaryKind>(random_.below(15))};
        break;
      }
      case OpKind::concat: {
        const Shape x = shape(from(1, 4));
        const int64_t axis = random_.below(x.rank());
        for (int64_t left = from(1, 5); left > 0; --left) {
          inputs.push_back(operand(x.with(static_cast<int>(axis), from(0, 5))));
        }
        params = ConcatParams{random_.below(2) == 0 ? axis : axis - x.rank()};
        break;
      }
      case OpKind::reshape: {
        const int64_t a = from(1, 9), b = from(1, 9);
        inputs = {operand(random_.below(4) == 0 ? Shape{} : Shape{a, b})};
        if (inputs[0].desc.shape.rank() > 0) params = ReshapeParams{{b, 1, a}};
        break;
      }
      case OpKind::transpose:
        inputs = {operand(shape(3))};
        params = random_.below(2) == 0 ? TransposeParams{} : TransposeParams{{1, 2, 0}};
        break;
      case OpKind::slice: {
        inputs = {operand(shape(2, 4, 9))};
        params = SliceParams{values(2, 0, 3), values(2, 0, 4), values(2, -1, 2)};
        break;
      }
      case OpKind::gather:
        inputs = {operand(shape(from(1, 3))),
                  operand(shape(from(0, 3)), random_.below(2) == 0 ? DataType::i64 : DataType::i32)};
        params = GatherParams{random_.below(2) - 1};
        break;
      case OpKind::pad:
        inputs = {operand(shape(2, 3, 9))};
        params = PadParams{static_cast<PadMode>(random_.below(4)), values(2, -1, 2), values(2, -1, 2),
                           random_.normal()};
        break;
      case OpKind::cast:
        inputs = {operand(shape(from(0, 4)), static_cast<DataType>(random_.below(13)))};
        params = CastParams{static_cast<DataType>(random_.below(13))};
        break;
      case OpKind::expand: {
        const int64_t dim = from(0, 5);
        inputs = {operand(Shape{dim, 1})};
        params = ExpandParams{{from(1, 3), dim, from(0, 4)}};
        break;
      }
      case OpKind::shape_of: {
        const int64_t start = from(0, 3);
        inputs = {operand(shape(3))};
        params = ShapeOfParams{start, from(start, 3)};
        break;
      }
      case OpKind::identity:
        inputs = {operand(shape(from(0, 8), 0, 3), static_cast<DataType>(random_.below(13)))};
        break;
      case OpKind::resize: {
        ResizeParams p;
        p.mode = static_cast<Interpolation>(random_.below(3));
        p.place = static_cast<ResizePlace>(random_.below(7));
        p.rounding = static_cast<NearestRounding>(random_.below(5));
        const Shape x = shape(from(1, 4));
        if (random_.below(3) > 0) {
          for (const int64_t dim : x.dims()) p.sizes.push_back(random_.below(2) == 0 ? dim : from(1, 9));
        }
        if (random_.below(3) == 0) {
          for (const int64_t dim : p.sizes)
            p.scales.push_back(static_cast<float>(dim) / static_cast<float>(from(1, 9)));
        }
        p.cubic_a = real();
        p.exclude_outside = random_.below(2) == 1;
        p.antialias = random_.below(2) == 1;
        p.extrapolation = real();
        if (random_.below(2) == 0) p.roi.assign(2 * static_cast<size_t>(x.rank()), 0.25f);
        inputs = {operand(x)};
        params = p;
        break;
      }
      case OpKind::grid_sample: {
        const Shape x = shape(spatial + 2);
        inputs = {operand(x),
                  operand(shape(spatial + 2).with(0, x[0]).with(static_cast<int>(spatial) + 1, spatial))};
        params = GridSampleParams{static_cast<Interpolation>(random_.below(3)),
                                  static_cast<GridPadding>(random_.below(3)), random_.below(2) == 1};
        break;
      }
      case OpKind::roi_align: {
        const int64_t rois = from(0, 5);
        inputs = {operand(shape(4)), operand(Shape{rois, 4}), operand(Shape{rois}, DataType::i64)};
        params = RoiAlignParams{from(1, 7),           from(1, 7), from(0, 3), real(), random_.below(2) == 1,
                                random_.below(2) == 1};
        break;
      }
      case OpKind::reorder: {
        const auto side = [&](DataType type) {
          return Interface{
              {static_cast<DeviceKind>(random_.below(3)), static_cast<uint8_t>(random_.below(3))},
              static_cast<Layout>(random_.below(4)),
              type};
        };
        const auto type = static_cast<DataType>(random_.below(13));
        inputs = {operand(shape(4), type)};
        params = ReorderParams{side(type), side(static_cast<DataType>(random_.below(13)))};
        break;
      }
      case OpKind::reduce:
        inputs = {operand(shape(from(0, 4)))};
        params = ReduceParams{static_cast<ReduceKind>(random_.below(10)), values(from(0, 3), -2, 3), flip()};
        break;
      case OpKind::arg_reduce:
        inputs = {operand(shape(3))};
        params = ArgReduceParams{from(-3, 2), flip(), flip(), flip()};
        break;
      case OpKind::top_k:
        inputs = {operand(shape(3))};
        params = TopKParams{from(0, 5), from(-3, 2), flip()};
        outputs = static_cast<int>(from(1, 2));
        break;
      case OpKind::cum_sum:
        inputs = {operand(shape(3))};
        params = CumSumParams{from(-3, 2), flip(), flip()};
        break;
      case OpKind::where: {
        const Shape x = shape(from(1, 4));
        inputs = {operand(flip() ? x : Shape{1}, DataType::boolean), operand(x),
                  operand(flip() ? x : Shape{x[x.rank() - 1]})};
        break;
      }
      case OpKind::gather_elements:
      case OpKind::scatter_elements: {
        const Shape x = shape(from(1, 4));
        const auto axis = static_cast<int>(random_.below(x.rank()));
        inputs = {operand(x), operand(x.with(axis, from(0, 9)), index_type())};
        params = GatherParams{axis};
        if (op == OpKind::gather_elements) break;
        inputs.push_back(operand(inputs[1].desc.shape));
        params = ScatterParams{static_cast<ScatterReduction>(random_.below(5)), axis - x.rank()};
        break;
      }
      case OpKind::gather_nd: {
        const Shape x = shape(4);
        inputs = {operand(x), operand(Shape{x[0], from(1, 5), from(1, 3)}, index_type())};
        params = GatherNdParams{from(0, 1)};
        break;
      }
      case OpKind::scatter_nd: {
        const Shape x = shape(3);
        const int64_t count = from(0, 9);
        inputs = {operand(x), operand(Shape{count, 2}, index_type()), operand(Shape{count, x[2]})};
        params = ScatterParams{static_cast<ScatterReduction>(random_.below(5)), from(-3, 3)};
        break;
      }
      case OpKind::compress: {
        const Shape x = shape(3);
        const auto axis = static_cast<int>(from(0, 2));
        inputs = {operand(x), operand(Shape{from(0, x[axis])}, DataType::boolean)};
        params = CompressParams{flip() ? axis : axis - 3};
        outputs = static_cast<int>(from(1, 2));
        break;
      }
      case OpKind::non_zero:
        inputs = {operand(shape(from(1, 8), 0, 3), static_cast<DataType>(random_.below(13)))};
        outputs = static_cast<int>(from(1, 2));
        break;
      case OpKind::non_max_suppression: {
        const int64_t images = from(1, 3), boxes = from(0, 9);
        inputs = {operand(Shape{images, boxes, 4}), operand(Shape{images, from(1, 3), boxes})};
        params = NonMaxSuppressionParams{from(0, 12), real(), real(), flip()};
        if (flip()) params = NonMaxSuppressionParams{};
        outputs = static_cast<int>(from(1, 2));
        break;
      }
    }
    return with_epilogue(op, params, inputs, outputs);
  }

  bool flip() { return random_.below(2) == 1; }
  DataType index_type() { return flip() ? DataType::i64 : DataType::i32; }

  LayerDesc with_epilogue(OpKind op, const OpParams& params, std::vector<OperandDesc> inputs, int outputs) {
    const LayerDesc plain = LayerDesc::make(op, params, inputs, {}, outputs);
    if (op == OpKind::reorder || plain.outputs[0].type != DataType::f32 || random_.below(2) == 0)
      return plain;
    std::vector<EpilogueStep> steps;
    for (int64_t left = from(1, 3); left > 0; --left)
      steps.push_back({EpilogueStep::Kind::unary, unary(false)});
    if (random_.below(2) == 0) {
      steps[static_cast<size_t>(random_.below(static_cast<int64_t>(steps.size())))] = {
          EpilogueStep::Kind::add, {}};
      if (random_.below(2) == 0 && static_cast<int>(inputs.size()) < op_info(op).max_operands) {
        inputs.push_back({.present = false});
      }
      inputs.push_back(operand(plain.outputs[0].shape));
    }
    return LayerDesc::make(op, params, inputs, steps, outputs);
  }

  Random random_;
};

}  // namespace raceline::test
