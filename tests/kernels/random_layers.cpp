#include "tests/kernels/random_layers.h"

#include <algorithm>

#include "raceline/base/error.h"
#include "raceline/profile/error_bound.h"
#include "tests/kernels/layer_draw.h"

namespace raceline {
namespace {

/// Draws the parts of a layer. A drawn layer may break a shape rule; random_layer() then draws another.
class Sampler : public ChosenLayers {
 public:
  using ChosenLayers::ChosenLayers;

  LayerDesc draw() {
    switch (op_) {
      case OpKind::conv2d:
      case OpKind::conv2d_max_pool:
        return conv(2);
      case OpKind::conv3d:
        return conv(3);
      case OpKind::conv_transpose:
        return conv_transpose();
      case OpKind::max_pool:
      case OpKind::average_pool:
        return pool();
      case OpKind::gemm:
        return gemm();
      case OpKind::matmul:
        return matmul();
      case OpKind::batch_norm:
        return batch_norm();
      case OpKind::lrn:
        return make(
            LrnParams{.size = range(1, 7), .alpha = pick({1e-4f, 0.5f}), .beta = pick({0.75f, 0.5f, 1.0f})},
            {tensor(image())});
      case OpKind::softmax:
        return softmax();
      case OpKind::unary:
        return unary();
      case OpKind::binary:
        return binary();
      case OpKind::concat:
        return concat();
      case OpKind::reshape:
        return reshape();
      case OpKind::transpose:
        return transpose();
      case OpKind::slice:
        return slice();
      case OpKind::gather:
        return gather();
      case OpKind::pad:
        return pad();
      case OpKind::cast:
        return make(CastParams{any_type()}, {typed(any_shape())});
      case OpKind::expand:
        return expand();
      case OpKind::shape_of: {
        const Dims dims = any_shape();
        const int64_t end = range(0, static_cast<int64_t>(dims.size()));
        return make(ShapeOfParams{range(0, end), end}, {typed(dims)});
      }
      case OpKind::identity:
        return make(NoParams{}, {typed(any_shape())});
      case OpKind::resize:
        return resize();
      case OpKind::grid_sample:
        return grid_sample();
      case OpKind::roi_align:
        return roi_align();
      case OpKind::reorder: {
        const TensorDesc desc{any_type(), Shape(image()), Layout::nchw};
        const auto from = pick({0, 1, 2, 3});
        const auto to = (from + pick({1, 2, 3})) % 4;
        return LayerDesc::reorder(desc, {{}, all_layouts[from], desc.type}, {{}, all_layouts[to], desc.type});
      }
      default:
        return draw_chosen();
    }
  }

 private:
  /// Functions that make no error larger: exp has cases of its own.
  EpilogueStep unary_step() {
    UnaryParams unary{.kind = pick({UnaryKind::relu, UnaryKind::relu, UnaryKind::clip, UnaryKind::leaky_relu,
                                    UnaryKind::sigmoid, UnaryKind::tanh, UnaryKind::hard_swish,
                                    UnaryKind::elu, UnaryKind::hard_sigmoid})};
    if (unary.kind == UnaryKind::clip) unary.beta = 6;
    if (unary.kind == UnaryKind::leaky_relu) unary.alpha = 0.1f;
    if (unary.kind == UnaryKind::elu) unary.alpha = 1;
    if (unary.kind == UnaryKind::hard_sigmoid) unary = {unary.kind, 0.2f, 0.5f};
    return {EpilogueStep::Kind::unary, unary};
  }

  /// Adds an epilogue to most layers; the residual follows the op's operands.
  LayerDesc with_epilogue(const OpParams& params, std::vector<OperandDesc> inputs) {
    const LayerDesc plain = LayerDesc::make(op_, params, inputs);
    std::vector<EpilogueStep> steps;
    if (chance(0.2)) steps.push_back(unary_step());
    const bool adds = chance(0.3);
    if (adds) steps.push_back({EpilogueStep::Kind::add, {}});
    if (chance(0.4)) steps.push_back(unary_step());
    if (adds) inputs.push_back({.desc = plain.outputs[0]});
    return LayerDesc::make(op_, params, std::move(inputs), std::move(steps));
  }

  OperandDesc maybe_bias(int64_t count, bool constant) {
    return chance(0.7) ? tensor({count}, constant) : absent();
  }

  template <class Params>
  void draw_window(Params& p, int spatial, const Dims& kernel) {
    if (chance(0.4))
      p.stride = chance(0.5) ? Dims(static_cast<size_t>(spatial), range(1, 4)) : several(spatial, 1, 4);
    if (chance(0.2)) p.dilation = several(spatial, 1, 3);
    if (chance(0.7)) {
      p.pads_begin = p.pads_end = Dims(kernel.size());
      for (size_t i = 0; i < kernel.size(); ++i) p.pads_begin[i] = p.pads_end[i] = (kernel[i] - 1) / 2;
      if (chance(0.25)) p.pads_end = several(spatial, 0, 3);
    }
  }

