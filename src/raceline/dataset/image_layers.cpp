// Layers that work on one activation: everything but windows and matrix products.
#include <array>

#include "raceline/dataset/layer_draws.h"

namespace raceline {

std::optional<LayerDesc> image_layer(std::string_view type, const Image& image, Random& random) {
  const OperandDesc x = activation(image);
  const Shape& shape = x.desc.shape;
  const OperandDesc per_channel = weights(Shape{image.channels});
  const auto elementwise = [&](BinaryKind kind) {
    // Mostly two tensors of one shape; or a factor for each channel, as in squeeze and excitation.
    OperandDesc other = x;
    if (kind == BinaryKind::mul && chance(random, 0.5)) {
      other = activation({image.batch, image.channels, 1, 1});
    }
    return LayerDesc::make(OpKind::binary, BinaryParams{kind}, {x, other});
  };
  if (type == "global_pool") {
    if (image.height * image.width == 1) return std::nullopt;
    return LayerDesc::make(OpKind::average_pool, PoolParams{.kernel = {image.height, image.width}}, {x});
  }
  if (type == "batch_norm") {
    return LayerDesc::make(OpKind::batch_norm, BatchNormParams{},
                           {x, per_channel, per_channel, per_channel, per_channel});
  }
  if (type == "lrn")
    return LayerDesc::make(OpKind::lrn, LrnParams{.size = 2 * between(random, 1, 3) - 1}, {x});
  if (type == "softmax") {
    const Shape flat{image.batch * image.height, image.channels};
    const OperandDesc rows{.desc = {DataType::f32, flat}};
    return LayerDesc::make(OpKind::softmax, SoftmaxParams{.first_axis = 1, .end_axis = 2}, {rows});
  }
  if (type == "activation") {
    const std::array<UnaryParams, 6> kinds{{{UnaryKind::relu},
                                            {UnaryKind::clip, 0, 6},
                                            {UnaryKind::sigmoid},
                                            {UnaryKind::tanh},
                                            {UnaryKind::leaky_relu, 0.1f},
                                            {UnaryKind::elu, 1}}};
    return LayerDesc::make(OpKind::unary, kinds[static_cast<size_t>(random.below(kinds.size()))], {x});
  }
  if (type == "prelu") {
    return LayerDesc::make(OpKind::binary, BinaryParams{BinaryKind::prelu},
                           {x, weights(Shape{image.channels, 1, 1})});
  }
  if (type == "add") return elementwise(BinaryKind::add);
  if (type == "mul") return elementwise(BinaryKind::mul);
  if (type == "concat") {
    std::vector<OperandDesc> parts(static_cast<size_t>(between(random, 2, 4)), x);
    for (size_t part = 1; part < parts.size(); ++part) {
      Image other = image;
      other.channels = jitter(random, image.channels, 4);
      parts[part] = activation(other);
    }
    return LayerDesc::make(OpKind::concat, ConcatParams{1}, std::move(parts));
  }
  if (type == "reshape") {
    return LayerDesc::make(OpKind::reshape, ReshapeParams{{shape[0], shape.elements(1, shape.rank())}}, {x});
  }
  if (type == "transpose") {
    const std::array<std::vector<int64_t>, 3> orders{{{0, 2, 3, 1}, {0, 3, 1, 2}, {0, 1, 3, 2}}};
    return LayerDesc::make(OpKind::transpose, TransposeParams{orders[static_cast<size_t>(random.below(3))]},
                           {x});
  }
  if (type == "slice") {
    const int64_t from = random.below(image.channels), size = between(random, 1, image.channels - from);
    return LayerDesc::make(
        OpKind::slice,
        SliceParams{{0, from, 0, 0}, {image.batch, size, image.height, image.width}, {1, 1, 1, 1}}, {x});
  }
  if (type == "pad") {
    const int64_t edge = between(random, 1, 3);
    return LayerDesc::make(OpKind::pad, PadParams{.begin = {0, 0, edge, edge}, .end = {0, 0, edge, edge}},
                           {x});
  }
  if (type == "resize") {
    ResizeParams p;
    p.mode = chance(random, 0.5) ? Interpolation::nearest : Interpolation::linear;
    p.place = p.mode == Interpolation::nearest ? ResizePlace::asymmetric : ResizePlace::half_pixel;
    p.rounding = NearestRounding::floor;
    const int64_t factor = between(random, 2, 4);
    p.sizes = {image.batch, image.channels, image.height * factor, image.width * factor};
    return LayerDesc::make(OpKind::resize, p, {x});
  }
  return std::nullopt;
}

}  // namespace raceline
