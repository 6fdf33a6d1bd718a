#include "raceline/dataset/layer_draws.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

template <size_t n>
int64_t one_of(Random& random, const std::array<int64_t, n>& values) {
  return values[static_cast<size_t>(random.below(n))];
}

std::vector<EpilogueStep> maybe_relu(bool relu) {
  if (!relu) return {};
  return {EpilogueStep{.kind = EpilogueStep::Kind::unary, .unary = {UnaryKind::relu}}};
}

/// TensorFlow's padding "same": the output has ceil(in / stride) elements; the odd element stands at the end.
void pad_same(int64_t in, int64_t kernel, int64_t stride, int64_t& begin, int64_t& end) {
  const int64_t out = (in + stride - 1) / stride;
  const int64_t all = std::max<int64_t>(0, (out - 1) * stride + kernel - in);
  begin = all / 2;
  end = all - begin;
}

struct Pads {
  std::vector<int64_t> begin{0, 0}, end{0, 0};
};

Pads pads_of(const WindowLayer& w) {
  Pads pads;
  if (w.same) {
    pad_same(w.image.height, w.kernel_h, w.stride_h, pads.begin[0], pads.end[0]);
    pad_same(w.image.width, w.kernel_w, w.stride_w, pads.begin[1], pads.end[1]);
  }
  return pads;
}

bool fits(const WindowLayer& w) {
  return w.kernel_h <= w.image.height && w.kernel_w <= w.image.width;
}

Image log_image(Random& random, double most_channels = 2048) {
  Image image;
  image.batch = chance(random, 0.5) ? 1 : log_between(random, 1, 64);
  image.height = log_between(random, 1, 512);
  image.width = chance(random, 0.8) ? image.height : log_between(random, 1, 512);
  image.channels = log_between(random, 1, most_channels);
  if (chance(random, 0.5)) image.channels = std::max<int64_t>(1, (image.channels + 4) / 8 * 8);
  return image;
}

int64_t log_kernel(Random& random) {
  return chance(random, 0.9) ? one_of<8>(random, {1, 1, 3, 3, 3, 5, 5, 7}) : between(random, 1, 11);
}

WindowLayer log_window(Random& random) {
  WindowLayer w;
  w.image = log_image(random);
  w.kernel_h = log_kernel(random);
  w.kernel_w = chance(random, 0.85) ? w.kernel_h : log_kernel(random);
  w.stride_h = w.stride_w = one_of<8>(random, {1, 1, 1, 1, 1, 2, 2, 2});
  if (chance(random, 0.1)) w.stride_h = w.stride_w = between(random, 3, 4);
  w.same = chance(random, 0.8);
  w.relu = chance(random, 0.5);
  w.bias = chance(random, 0.7);
  return w;
}

/// The convolution of a layer, if it is one of one image and equal pads' kind.
WindowLayer window_of(const LayerDesc& layer) {
  WindowLayer w;
  const Shape& x = layer.inputs[0].desc.shape;
  w.image = {x[0], x[1], x[2], x[3]};
  w.outputs = layer.outputs[0].shape[1];
  w.relu = !layer.epilogue.empty();
  if (layer.op == OpKind::conv2d) {
    const auto& p = layer.as<ConvParams>();
    const Shape& k = layer.inputs[1].desc.shape;
    w.kernel_h = k[2], w.kernel_w = k[3];
    w.stride_h = p.stride[0], w.stride_w = p.stride[1];
    w.group = p.group;
    w.bias = layer.inputs.size() > 2;
    w.same = p.pads_begin[0] > 0 || p.pads_begin[1] > 0 || k[2] == 1;
  } else {
    const auto& p = layer.as<PoolParams>();
    w.kernel_h = p.kernel[0], w.kernel_w = p.kernel[1];
    w.stride_h = p.stride[0], w.stride_w = p.stride[1];
    w.same = p.pads_begin[0] > 0;
  }
  return w;
}

void change(Image& image, Random& random) {
  if (chance(random, 0.4)) image.batch = log_between(random, 1, 32);
  if (chance(random, 0.6)) {
    const double square = static_cast<double>(image.height) / static_cast<double>(image.width);
    image.width = jitter(random, image.width, 2);
    image.height = std::max<int64_t>(1, std::llround(static_cast<double>(image.width) * square));
  }
}

bool is_rank4(const LayerDesc& layer) {
  return !layer.inputs.empty() && layer.inputs[0].desc.shape.rank() == 4;
}

bool is_window(std::string_view type) {
  return type == "conv" || type == "depthwise" || type == "grouped_conv" || type == "max_pool" ||
         type == "average_pool";
}