  Dims draw_kernel(int spatial) {
    if (chance(0.3)) return Dims(static_cast<size_t>(spatial), 1);
    if (chance(0.5)) return Dims(static_cast<size_t>(spatial), 3);
    return several(spatial, 1, spatial == 3 ? 3 : 7);
  }

  LayerDesc conv(int spatial) {
    ConvParams p;
    int64_t inputs = channels(), outputs = channels();
    if (chance(0.2)) {  // depthwise, at times with several outputs a channel
      p.group = inputs;
      outputs = inputs * (chance(0.8) ? 1 : 2);
    } else if (chance(0.2)) {
      p.group = range(2, 4);
      inputs = p.group * range(1, 16);
      outputs = p.group * range(1, 16);
    }
    const Dims kernel = draw_kernel(spatial);
    draw_window(p, spatial, kernel);
    Dims x = {range(1, 5), inputs}, w = {outputs, inputs / p.group};
    const Dims extents = several(spatial, 1, spatial == 3 ? 9 : 20);
    x.insert(x.end(), extents.begin(), extents.end());
    w.insert(w.end(), kernel.begin(), kernel.end());
    const bool constant = chance(0.9);
    OperandDesc weights = tensor(w, constant);
    draw_density(weights);
    OpParams params = p;
    if (op_ == OpKind::conv2d_max_pool)
      params = ConvMaxPoolParams{p, chance(0.7) ? Dims{2, 2} : several(2, 1, 3)};
    return with_epilogue(params, {tensor(x), weights, maybe_bias(outputs, constant)});
  }

  LayerDesc conv_transpose() {
    const int spatial = chance(0.7) ? 2 : pick({1, 3});
    ConvTransposeParams p;
    if (chance(0.3)) p.group = range(2, 3);
    const Dims kernel = draw_kernel(spatial);
    draw_window(p, spatial, kernel);
    if (chance(0.2)) p.output_padding = several(spatial, 0, 2);
    Dims x = {range(1, 3), p.group * range(1, 17)}, w = {x[1], range(1, 20)};
    const Dims extents = several(spatial, 1, spatial == 3 ? 5 : 9);
    x.insert(x.end(), extents.begin(), extents.end());
    w.insert(w.end(), kernel.begin(), kernel.end());
    const bool constant = chance(0.8);
    return with_epilogue(p, {tensor(x), tensor(w, constant), maybe_bias(w[1] * p.group, constant)});
  }

  LayerDesc pool() {
    const int spatial = chance(0.8) ? 2 : pick({1, 3});
    PoolParams p;
    Dims x = {range(1, 3), channels()};
    const Dims extents = several(spatial, 1, spatial == 3 ? 9 : 18);
    x.insert(x.end(), extents.begin(), extents.end());
    p.kernel = chance(0.2) ? extents : draw_kernel(spatial);
    draw_window(p, spatial, p.kernel);
    p.ceil_mode = chance(0.3);
    p.count_include_pad = chance(0.3);
    if (op_ == OpKind::average_pool) return make(p, {tensor(x)});
    const bool with_indices = chance(0.2);
    p.column_major = with_indices && chance(0.3);
    return LayerDesc::make(op_, p, {tensor(x)}, {}, with_indices ? 2 : 1);
  }

  LayerDesc gemm() {
    const int64_t rows = chance(0.4) ? 1 : range(1, 40), columns = range(1, 120), inner = range(1, 200);
    GemmParams p{.trans_a = chance(0.2), .trans_b = chance(0.5)};
    if (chance(0.2)) p.alpha = 0.5f;
    if (chance(0.2)) p.beta = pick({0.0f, -1.5f});
    const bool constant = chance(0.8);
    OperandDesc weights = tensor(p.trans_b ? Dims{columns, inner} : Dims{inner, columns}, constant);
    draw_density(weights);
    const Dims c = pick<Dims>({{columns}, {columns}, {1, columns}, {rows, columns}, {rows, 1}, {1}});
    return with_epilogue(p, {tensor(p.trans_a ? Dims{inner, rows} : Dims{rows, inner}), weights,
                             chance(0.8) ? tensor(c, constant) : absent()});
  }

