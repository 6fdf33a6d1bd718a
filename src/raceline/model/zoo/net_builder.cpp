#include "raceline/model/zoo/net_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/hash.h"
#include "raceline/base/random.h"
#include "raceline/model/zoo/prune.h"

namespace raceline {
namespace {

// What layers without weights do to the mean square, roughly: of normal deviates for functions, of random
// networks for pooling, where neighbours are alike.
constexpr double of_sigmoid = 0.3;
constexpr double of_max_pool = 1.5;
constexpr double of_average_pool = 0.5;

std::vector<int64_t> pair(Extent extent) {
  return {extent.height, extent.width};
}

std::vector<OnnxAttribute> window_attributes(Window window) {
  const Extent pad = window.pad;
  return {{"kernel_shape", pair(window.kernel)},
          {"strides", pair(window.stride)},
          {"pads", std::vector<int64_t>{pad.height, pad.width, pad.height, pad.width}}};
}

/// The size of x after a window has passed over it.
Shape windowed(const Shape& x, int64_t channels, Window window, bool ceil = false) {
  const auto extent = [&](int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
    const int64_t free = size + 2 * pad - kernel;
    return (ceil ? (free + stride - 1) / stride : free / stride) + 1;
  };
  const Extent kernel = window.kernel, stride = window.stride, pad = window.pad;
  return {x[0], channels, extent(x[2], kernel.height, stride.height, pad.height),
          extent(x[3], kernel.width, stride.width, pad.width)};
}

void fill_uniform(Tensor& tensor, double low, double high, uint64_t seed) {
  Random random(seed);
  for (int64_t index = 0; index < tensor.desc().shape.elements(); ++index) {
    tensor.data<float>()[index] = static_cast<float>(random.uniform(low, high));
  }
}

/// Weights stored as [group][output][input].
WeightGrid grid_of(int64_t groups, int64_t outputs, int64_t inputs) {
  return {groups, outputs, inputs, outputs * inputs, inputs, 1};
}

}  // namespace

NetBuilder::NetBuilder(OnnxWriter* writer, const Shape& input, const ZooOptions& options)
    : writer_(writer), input_{"data", input.with(0, options.batch)}, options_(options) {
  if (writer_ != nullptr) writer_->input(input_.name, input_.shape);
}

std::string NetBuilder::next_name(const std::string& kind) {
  auto found =
      std::find_if(counts_.begin(), counts_.end(), [&](const auto& entry) { return entry.first == kind; });
  if (found == counts_.end()) found = counts_.insert(counts_.end(), {kind, 0});
  return fmt::format("{}{}", kind, ++found->second);
}

Feature NetBuilder::emit(const std::string& kind, const char* op, const std::vector<std::string>& inputs,
                         Feature result, const std::vector<OnnxAttribute>& attributes) {
  if (result.name.empty()) result.name = next_name(kind);
  if (writer_ != nullptr) writer_->node(op, inputs, {result.name}, attributes, result.name);
  return result;
}

std::string NetBuilder::made(const std::string& name, const Shape& shape, std::function<void(Tensor&)> fill) {
  if (writer_ == nullptr) return name;
  const TensorDesc desc{DataType::f32, shape, Layout::nchw};
  writer_->initializer(name, desc, [desc, fill = std::move(fill)] {
    Tensor tensor(desc);
    fill(tensor);
    return tensor;
  });
  return name;
}

std::string NetBuilder::uniform(const std::string& name, const Shape& shape, double low, double high) {
  // Each tensor has a stream of its own, so that it can be made when it is written and need not be held.
  return made(name, shape, [low, high, seed = hash_text(name, options_.seed)](Tensor& tensor) {
    fill_uniform(tensor, low, high, seed);
  });
}

std::string NetBuilder::trained(const std::string& name, const Shape& shape, double low, double high) {
  size_.parameters += static_cast<double>(shape.elements());
  return uniform(name, shape, low, high);
}

std::string NetBuilder::kernel(const std::string& name, const Shape& shape, const Feature& x, int64_t fan_in,
                               const WeightGrid& grid) {
  // A uniform variable in [-l, l) has variance l^2 / 3. After a ReLU, this is He's variance of 2 / fan-in.
  const double limit = std::sqrt(3.0 / (static_cast<double>(fan_in) * x.mean_square));
  if (options_.sparsity == 0) return trained(name, shape, -limit, limit);
  size_.parameters += static_cast<double>(shape.elements());
  return made(name, shape,
              [limit, grid, options = options_, seed = hash_text(name, options_.seed)](Tensor& tensor) {
                fill_uniform(tensor, -limit, limit, seed);
                prune({tensor.data<float>(), static_cast<size_t>(grid.elements())}, grid, options.sparsity,
                      options.sparse_blocks ? density_block : 1);
              });
}

std::string NetBuilder::integers(const std::string& name, const std::vector<int64_t>& values) {
  if (writer_ != nullptr) {
    writer_->initializer(
        name, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values)));
  }
  return name;
}