std::vector<const PriorLayer*> of_type(std::string_view type, std::span<const PriorLayer> prior) {
  std::vector<const PriorLayer*> found;
  for (const PriorLayer& each : prior) {
    if (layer_type(each.layer) == type && each.layer.outputs[0].shape.elements() > 0) found.push_back(&each);
  }
  return found;
}

}  // namespace

std::optional<LayerDesc> window_layer(std::string_view type, WindowLayer w) {
  if (!fits(w)) return std::nullopt;
  if (type == "max_pool" || type == "average_pool") {
    const bool global = w.kernel_h == w.image.height && w.kernel_w == w.image.width;
    if (global) return std::nullopt;
    return pool_layer(w, type == "max_pool");
  }
  if (type == "depthwise") {
    if (w.image.channels < 2) return std::nullopt;
    w.group = w.outputs = w.image.channels;
  } else if (type == "grouped_conv") {
    if (w.group < 2 || w.image.channels <= w.group) return std::nullopt;
    w.image.channels -= w.image.channels % w.group;
    w.outputs = std::max(w.group, w.outputs - w.outputs % w.group);
    if (w.image.channels == w.group) return std::nullopt;
  } else {
    w.group = 1;
  }
  return conv_layer(w);
}

LayerDesc conv_layer(const WindowLayer& w) {
  const Pads pads = pads_of(w);
  std::vector<OperandDesc> operands{
      activation(w.image), weights(Shape{w.outputs, w.image.channels / w.group, w.kernel_h, w.kernel_w})};
  if (w.bias) operands.push_back(weights(Shape{w.outputs}));
  return LayerDesc::make(OpKind::conv2d,
                         ConvParams{.stride = {w.stride_h, w.stride_w},
                                    .pads_begin = pads.begin,
                                    .pads_end = pads.end,
                                    .group = w.group},
                         std::move(operands), maybe_relu(w.relu));
}

LayerDesc pool_layer(const WindowLayer& w, bool is_max) {
  const Pads pads = pads_of(w);
  return LayerDesc::make(is_max ? OpKind::max_pool : OpKind::average_pool,
                         PoolParams{.kernel = {w.kernel_h, w.kernel_w},
                                    .stride = {w.stride_h, w.stride_w},
                                    .pads_begin = pads.begin,
                                    .pads_end = pads.end},
                         {activation(w.image)}, maybe_relu(w.relu));
}

LayerDesc dense_layer(const DenseLayer& d) {
  std::vector<OperandDesc> operands{{.desc = {DataType::f32, Shape{d.batch, d.inputs}}},
                                    weights(Shape{d.outputs, d.inputs})};
  if (d.bias) operands.push_back(weights(Shape{d.outputs}));
  return LayerDesc::make(OpKind::gemm, GemmParams{.trans_b = true}, std::move(operands), maybe_relu(d.relu));
}

std::optional<LayerDesc> draw_paper(std::string_view type, bool square, Random& random) {
  const auto coin = [&] { return random.below(2) == 1; };
  if (type == "dense") {
    DenseLayer d;
    d.batch = between(random, 1, 64);
    d.inputs = between(random, 1, 4096);
    d.outputs = between(random, 1, 4096);
    d.relu = coin();
    d.bias = coin();
    return dense_layer(d);
  }
  WindowLayer w;
  w.image.batch = between(random, 1, 64);
  w.image.height = between(random, 1, 512);
  w.image.width = square ? w.image.height : between(random, 1, 512);
  w.kernel_h = between(random, 1, 7);
  w.kernel_w = square ? w.kernel_h : between(random, 1, 7);
  w.image.channels = between(random, 1, 9999);
  if (type == "conv") w.outputs = between(random, 1, 9999);
  w.stride_h = between(random, 1, 4);
  w.stride_w = square ? w.stride_h : between(random, 1, 4);
  w.same = coin();
  w.relu = coin();
  w.bias = coin();
  if (!fits(w)) return std::nullopt;
  return type == "conv" ? conv_layer(w) : pool_layer(w, true);
}

std::optional<LayerDesc> draw_log(std::string_view type, Random& random) {
  if (type == "dense") {
    DenseLayer d;
    d.batch = chance(random, 0.4) ? 1 : log_between(random, 1, 64);
    d.inputs = log_between(random, 1, 32768);
    d.outputs = log_between(random, 1, 8192);
    d.relu = chance(random, 0.5);
    d.bias = chance(random, 0.7);
    return dense_layer(d);
  }
  if (is_window(type)) {
    WindowLayer w = log_window(random);
    w.outputs = log_between(random, 1, 2048);
    if (chance(random, 0.5)) w.outputs = std::max<int64_t>(1, (w.outputs + 4) / 8 * 8);
    w.group = one_of<5>(random, {2, 2, 4, 8, 32});
    if (type == "max_pool" || type == "average_pool") {
      w.relu = chance(random, 0.2);
      if (w.kernel_h * w.kernel_w == 1) w.kernel_h = w.kernel_w = 2;
    }
    return window_layer(type, w);
  }
  return image_layer(type, log_image(random), random);
}

