#include "tests/graph/stand_in.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "raceline/base/error.h"

namespace raceline::test {
namespace {

using Index = std::vector<int64_t>;

/// Calls f with every position of a box, in row-major order.
template <class F>
void each(std::span<const int64_t> dims, F f) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  Index at(dims.size(), 0);
  for (int64_t step = 0; step < count; ++step) {
    f(at);
    for (size_t axis = dims.size(); axis-- > 0;) {
      if (++at[axis] < dims[axis]) break;
      at[axis] = 0;
    }
  }
}

int64_t offset(const Shape& shape, const Index& at) {
  int64_t position = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    position = position * shape[axis] + at[static_cast<size_t>(axis)];
  return position;
}

/// The element of a tensor that broadcasts to the shape in which `at` is a position.
float broadcast_at(const TensorView& x, const Index& at) {
  int64_t position = 0;
  const int rank = x.desc.shape.rank();
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t dim = x.desc.shape[axis];
    position = position * dim + (dim == 1 ? 0 : at[at.size() - static_cast<size_t>(rank - axis)]);
  }
  return x.data<const float>()[position];
}

/// Convolution as it is defined: for each input and output pixel that a tap of the kernel joins. `scatter` is
/// the transposed one, where the taps run the other way.
template <class Params>
void convolve(const Params& p, std::span<const TensorView> in, const Tensor& y, bool scatter) {
  const TensorView& x = in[0];
  const TensorView& w = in[1];
  const Shape& coarse = scatter ? x.desc.shape : y.desc().shape;
  const Shape& fine = scatter ? y.desc().shape : x.desc.shape;
  const bool bias = in.size() > 2 && in[2];
  each(y.desc().shape.dims(), [&](const Index& at) {
    y.data<float>()[offset(y.desc().shape, at)] = bias ? in[2].data<const float>()[at[1]] : 0;
  });
  const int64_t coarse_per_group = coarse[1] / p.group;
  const int64_t fine_per_group = fine[1] / p.group;
  // The weights are [coarse channel][fine channel in the group][kernel...] both ways round.
  each(w.desc.shape.dims(), [&](const Index& tap) {
    const float weight = w.data<const float>()[offset(w.desc.shape, tap)];
    Index box(coarse.dims().begin(), coarse.dims().end());
    box[1] = 1;
    each(box, [&](Index at) {
      Index other = at;
      at[1] = tap[0];
      other[1] = tap[0] / coarse_per_group * fine_per_group + tap[1];
      for (size_t axis = 2; axis < at.size(); ++axis) {
        other[axis] =
            at[axis] * p.stride[axis - 2] + tap[axis] * p.dilation[axis - 2] - p.pads_begin[axis - 2];
        if (other[axis] < 0 || other[axis] >= fine[static_cast<int>(axis)]) return;
      }
      const Index& to = scatter ? other : at;
      const Index& from = scatter ? at : other;
      y.data<float>()[offset(y.desc().shape, to)] +=
          weight * x.data<const float>()[offset(x.desc.shape, from)];
    });
  });
}

void multiply(const GemmParams& p, std::span<const TensorView> in, const Tensor& y) {
  const Shape& a = in[0].desc.shape;
  const Shape& b = in[1].desc.shape;
  const int64_t inner = a[p.trans_a ? 0 : 1];
  each(y.desc().shape.dims(), [&](const Index& at) {
    float sum = 0;
    for (int64_t k = 0; k < inner; ++k) {
      sum += in[0].data<const float>()[offset(a, p.trans_a ? Index{k, at[0]} : Index{at[0], k})] *
             in[1].data<const float>()[offset(b, p.trans_b ? Index{at[1], k} : Index{k, at[1]})];
    }
    const float c = in.size() > 2 && in[2] ? broadcast_at(in[2], at) : 0;
    y.data<float>()[offset(y.desc().shape, at)] = p.alpha * sum + p.beta * c;
  });
}

void normalise(const BatchNormParams& p, std::span<const TensorView> in, const Tensor& y) {
  each(y.desc().shape.dims(), [&](const Index& at) {
    const auto of = [&](size_t operand) { return in[operand].data<const float>()[at[1]]; };
    const int64_t here = offset(y.desc().shape, at);
    y.data<float>()[here] =
        (in[0].data<const float>()[here] - of(3)) / std::sqrt(of(4) + p.epsilon) * of(1) + of(2);
  });
}

float apply(const UnaryParams& p, float x) {
  switch (p.kind) {
    case UnaryKind::relu:
      return std::max(x, 0.0f);
    case UnaryKind::clip:
      return std::min(std::max(x, p.alpha), p.beta);
    case UnaryKind::neg:
      return -x;
    default:
      throw UnsupportedError("the stand-in has no such function");
  }
}

float apply(BinaryKind kind, float a, float b) {
  if (kind == BinaryKind::add) return a + b;
  if (kind == BinaryKind::mul) return a * b;
  throw UnsupportedError("the stand-in has no such function");
}

void concat(const LayerDesc& layer, std::span<const TensorView> in, const Tensor& y) {
  const auto axis = static_cast<int>(layer.as<ConcatParams>().axis);
  const size_t size = size_of(y.desc().type);
  const auto run = [&](const Shape& shape) {
    return static_cast<size_t>(shape.elements(axis, shape.rank())) * size;
  };
  std::byte* to = y.data<std::byte>();
  for (int64_t row = 0; row < y.desc().shape.elements(0, axis); ++row) {
    for (const TensorView& x : in) {
      const size_t bytes = run(x.desc.shape);
      std::memcpy(to, x.data<std::byte>() + static_cast<size_t>(row) * bytes, bytes);
      to += bytes;
    }
  }
}