Feature NetBuilder::conv(const Feature& x, int64_t channels, Window window, int64_t group, bool bias) {
  const Shape weights{channels, x.shape[1] / group, window.kernel.height, window.kernel.width};
  const int64_t fan_in = weights.elements(1, 4);
  Feature result{next_name("conv"), windowed(x.shape, channels, window)};
  std::vector<std::string> inputs{
      x.name, kernel(result.name + "_weight", weights, x, fan_in, grid_of(group, channels / group, fan_in))};
  if (bias) inputs.push_back(trained(result.name + "_bias", Shape{channels}, -0.1, 0.1));
  size_.flops += 2.0 * static_cast<double>(result.shape.elements(1, 4) * fan_in);
  std::vector<OnnxAttribute> attributes = window_attributes(window);
  attributes.push_back({"group", group});
  return emit("conv", "Conv", inputs, std::move(result), attributes);
}

Feature NetBuilder::conv_transpose(const Feature& x, int64_t channels, Window window) {
  const Extent kernel_size = window.kernel, stride = window.stride, pad = window.pad;
  const Shape weights{x.shape[1], channels, kernel_size.height, kernel_size.width};
  const auto extent = [](int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
    return (size - 1) * stride + kernel - 2 * pad;
  };
  Feature result{next_name("upconv"),
                 {x.shape[0], channels, extent(x.shape[2], kernel_size.height, stride.height, pad.height),
                  extent(x.shape[3], kernel_size.width, stride.width, pad.width)}};
  // An output meets every stride-th element of the kernel.
  const int64_t fan_in = x.shape[1] * kernel_size.height * kernel_size.width / (stride.height * stride.width);
  const int64_t taps = weights.elements(2, 4);
  std::vector<std::string> inputs{x.name,
                                  kernel(result.name + "_weight", weights, x, fan_in,
                                         {x.shape[1], channels, taps, channels * taps, taps, 1}),
                                  trained(result.name + "_bias", Shape{channels}, -0.1, 0.1)};
  size_.flops += 2.0 * static_cast<double>(x.shape.elements(1, 4) * weights.elements(1, 4));
  return emit("upconv", "ConvTranspose", inputs, std::move(result), window_attributes(window));
}

Feature NetBuilder::dense(const Feature& x, int64_t outputs) {
  Feature result{next_name("fc"), {x.shape[0], outputs}};
  std::vector<std::string> inputs{
      x.name,
      kernel(result.name + "_weight", {outputs, x.shape[1]}, x, x.shape[1], grid_of(1, outputs, x.shape[1])),
      trained(result.name + "_bias", Shape{outputs}, -0.1, 0.1)};
  size_.flops += 2.0 * static_cast<double>(x.shape[1] * outputs);
  return emit("fc", "Gemm", inputs, std::move(result), {{"transB", int64_t{1}}});
}

Feature NetBuilder::batch_norm(const Feature& x, double gain) {
  // The means of 1/var, of the square of the scale (for gain 1), and of the squares of bias and mean.
  constexpr double of_variance = 1.06, of_scale = 1.013, of_shift = 0.013;
  const double mean_square = gain * gain * of_scale * of_variance * (x.mean_square + of_shift) + of_shift;
  Feature result{next_name("bn"), x.shape, mean_square};
  const Shape channels{x.shape[1]};
  std::vector<std::string> inputs{x.name, trained(result.name + "_scale", channels, 0.8 * gain, 1.2 * gain),
                                  trained(result.name + "_bias", channels, -0.2, 0.2),
                                  uniform(result.name + "_mean", channels, -0.2, 0.2),
                                  uniform(result.name + "_var", channels, 0.6, 1.4)};
  return emit("bn", "BatchNormalization", inputs, std::move(result), {{"epsilon", 1e-5f}});
}

