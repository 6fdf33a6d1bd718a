#include "train/torch/net.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raceline::train {
namespace {

constexpr int64_t kernel = 3;
constexpr int64_t opset = 13;

Tensor tensor_of(const torch::Tensor& source, const Shape& shape) {
  const torch::Tensor plain = source.detach().contiguous();
  return Tensor::of<float>(shape, {plain.data_ptr<float>(), static_cast<size_t>(plain.numel())});
}

}  // namespace

Net& Net::conv(int64_t filters) {
  const int64_t in = channels_ == 0 ? 1 : channels_;
  layers_.push_back({.kind = Kind::conv, .in = in, .out = filters, .has_bias = true});
  channels_ = filters;
  return *this;
}

Net& Net::dense(int64_t neurons, bool bias) {
  const bool flatten = channels_ > 0;
  const int64_t in = flatten ? channels_ * width_ : features_;
  layers_.push_back({.kind = Kind::dense, .in = in, .out = neurons, .has_bias = bias, .flatten = flatten});
  channels_ = 0;
  features_ = neurons;
  return *this;
}

Net& Net::relu() {
  layers_.push_back({.kind = Kind::relu});
  return *this;
}

Net& Net::dropout(double share) {
  layers_.push_back({.kind = Kind::dropout, .share = share});
  return *this;
}

Net& Net::begin_residual() {
  layers_.push_back({.kind = Kind::begin_residual});
  return *this;
}

Net& Net::end_residual() {
  layers_.push_back({.kind = Kind::end_residual});
  return *this;
}

void Net::initialise(torch::Generator& generator) {
  const auto taps = [](const Layer& layer) { return layer.kind == Kind::conv ? kernel : 1; };
  int64_t count = 0;
  for (const Layer& layer : layers_)
    count += layer.in * layer.out * taps(layer) + (layer.has_bias ? layer.out : 0);
  weights_ = torch::zeros(count);
  gradients_ = torch::zeros(count);
  decays_ = torch::zeros(count);
  int64_t at = 0;
  // Each parameter is a view of the vector of all, and its gradient one of the gradients.
  const auto take = [&](torch::IntArrayRef shape) {
    const int64_t size = c10::multiply_integers(shape);
    torch::Tensor parameter = weights_.narrow(0, at, size).view(shape);
    parameter.set_requires_grad(true);
    parameter.mutable_grad() = gradients_.narrow(0, at, size).view(shape);
    at += size;
    return parameter;
  };
  for (Layer& layer : layers_) {
    if (layer.out == 0) continue;
    const int64_t k = taps(layer);
    const double bound = std::sqrt(6.0 / static_cast<double>(k * (layer.in + layer.out)));
    const int64_t begin = at;
    layer.weight = layer.kind == Kind::conv ? take({layer.out, layer.in, k}) : take({layer.out, layer.in});
    weights_.narrow(0, begin, at - begin).uniform_(-bound, bound, generator);
    decays_.narrow(0, begin, at - begin).fill_(1);
    if (layer.has_bias) layer.bias = take({layer.out});
  }
}

torch::Tensor Net::forward(const torch::Tensor& rows, torch::Generator* generator) const {
  torch::Tensor now = is_sequence() ? rows.unsqueeze(1) : rows, kept;
  for (const Layer& layer : layers_) {
    switch (layer.kind) {
      case Kind::conv:
        now = torch::conv1d(now, layer.weight, layer.bias, 1, kernel / 2);
        break;
      case Kind::dense:
        now = torch::linear(layer.flatten ? now.flatten(1) : now, layer.weight, layer.bias);
        break;
      case Kind::relu:
        now = torch::relu(now);
        break;
      case Kind::dropout:
        if (generator != nullptr && layer.share > 0) {
          const double stays = 1 - layer.share;
          now = now * torch::empty_like(now).bernoulli_(stays, *generator).div_(stays);
        }
        break;
      case Kind::begin_residual:
        kept = now;
        break;
      case Kind::end_residual:
        now = now + kept;
        break;
    }
  }
  return now.squeeze(1);
}

std::string Net::onnx(std::string_view name) const {
  OnnxWriter writer(name, opset);
  std::vector<std::string> dims{"batch", fmt::format("{}", width_)};
  if (is_sequence()) dims.insert(dims.begin() + 1, {"1", "1"});  // a channel, a line
  writer.input("rows", dims);
  std::string now = "rows", kept;
  for (size_t index = 0; index < layers_.size(); ++index) write(layers_[index], index, now, kept, writer);
  writer.node("Identity", {now}, {"times"});
  writer.output("times", std::vector<std::string>{"batch", "1"});
  return writer.bytes();
}

void Net::write(const Layer& layer, size_t index, std::string& now, std::string& kept,
                OnnxWriter& writer) const {
  const std::string weight = fmt::format("weight{}", index), bias = fmt::format("bias{}", index);
  const std::string next = fmt::format("x{}", index);
  std::vector<std::string> operands{now, weight};
  if (layer.has_bias) {
    writer.initializer(bias, tensor_of(layer.bias, {layer.out}));
    operands.push_back(bias);
  }
  switch (layer.kind) {
    case Kind::conv:
      writer.initializer(weight, tensor_of(layer.weight, {layer.out, layer.in, 1, kernel}));
      writer.node("Conv", operands, {next},
                  {{"kernel_shape", std::vector<int64_t>{1, kernel}},
                   {"pads", std::vector<int64_t>{0, kernel / 2, 0, kernel / 2}}});
      break;
    case Kind::dense:
      writer.initializer(weight, tensor_of(layer.weight, {layer.out, layer.in}));
      if (layer.flatten) {
        operands[0] = fmt::format("flat{}", index);
        writer.node("Flatten", {now}, {operands[0]});
      }
      writer.node("Gemm", operands, {next}, {{"transB", int64_t{1}}});
      break;
    case Kind::relu:
      writer.node("Relu", {now}, {next});
      break;
    case Kind::end_residual:
      writer.node("Add", {now, kept}, {next});
      break;
    case Kind::begin_residual:
      kept = now;
      return;
    case Kind::dropout:
      return;
  }
  now = next;
}

}  // namespace raceline::train