/// Windows without padding.
void max_pool(const PoolParams& p, const TensorView& x, const Tensor& y) {
  each(y.desc().shape.dims(), [&](const Index& at) {
    float largest = -INFINITY;
    each(p.kernel, [&](const Index& tap) {
      Index from = at;
      for (size_t axis = 0; axis < tap.size(); ++axis)
        from[2 + axis] = at[2 + axis] * p.stride[axis] + tap[axis];
      largest = std::max(largest, x.data<const float>()[offset(x.desc.shape, from)]);
    });
    y.data<float>()[offset(y.desc().shape, at)] = largest;
  });
}

void transpose(const TransposeParams& p, const TensorView& x, const Tensor& y) {
  each(y.desc().shape.dims(), [&](const Index& at) {
    Index from(at.size());
    for (size_t axis = 0; axis < at.size(); ++axis) from[static_cast<size_t>(p.perm[axis])] = at[axis];
    y.data<float>()[offset(y.desc().shape, at)] = x.data<const float>()[offset(x.desc.shape, from)];
  });
}

}  // namespace

std::vector<Tensor> stand_in(const LayerDesc& layer, std::span<const TensorView> in) {
  std::vector<Tensor> outputs;
  outputs.emplace_back(layer.outputs[0]);
  const Tensor& y = outputs[0];
  const auto elementwise = [&](auto f) {
    each(y.desc().shape.dims(),
         [&](const Index& at) { y.data<float>()[offset(y.desc().shape, at)] = f(at); });
  };
  const bool moves =
      layer.op == OpKind::reshape || layer.op == OpKind::concat || layer.op == OpKind::identity;
  if (y.desc().type != DataType::f32 && !moves) throw UnsupportedError("the stand-in computes in f32 only");
  switch (layer.op) {
    case OpKind::conv2d:
    case OpKind::conv3d:
      convolve(layer.as<ConvParams>(), in, y, false);
      break;
    case OpKind::conv_transpose:
      convolve(layer.as<ConvTransposeParams>(), in, y, true);
      break;
    case OpKind::gemm:
      multiply(layer.as<GemmParams>(), in, y);
      break;
    case OpKind::max_pool:
      max_pool(layer.as<PoolParams>(), in[0], y);
      break;
    case OpKind::batch_norm:
      normalise(layer.as<BatchNormParams>(), in, y);
      break;
    case OpKind::unary:
      elementwise([&](const Index& at) { return apply(layer.as<UnaryParams>(), broadcast_at(in[0], at)); });
      break;
    case OpKind::binary:
      elementwise([&](const Index& at) {
        return apply(layer.as<BinaryParams>().kind, broadcast_at(in[0], at), broadcast_at(in[1], at));
      });
      break;
    case OpKind::expand:
      elementwise([&](const Index& at) { return broadcast_at(in[0], at); });
      break;
    case OpKind::concat:
      concat(layer, in, y);
      break;
    case OpKind::transpose:
      transpose(layer.as<TransposeParams>(), in[0], y);
      break;
    case OpKind::reshape:
    case OpKind::identity:
      std::memcpy(y.data<std::byte>(), in[0].data<std::byte>(), y.desc().bytes());
      break;
    default:
      throw UnsupportedError("the stand-in has no such op");
  }
  return outputs;
}

Tensor random_tensor(const Shape& shape, Random& random, double least, double most) {
  Tensor tensor({DataType::f32, shape});
  for (int64_t index = 0; index < shape.elements(); ++index) {
    tensor.data<float>()[index] = static_cast<float>(random.uniform(least, most));
  }
  return tensor;
}

std::vector<Tensor> run_graph(const Graph& graph, std::span<const TensorView> inputs) {
  std::map<ValueId, TensorView> views;
  std::vector<Tensor> owned;
  for (size_t index = 0; index < inputs.size(); ++index) views[graph.inputs()[index]] = inputs[index];
  const auto view = [&](ValueId value) {
    if (value == absent) return TensorView{};
    return graph.is_constant(value) ? graph.constant(value) : views.at(value);
  };
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    std::vector<TensorView> operands;
    for (const ValueId input : graph.node(id).inputs) operands.push_back(view(input));
    for (Tensor& result : stand_in(graph.layer(id), operands)) {
      views[graph.node(id).outputs[0]] = result.view();
      owned.push_back(std::move(result));
    }
  }
  std::vector<Tensor> outputs;
  for (const Graph::Output& output : graph.outputs())
    outputs.push_back(with_layout(view(output.value), Layout::nchw));
  return outputs;
}

double largest_difference(const Graph& a, const Graph& b, uint64_t seed) {
  Random random(seed);
  std::vector<Tensor> inputs;
  std::vector<TensorView> views;
  for (const ValueId input : a.inputs()) inputs.push_back(random_tensor(a.desc(input).shape, random));
  for (const Tensor& input : inputs) views.push_back(input.view());
  const std::vector<Tensor> of_a = run_graph(a, views);
  const std::vector<Tensor> of_b = run_graph(b, views);
  if (of_a.size() != of_b.size()) return INFINITY;
  double worst = 0;
  for (size_t output = 0; output < of_a.size(); ++output) {
    if (of_a[output].desc() != of_b[output].desc()) return INFINITY;
    if (of_a[output].desc().type != DataType::f32) continue;
    double largest = 1e-30;
    double difference = 0;
    for (int64_t index = 0; index < of_a[output].desc().shape.elements(); ++index) {
      const double x = of_a[output].data<float>()[index];
      const double y = of_b[output].data<float>()[index];
      if (std::isnan(x) || std::isnan(y)) return INFINITY;
      largest = std::max(largest, std::abs(x));
      difference = std::max(difference, std::abs(x - y));
    }
    worst = std::max(worst, difference / largest);
  }
  return worst;
}

}  // namespace raceline::test