std::optional<SampledLayer> draw_prior(std::string_view type, std::span<const PriorLayer> prior,
                                       Random& random) {
  const std::vector<const PriorLayer*> known = of_type(type, prior);
  if (known.empty()) return std::nullopt;
  const PriorLayer& one = *known[static_cast<size_t>(random.below(static_cast<int64_t>(known.size())))];
  std::optional<LayerDesc> layer;
  if (type == "dense") {
    const Shape& w = one.layer.inputs[1].desc.shape;
    const bool trans = one.layer.as<GemmParams>().trans_b;
    DenseLayer d{.inputs = trans ? w[1] : w[0], .outputs = trans ? w[0] : w[1]};
    d.batch = chance(random, 0.5) ? 1 : log_between(random, 1, 64);
    d.inputs = jitter(random, d.inputs, 1.5);
    d.outputs = jitter(random, d.outputs, 1.5);
    d.relu = chance(random, 0.5);
    d.bias = one.layer.inputs.size() > 2;
    layer = dense_layer(d);
  } else if (is_window(type) && is_rank4(one.layer)) {
    WindowLayer w = window_of(one.layer);
    change(w.image, random);
    if (chance(random, 0.6)) w.image.channels = jitter(random, w.image.channels, 1.5);
    if (chance(random, 0.6)) w.outputs = jitter(random, w.outputs, 1.5);
    w.relu = chance(random, 0.5);
    layer = window_layer(type, w);
  } else if (type == "conv_transpose" && is_rank4(one.layer)) {
    const Shape& x = one.layer.inputs[0].desc.shape;
    Image image{x[0], x[1], x[2], x[3]};
    change(image, random);
    std::vector<OperandDesc> operands = one.layer.inputs;
    if (one.layer.as<ConvTransposeParams>().group == 1 && chance(random, 0.6)) {
      const Shape& filters = operands[1].desc.shape;  // inputs, outputs, height, width
      const int64_t outputs = jitter(random, filters[1], 1.5);
      image.channels = jitter(random, filters[0], 1.5);
      operands[1] = weights(Shape{image.channels, outputs, filters[2], filters[3]});
      if (operands.size() > 2) operands[2] = weights(Shape{outputs});
    }
    operands[0] = activation(image);
    layer = LayerDesc::make(one.layer.op, one.layer.params, std::move(operands));
  } else if (is_rank4(one.layer)) {
    const Shape& x = one.layer.inputs[0].desc.shape;
    Image image{x[0], x[1], x[2], x[3]};
    change(image, random);
    if (chance(random, 0.5)) image.channels = jitter(random, image.channels, 1.5);
    layer = image_layer(type, image, random);
  }
  if (!layer) return std::nullopt;
  return SampledLayer{*std::move(layer), "prior:" + one.net};
}

std::vector<LayerDesc> draw_stairs(std::string_view type, std::span<const PriorLayer> prior, Random& random) {
  if (type != "conv" && type != "depthwise" && type != "dense") return {};
  const int64_t step = one_of<4>(random, {8, 16, 32, 64});
  const int64_t first = step * between(random, 1, std::max<int64_t>(1, 512 / step));
  const bool along_outputs = chance(random, 0.5);
  std::vector<LayerDesc> layers;
  const auto line = [&](const auto& make) {
    for (int64_t step_at = 0; step_at < 3; ++step_at) {
      for (const int64_t beside : {-1, 0, 1}) {
        if (std::optional<LayerDesc> layer = make(first + step_at * step + beside)) layers.push_back(*layer);
      }
    }
  };
  if (type == "dense") {
    DenseLayer d{.batch = log_between(random, 1, 16), .inputs = log_between(random, 64, 4096)};
    d.outputs = log_between(random, 64, 4096);
    line([&](int64_t channels) -> std::optional<LayerDesc> {
      (along_outputs ? d.outputs : d.inputs) = channels;
      return dense_layer(d);
    });
    return layers;
  }
  const std::vector<const PriorLayer*> known = of_type(type, prior);
  WindowLayer w = log_window(random);
  if (!known.empty()) {
    w = window_of(known[static_cast<size_t>(random.below(static_cast<int64_t>(known.size())))]->layer);
  }
  line([&](int64_t channels) {
    (along_outputs ? w.outputs : w.image.channels) = channels;
    return window_layer(type, w);
  });
  return layers;
}

}  // namespace raceline
