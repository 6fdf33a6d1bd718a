#include "raceline/model/zoo/net_builder.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/hash.h"
#include "raceline/base/random.h"

namespace raceline {

NetBuilder::NetBuilder(OnnxWriter* writer, const Shape& input, const ZooOptions& options)
    : writer_(writer), input_{"data", input.with(0, options.batch)}, seed_(options.seed) {
  if (writer_ != nullptr) writer_->input(input_.name, input_.shape);
}

std::string NetBuilder::next_name(const std::string& kind) {
  auto found =
      std::find_if(counts_.begin(), counts_.end(), [&](const auto& entry) { return entry.first == kind; });
  if (found == counts_.end()) found = counts_.insert(counts_.end(), {kind, 0});
  return fmt::format("{}{}", kind, ++found->second);
}

Feature NetBuilder::emit(const std::string& kind, const char* op, const std::vector<std::string>& inputs,
                         const Shape& shape, const std::vector<OnnxAttribute>& attributes) {
  const std::string name = next_name(kind);
  if (writer_ != nullptr) writer_->node(op, inputs, {name}, attributes, name);
  return {name, shape};
}

std::string NetBuilder::weights(const std::string& name, const Shape& shape, double low, double high) {
  size_.parameters += static_cast<double>(shape.elements());
  if (writer_ == nullptr) return name;
  // Each tensor has a stream of its own, so that it can be made when it is written and need not be held.
  const TensorDesc desc{DataType::f32, shape, Layout::nchw};
  writer_->initializer(name, desc, [desc, low, high, seed = hash_text(name, seed_)] {
    Tensor tensor(desc);
    Random random(seed);
    for (int64_t index = 0; index < desc.shape.elements(); ++index) {
      tensor.data<float>()[index] = static_cast<float>(random.uniform(low, high));
    }
    return tensor;
  });
  return name;
}

Feature NetBuilder::conv(const Feature& x, int64_t channels, Window window, int64_t group, bool bias) {
  const int64_t per_group = x.shape[1] / group;
  const Shape kernel{channels, per_group, window.kernel, window.kernel};
  // He initialisation, uniform: variance 2 / fan-in.
  const double limit = std::sqrt(6.0 / static_cast<double>(kernel.elements(1, 4)));
  const auto extent = [&](int64_t size) {
    return (size + 2 * window.pad - window.kernel) / window.stride + 1;
  };
  const Shape shape{x.shape[0], channels, extent(x.shape[2]), extent(x.shape[3])};
  const std::string name = next_name("conv");
  std::vector<std::string> inputs{x.name, weights(name + "_weight", kernel, -limit, limit)};
  if (bias) inputs.push_back(weights(name + "_bias", Shape{channels}, -0.1, 0.1));
  size_.flops += 2.0 * static_cast<double>(shape.elements(1, 4) * kernel.elements(1, 4));
  if (writer_ != nullptr) {
    writer_->node("Conv", inputs, {name},
                  {{"kernel_shape", std::vector<int64_t>{window.kernel, window.kernel}},
                   {"strides", std::vector<int64_t>{window.stride, window.stride}},
                   {"pads", std::vector<int64_t>(4, window.pad)},
                   {"group", group}},
                  name);
  }
  return {name, shape};
}

Feature NetBuilder::batch_norm(const Feature& x, double gain) {
  const std::string name = next_name("bn");
  const Shape channels{x.shape[1]};
  std::vector<std::string> inputs{x.name, weights(name + "_scale", channels, 0.8 * gain, 1.2 * gain),
                                  weights(name + "_bias", channels, -0.2, 0.2),
                                  weights(name + "_mean", channels, -0.2, 0.2),
                                  weights(name + "_var", channels, 0.6, 1.4)};
  if (writer_ != nullptr) writer_->node("BatchNormalization", inputs, {name}, {{"epsilon", 1e-5f}}, name);
  return {name, x.shape};
}

Feature NetBuilder::relu(const Feature& x) {
  return emit("relu", "Relu", {x.name}, x.shape);
}
Feature NetBuilder::tanh(const Feature& x) {
  return emit("tanh", "Tanh", {x.name}, x.shape);
}
Feature NetBuilder::dropout(const Feature& x) {
  return emit("dropout", "Dropout", {x.name}, x.shape);
}

Shape NetBuilder::pooled(const Shape& x, Window window, bool ceil) {
  const auto extent = [&](int64_t size) {
    const int64_t free = size + 2 * window.pad - window.kernel;
    return (ceil ? (free + window.stride - 1) / window.stride : free / window.stride) + 1;
  };
  return {x[0], x[1], extent(x[2]), extent(x[3])};
}

Feature NetBuilder::max_pool(const Feature& x, Window window, bool ceil) {
  return emit("pool", "MaxPool", {x.name}, pooled(x.shape, window, ceil),
              {{"kernel_shape", std::vector<int64_t>{window.kernel, window.kernel}},
               {"strides", std::vector<int64_t>{window.stride, window.stride}},
               {"pads", std::vector<int64_t>(4, window.pad)},
               {"ceil_mode", static_cast<int64_t>(ceil)}});
}

Feature NetBuilder::average_pool(const Feature& x, Window window) {
  return emit("pool", "AveragePool", {x.name}, pooled(x.shape, window, false),
              {{"kernel_shape", std::vector<int64_t>{window.kernel, window.kernel}},
               {"strides", std::vector<int64_t>{window.stride, window.stride}},
               {"pads", std::vector<int64_t>(4, window.pad)}});
}

Feature NetBuilder::global_average_pool(const Feature& x) {
  return emit("pool", "GlobalAveragePool", {x.name}, {x.shape[0], x.shape[1], 1, 1});
}

Feature NetBuilder::lrn(const Feature& x, int64_t size, float alpha, float beta, float k) {
  return emit("lrn", "LRN", {x.name}, x.shape,
              {{"size", size}, {"alpha", alpha}, {"beta", beta}, {"bias", k}});
}

Feature NetBuilder::concat(const std::vector<Feature>& parts) {
  std::vector<std::string> inputs;
  int64_t channels = 0;
  for (const Feature& part : parts) {
    inputs.push_back(part.name);
    channels += part.shape[1];
  }
  return emit("concat", "Concat", inputs, parts.front().shape.with(1, channels), {{"axis", int64_t{1}}});
}

Feature NetBuilder::add(const Feature& a, const Feature& b) {
  return emit("add", "Add", {a.name, b.name}, a.shape);
}

Feature NetBuilder::flatten(const Feature& x) {
  return emit("flatten", "Flatten", {x.name}, {x.shape[0], x.shape.elements(1, x.shape.rank())},
              {{"axis", int64_t{1}}});
}

Feature NetBuilder::dense(const Feature& x, int64_t outputs) {
  const std::string name = next_name("fc");
  const double limit = std::sqrt(6.0 / static_cast<double>(x.shape[1]));
  std::vector<std::string> inputs{x.name, weights(name + "_weight", {outputs, x.shape[1]}, -limit, limit),
                                  weights(name + "_bias", Shape{outputs}, -0.1, 0.1)};
  size_.flops += 2.0 * static_cast<double>(x.shape[1] * outputs);
  if (writer_ != nullptr) writer_->node("Gemm", inputs, {name}, {{"transB", int64_t{1}}}, name);
  return {name, {x.shape[0], outputs}};
}

Feature NetBuilder::softmax(const Feature& x) {
  return emit("softmax", "Softmax", {x.name}, x.shape, {{"axis", int64_t{1}}});
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

}  // namespace raceline