Feature NetBuilder::prelu(const Feature& x) {
  constexpr double of_slope = 0.07;  // mean square in [0.1, 0.4)
  Feature result{next_name("prelu"), x.shape, x.mean_square * (1 - x.negative + of_slope * x.negative),
                 of_slope};
  const std::string slope = trained(result.name + "_slope", {x.shape[1], 1, 1}, 0.1, 0.4);
  return emit("prelu", "PRelu", {x.name, slope}, std::move(result));
}

Feature NetBuilder::relu(const Feature& x) {
  return emit("relu", "Relu", {x.name}, {{}, x.shape, x.mean_square * (1 - x.negative), 0});
}

Feature NetBuilder::relu6(const Feature& x) {
  Feature result{next_name("relu"), x.shape, x.mean_square * (1 - x.negative), 0};
  std::vector<std::string> inputs{x.name, result.name + "_min", result.name + "_max"};
  if (writer_ != nullptr) {
    const float bounds[] = {0, 6};
    for (size_t side = 0; side < 2; ++side) {
      writer_->initializer(inputs[side + 1], Tensor::of<float>({}, std::span(&bounds[side], 1)));
    }
  }
  return emit("relu", "Clip", inputs, std::move(result));
}

Feature NetBuilder::sigmoid(const Feature& x) {
  return emit("sigmoid", "Sigmoid", {x.name}, {{}, x.shape, of_sigmoid, 0});
}

Feature NetBuilder::swish(const Feature& x) {
  Feature y = mul(x, sigmoid(x));
  // The factors depend on each other: a quarter of the mean square is left of small elements, half of large
  // ones, and 0.355 of a standard normal deviate.
  y.mean_square = x.mean_square * (0.5 - 0.25 / (1 + 0.72 * x.mean_square));
  y.negative = 0.1;
  return y;
}

Feature NetBuilder::softmax(const Feature& x) {
  return emit("softmax", "Softmax", {x.name}, {{}, x.shape}, {{"axis", int64_t{1}}});
}

Feature NetBuilder::lrn(const Feature& x, int64_t size, float alpha, float beta, float k) {
  return emit("lrn", "LRN", {x.name}, {{}, x.shape, x.mean_square, x.negative},
              {{"size", size}, {"alpha", alpha}, {"beta", beta}, {"bias", k}});
}

Feature NetBuilder::dropout(const Feature& x) {
  return emit("dropout", "Dropout", {x.name}, {{}, x.shape, x.mean_square, x.negative});
}

Feature NetBuilder::add(const Feature& a, const Feature& b) {
  const double sum = a.mean_square + b.mean_square;
  const double negative = a.mean_square * a.negative + b.mean_square * b.negative;
  return emit("add", "Add", {a.name, b.name}, {{}, a.shape, sum, negative / sum});
}

Feature NetBuilder::mul(const Feature& a, const Feature& b) {
  return emit("mul", "Mul", {a.name, b.name}, {{}, a.shape, a.mean_square * b.mean_square, a.negative});
}

Feature NetBuilder::max_pool(const Feature& x, Window window, bool ceil) {
  std::vector<OnnxAttribute> attributes = window_attributes(window);
  attributes.push_back({"ceil_mode", static_cast<int64_t>(ceil)});
  return emit("pool", "MaxPool", {x.name},
              {{}, windowed(x.shape, x.shape[1], window, ceil), x.mean_square * of_max_pool, x.negative},
              attributes);
}

Feature NetBuilder::average_pool(const Feature& x, Window window) {
  return emit("pool", "AveragePool", {x.name},
              {{}, windowed(x.shape, x.shape[1], window), x.mean_square * of_average_pool, x.negative},
              window_attributes(window));
}

Feature NetBuilder::global_average_pool(const Feature& x) {
  return emit("pool", "GlobalAveragePool", {x.name},
              {{}, {x.shape[0], x.shape[1], 1, 1}, x.mean_square * of_average_pool, x.negative});
}

Feature NetBuilder::concat(const std::vector<Feature>& parts, int64_t axis, std::string_view name) {
  std::vector<std::string> inputs;
  const int at = static_cast<int>(axis);
  int64_t extent = 0;
  double square = 0, negative = 0;
  for (const Feature& part : parts) {
    inputs.push_back(part.name);
    extent += part.shape[at];
    square += part.mean_square * static_cast<double>(part.shape[at]);
    negative += part.negative * part.mean_square * static_cast<double>(part.shape[at]);
  }
  return emit("concat", "Concat", inputs,
              {std::string(name), parts.front().shape.with(at, extent), square / static_cast<double>(extent),
               negative / square},
              {{"axis", axis}});
}