  LayerDesc matmul() {
    const Dims batch = several(static_cast<int>(range(0, 3)), 1, 4);
    const int64_t inner = range(1, 70);
    Dims a, b;
    for (const int64_t dim : batch) {
      a.push_back(chance(0.2) ? 1 : dim);
      b.push_back(chance(0.2) ? 1 : dim);
    }
    if (chance(0.3)) b.clear();
    a.insert(a.end(), {range(1, 30), inner});
    b.insert(b.end(), {inner, range(1, 50)});
    OperandDesc right = tensor(b, chance(0.4));
    draw_density(right);
    return with_epilogue(NoParams{}, {tensor(a), right});
  }

  LayerDesc batch_norm() {
    const Dims x = chance(0.8) ? image() : several(static_cast<int>(range(2, 5)), 1, 7);
    const OperandDesc statistic = tensor({x[1]}, chance(0.8));
    return make(BatchNormParams{}, {tensor(x), statistic, statistic, statistic, statistic});
  }

  LayerDesc softmax() {
    const Dims x = chance(0.5) ? image() : several(static_cast<int>(range(1, 5)), 1, 20);
    const auto rank = static_cast<int64_t>(x.size());
    SoftmaxParams p;
    p.first_axis = range(0, rank - 1);
    p.end_axis = chance(0.6) ? p.first_axis + 1 : rank;
    p.log = chance(0.3);
    return make(p, {tensor(x)});
  }

  LayerDesc unary() {
    UnaryParams p{.kind = static_cast<UnaryKind>(range(0, static_cast<int64_t>(UnaryKind::logical_not)))};
    p.alpha = static_cast<float>(random_.uniform(-1, 1));
    p.beta = p.alpha + 1;
    if (p.kind == UnaryKind::logical_not) return make(p, {tensor(any_shape(), false, DataType::boolean)});
    return make(p, {chance(0.8) ? tensor(any_shape()) : typed(any_shape())});
  }

  LayerDesc binary() {
    const BinaryParams p{static_cast<BinaryKind>(range(0, static_cast<int64_t>(BinaryKind::logical_xor)))};
    DataType type = chance(0.7) ? DataType::f32 : any_type();
    if (p.kind >= BinaryKind::logical_and) type = DataType::boolean;
    const Dims a = any_shape();
    Dims b = a;
    if (chance(0.6)) {
      for (int64_t& dim : b) dim = chance(0.4) ? 1 : dim;
      while (!b.empty() && b[0] == 1 && chance(0.6)) b.erase(b.begin());
    }
    const OperandDesc left = tensor(a, false, type), right = tensor(b, chance(0.4), type);
    return chance(0.8) ? make(p, {left, right}) : make(p, {right, left});
  }

  LayerDesc concat() {
    Dims dims = chance(0.6) ? image() : several(static_cast<int>(range(1, 5)), 1, 6);
    const auto axis = dims.size() == 4 && chance(0.7) ? 1 : range(0, static_cast<int64_t>(dims.size()) - 1);
    const DataType type = any_type();
    std::vector<OperandDesc> inputs;
    for (int64_t i = range(1, 5); i > 0; --i) {
      dims[static_cast<size_t>(axis)] = chance(0.5) ? 16 : range(0, 20);
      inputs.push_back(tensor(dims, false, type));
    }
    return make(ConcatParams{axis}, std::move(inputs));
  }

  LayerDesc reshape() {
    Dims from = any_shape();
    if (chance(0.3)) from = {range(1, 3), chance(0.5) ? 16 * range(1, 4) : channels(), 1, 1};
    const int64_t elements = Shape(from).elements();
    Dims to = {elements};
    if (chance(0.5) && !from.empty()) to = {from[0], elements / from[0]};
    if (chance(0.3)) to.insert(to.end(), {1, 1});
    return make(ReshapeParams{to}, {typed(from)});
  }

  LayerDesc transpose() {
    const Dims dims = any_shape();
    Dims perm;
    for (size_t axis = 0; axis < dims.size(); ++axis) perm.push_back(static_cast<int64_t>(axis));
    random_.shuffle(perm);
    return make(TransposeParams{perm}, {typed(dims)});
  }

  LayerDesc slice() {
    const Dims dims = any_shape();
    SliceParams p;
    for (const int64_t dim : dims) {
      const int64_t first = range(0, dim - 1), last = range(0, dim - 1), step = range(1, 3);
      p.start.push_back(first);
      p.step.push_back(first <= last ? step : -step);
      p.size.push_back(chance(0.05) ? 0 : std::abs(last - first) / step + 1);
    }
    return make(p, {typed(dims)});
  }

  LayerDesc gather() {
    const Dims dims = several(static_cast<int>(range(1, 4)), 1, 9);
    const int64_t axis = range(0, static_cast<int64_t>(dims.size()) - 1);
    const Dims indices = several(static_cast<int>(range(0, 2)), 1, 7);
    return make(GatherParams{axis},
                {typed(dims), tensor(indices, false, pick({DataType::i32, DataType::i64}))});
  }