std::vector<Feature> NetBuilder::split(const Feature& x, int64_t parts) {
  const std::string name = next_name("split");
  const int64_t channels = x.shape[1] / parts;
  std::vector<Feature> results;
  std::vector<std::string> names;
  for (int64_t part = 0; part < parts; ++part) {
    names.push_back(fmt::format("{}_{}", name, part + 1));
    results.push_back({names.back(), x.shape.with(1, channels), x.mean_square, x.negative});
  }
  const std::string sizes =
      integers(name + "_sizes", std::vector<int64_t>(static_cast<size_t>(parts), channels));
  if (writer_ != nullptr) writer_->node("Split", {x.name, sizes}, names, {{"axis", int64_t{1}}}, name);
  return results;
}

Feature NetBuilder::reshape(const Feature& x, const std::vector<int64_t>& dims) {
  std::vector<int64_t> sizes = dims;
  int64_t known = 1;
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] == 0) sizes[axis] = x.shape[static_cast<int>(axis)];
    if (sizes[axis] > 0) known *= sizes[axis];
  }
  std::replace(sizes.begin(), sizes.end(), int64_t{-1}, x.shape.elements() / known);
  Feature result{next_name("reshape"), Shape(sizes), x.mean_square, x.negative};
  const std::string shape = integers(result.name + "_shape", dims);
  return emit("reshape", "Reshape", {x.name, shape}, std::move(result));
}

Feature NetBuilder::transpose(const Feature& x, const std::vector<int64_t>& permutation) {
  std::vector<int64_t> sizes;
  for (const int64_t axis : permutation) sizes.push_back(x.shape[static_cast<int>(axis)]);
  return emit("transpose", "Transpose", {x.name}, {{}, Shape(sizes), x.mean_square, x.negative},
              {{"perm", permutation}});
}

Feature NetBuilder::flatten(const Feature& x) {
  return emit("flatten", "Flatten", {x.name},
              {{}, {x.shape[0], x.shape.elements(1, x.shape.rank())}, x.mean_square, x.negative},
              {{"axis", int64_t{1}}});
}

Feature NetBuilder::subsample(const Feature& x, int64_t stride) {
  const auto extent = [&](int64_t size) { return (size + stride - 1) / stride; };
  Feature result{next_name("slice"),
                 {x.shape[0], x.shape[1], extent(x.shape[2]), extent(x.shape[3])},
                 x.mean_square,
                 x.negative};
  constexpr int64_t to_the_end = std::numeric_limits<int64_t>::max();
  const std::string& name = result.name;
  std::vector<std::string> inputs{
      x.name, integers(name + "_starts", {0, 0}), integers(name + "_ends", {to_the_end, to_the_end}),
      integers(name + "_axes", {2, 3}), integers(name + "_steps", {stride, stride})};
  return emit("slice", "Slice", inputs, std::move(result));
}

Feature NetBuilder::pad_channels(const Feature& x, int64_t before, int64_t behind) {
  const int64_t channels = before + x.shape[1] + behind;
  Feature result{next_name("pad"), x.shape.with(1, channels),
                 x.mean_square * static_cast<double>(x.shape[1]) / static_cast<double>(channels), x.negative};
  const std::string pads = integers(result.name + "_pads", {0, before, 0, 0, 0, behind, 0, 0});
  return emit("pad", "Pad", {x.name, pads}, std::move(result));
}

void NetBuilder::output(const Feature& x) {
  if (writer_ != nullptr) writer_->output(x.name, x.shape);
}

Feature NetBuilder::conv_relu(const Feature& x, int64_t channels, Window window, int64_t group) {
  return relu(conv(x, channels, window, group));
}

Feature NetBuilder::conv_bn(const Feature& x, int64_t channels, Window window, int64_t group, double gain) {
  return batch_norm(conv(x, channels, window, group, false), gain);
}

Feature NetBuilder::conv_bn_relu(const Feature& x, int64_t channels, Window window, int64_t group) {
  return relu(conv_bn(x, channels, window, group));
}

void NetBuilder::classify(const Feature& x, int64_t classes) {
  output(softmax(dense(flatten(global_average_pool(x)), classes)));
}

}  // namespace raceline