  LayerDesc pad() {
    const Dims dims = any_shape();
    const auto rank = static_cast<int>(dims.size());
    PadParams p{
        .mode = pick({PadMode::constant, PadMode::constant, PadMode::reflect, PadMode::edge, PadMode::wrap})};
    p.begin = several(rank, chance(0.3) ? -2 : 0, 3);
    p.end = several(rank, chance(0.3) ? -2 : 0, 3);
    p.value = chance(0.5) ? 0 : 1;
    return make(p, {typed(dims)});
  }

  LayerDesc expand() {
    const Dims to = any_shape();
    Dims from = to;
    for (int64_t& dim : from) dim = chance(0.5) ? 1 : dim;
    while (!from.empty() && from[0] == 1 && chance(0.5)) from.erase(from.begin());
    return make(ExpandParams{to}, {typed(from)});
  }

  LayerDesc resize() {
    ResizeParams p;
    p.mode = pick({Interpolation::nearest, Interpolation::nearest, Interpolation::linear,
                   Interpolation::linear, Interpolation::cubic});
    p.place = chance(0.4) ? ResizePlace::half_pixel : static_cast<ResizePlace>(range(0, 6));
    p.rounding = chance(0.4) ? NearestRounding::floor : static_cast<NearestRounding>(range(0, 4));
    const bool is_image = chance(0.8);
    const Dims dims = is_image ? image() : several(static_cast<int>(range(0, 5)), 1, 6);
    p.sizes = dims;
    p.scales.assign(dims.size(), 0);
    const bool by_factor = chance(0.4);
    for (size_t axis = is_image ? 2 : 0; axis < dims.size(); ++axis) {
      p.sizes[axis] = by_factor ? 2 * dims[axis] : range(1, is_image ? 24 : 9);
      if (chance(0.2)) {
        p.scales[axis] = static_cast<float>(random_.uniform(0.4, 2.5));
        p.sizes[axis] = static_cast<int64_t>(static_cast<float>(dims[axis]) * p.scales[axis]);
      }
    }
    p.antialias = chance(0.2);
    p.exclude_outside = chance(0.2);
    if (p.place == ResizePlace::tf_crop_and_resize) {
      for (size_t i = 0; i < 2 * dims.size(); ++i) {
        const double end = i < dims.size() ? 0 : 1;
        p.roi.push_back(chance(0.5) ? static_cast<float>(end)
                                    : static_cast<float>(random_.uniform(-0.2, 1.2)));
      }
      p.extrapolation = 1;
    }
    return make(p, {chance(0.8) ? tensor(dims) : typed(dims)});
  }

  LayerDesc grid_sample() {
    const GridSampleParams p{static_cast<Interpolation>(range(0, 2)), static_cast<GridPadding>(range(0, 2)),
                             chance(0.5)};
    const int spatial = chance(0.7) ? 2 : pick({1, 3});
    Dims x = {range(1, 3), range(1, 9)}, grid = {x[0]};
    for (int axis = 0; axis < spatial; ++axis) {
      x.push_back(range(1, 9));
      grid.push_back(range(1, 7));
    }
    grid.push_back(spatial);
    return make(p, {tensor(x), tensor(grid)});
  }

  LayerDesc roi_align() {
    RoiAlignParams p{range(1, 7), range(1, 7), range(0, 3), pick({1.0f, 0.5f, 2.0f}),
                     chance(0.5), chance(0.3)};
    const int64_t rois = range(0, 5);
    return make(p, {tensor({range(1, 3), range(1, 9), range(1, 14), range(1, 14)}), tensor({rois, 4}),
                    tensor({rois}, false, DataType::i64)});
  }
};

}  // namespace

LayerDesc random_layer(OpKind op, uint64_t seed) {
  Sampler sampler(op, seed);
  // Errors are measured against the largest output; a sum that stands alone may cancel to nearly nothing.
  const int64_t least_outputs = sums_products(op) ? 16 : 0;
  while (true) {
    try {
      LayerDesc layer = sampler.draw();
      const int64_t outputs = layer.outputs[0].shape.elements();
      if (layer.flops() < 2e7 && outputs >= least_outputs && outputs < 1 << 18) {
        // Most primitives are for f32; one layer in eight asks them what they say to others.
        constexpr DataType floats[] = {DataType::f16, DataType::bf16, DataType::f64};
        Random random(seed * 7919 + static_cast<uint64_t>(op));
        return random.below(8) == 0 ? with_floats(layer, floats[random.below(3)]) : layer;
      }
    } catch (const GraphError&) {
      // Broke a shape rule, such as a kernel larger than the image: draw another.
    }
  }
}

}  // namespace raceline
