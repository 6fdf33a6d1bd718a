// binary ops of XNNPACK with broadcasting ("vector"), and its PReLU with a slope for each channel ("prelu"),
// in nchw and nhwc. Threads share the outermost dimension, or the elements where nothing is broadcast. What
// the library could read behind the end of, fewer than four elements or rows, is done by our own functions.
// Limits: f32; where something is broadcast, runs of a multiple of four elements.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "raceline/kernels/common/elementwise.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

constexpr int most_dims = XNN_MAX_TENSOR_DIMS;
using Dims = std::array<size_t, most_dims>;

/// Dimensions as they lie in memory, ones before them.
Dims dims_of(const Shape& shape, Layout layout) {
  Dims dims;
  dims.fill(1);
  auto at = dims.end() - shape.rank();
  for (const int64_t extent : shape.dims()) *at++ = static_cast<size_t>(extent);
  // n c h w becomes n h w c.
  if (layout == Layout::nhwc) std::rotate(dims.end() - 3, dims.end() - 2, dims.end());
  return dims;
}

/// Two operands and what they give.
struct Broadcast {
  Dims a, b, y;
  bool flat = true;  ///< equal shapes, or one number and a tensor
  size_t run = 1;    ///< elements that lie together before an operand starts anew

  static Broadcast of(const LayerDesc& layer, Layout layout) {
    Broadcast made{dims_of(layer.inputs[0].desc.shape, layout), dims_of(layer.inputs[1].desc.shape, layout),
                   dims_of(layer.outputs[0].shape, layout)};
    const Shape& y = layer.outputs[0].shape;
    for (const size_t operand : {size_t{0}, size_t{1}}) {
      const Shape& shape = layer.inputs[operand].desc.shape;
      if (shape.elements() != y.elements() && shape.elements() != 1) made.flat = false;
    }
    const auto kind = [&](size_t axis) { return (made.a[axis] == 1 ? 1 : 0) + (made.b[axis] == 1 ? 2 : 0); };
    std::optional<int> first;
    for (size_t axis = most_dims; axis-- > 0;) {
      if (made.y[axis] == 1) continue;
      if (first && *first != kind(axis)) break;
      first = kind(axis);
      made.run *= made.y[axis];
    }
    return made;
  }
};

/// An operand lies in memory as this layout has it.
Support lies_in(const OperandDesc& operand, Layout layout) {
  if (layout == Layout::nchw) return Support::yes();
  const Shape& shape = operand.desc.shape;
  if (shape.rank() == 4 && !operand.constant) return Support::yes();
  const int rank = shape.rank();
  const int64_t pixels = shape.elements(std::max(0, rank - 2), rank);
  if (pixels == 1 || pixels == shape.elements()) return Support::yes();
  return Support::no("an operand comes in nchw");
}

Operator make_binary(BinaryKind kind, const Clamp& clamp) {
  constexpr uint32_t flags = 0;
  switch (kind) {
    case BinaryKind::add:
      return make_operator(xnn_create_add_nd_f32, clamp.low, clamp.high, flags);
    case BinaryKind::sub:
      return make_operator(xnn_create_subtract_nd_f32, clamp.low, clamp.high, flags);
    case BinaryKind::mul:
      return make_operator(xnn_create_multiply_nd_f32, clamp.low, clamp.high, flags);
    default:
      return make_operator(xnn_create_divide_nd_f32, clamp.low, clamp.high, flags);
  }
}

auto set_up_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return xnn_setup_add_nd_f32;
    case BinaryKind::sub:
      return xnn_setup_subtract_nd_f32;
    case BinaryKind::mul:
      return xnn_setup_multiply_nd_f32;
    default:
      return xnn_setup_divide_nd_f32;
  }
}

class BinaryKernel final : public Kernel {
 public:
  BinaryKernel(const LayerDesc& layer, Layout layout, int threads)
      : kind_(layer.as<BinaryParams>().kind),
        shape_(Broadcast::of(layer, layout)),
        count_(layer.outputs[0].shape.elements()) {
    const Clamp clamp = Clamp::of(layer);
    if (clamp.rest.epilogue.size() < layer.epilogue.size()) fused_ = layer.epilogue[0].unary;
    epilogue_ = Epilogue(clamp.rest, layout);
    while (axis_ + 1 < most_dims && shape_.y[axis_] == 1) ++axis_;
    const int64_t parts = shape_.flat ? count_ / 4096 : static_cast<int64_t>(shape_.y[axis_]);
    const int64_t lanes = std::clamp<int64_t>(parts, 1, std::max(1, threads));
    for (int64_t lane = 0; lane < lanes; ++lane) ops_.push_back(make_binary(kind_, clamp));
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* a = args.inputs[0].data<const float>();
    const float* b = args.inputs[1].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    const Status status = run_parts(threads, std::ssize(ops_), [&](int64_t lane) {
      return shape_.flat ? run_flat(lane, a, b, y) : run_broadcast(lane, a, b, y);
    });
    if (const int64_t tail = shape_.flat ? count_ % vector : 0; tail > 0) {
      const int64_t at = count_ - tail;
      const Repeat repeat = is_number(shape_.a)   ? Repeat::first
                            : is_number(shape_.b) ? Repeat::second
                                                  : Repeat::none;
      binary_span(kind_, repeat, a + (repeat == Repeat::first ? 0 : at),
                  b + (repeat == Repeat::second ? 0 : at), y + at, tail);
      if (fused_) unary_span(*fused_, y + at, y + at, tail);
    }
    if (status.is_ok()) epilogue_.apply_all(y, epilogue_.residual(args), threads);
    return status;
  }

 private:
  bool is_number(const Dims& dims) const {
    return count_ > 1 && std::all_of(dims.begin(), dims.end(), [](size_t extent) { return extent == 1; });
  }

  xnn_status run_op(int64_t lane, std::span<const size_t> a_dims, std::span<const size_t> b_dims,
                    const float* a, const float* b, float* y) const {
    const Operator& op = ops_[static_cast<size_t>(lane)];
    return run_after(set_up_of(kind_)(op.get(), a_dims.size(), a_dims.data(), b_dims.size(), b_dims.data(), a,
                                      b, y, nullptr),
                     op);
  }

  xnn_status run_flat(int64_t lane, const float* a, const float* b, float* y) const {
    const Slice slice = slice_of(count_ / vector * vector, lane, std::ssize(ops_), 16);
    if (slice.size() == 0) return xnn_status_success;
    const bool a_is_number = is_number(shape_.a), b_is_number = is_number(shape_.b);
    const size_t a_size = a_is_number ? 1 : static_cast<size_t>(slice.size());
    const size_t b_size = b_is_number ? 1 : static_cast<size_t>(slice.size());
    return run_op(lane, {&a_size, 1}, {&b_size, 1}, a + (a_is_number ? 0 : slice.first),
                  b + (b_is_number ? 0 : slice.first), y + slice.first);
  }

  xnn_status run_broadcast(int64_t lane, const float* a, const float* b, float* y) const {
    const Slice slice = slice_of(static_cast<int64_t>(shape_.y[axis_]), lane, std::ssize(ops_));
    if (slice.size() == 0) return xnn_status_success;
    Dims a_dims = shape_.a, b_dims = shape_.b;
    const auto cut = [&](Dims& dims) {
      int64_t step = 0;
      if (dims[axis_] != 1) {
        step = 1;
        for (size_t axis = axis_ + 1; axis < most_dims; ++axis) step *= static_cast<int64_t>(dims[axis]);
        dims[axis_] = static_cast<size_t>(slice.size());
      }
      return step * slice.first;
    };
    int64_t row = 1;
    for (size_t axis = axis_ + 1; axis < most_dims; ++axis) row *= static_cast<int64_t>(shape_.y[axis]);
    const int64_t a_first = cut(a_dims), b_first = cut(b_dims);
    return run_op(lane, a_dims, b_dims, a + a_first, b + b_first, y + slice.first * row);
  }

  BinaryKind kind_;
  Broadcast shape_;
  int64_t count_;
  size_t axis_ = 0;  ///< the outermost one along which there is something to share
  std::optional<UnaryParams> fused_;
  Epilogue epilogue_;
  std::vector<Operator> ops_;
};

Support supports_operands(const LayerDesc& layer, Layout layout) {
  if (const Support fits = check_tensors(layer, layout); !fits) return fits;
  for (size_t operand = 0; operand < 2; ++operand) {
    if (const Support lies = lies_in(layer.inputs[operand], layout); !lies) return lies;
  }
  return Support::yes();
}

Sharing sharing_of(const LayerDesc& layer) {
  const bool same = layer.inputs[0].desc.shape == layer.outputs[0].shape && !layer.inputs[0].constant;
  return same ? Sharing::in_place : Sharing::none;
}

class BinaryPrimitive final : public Primitive {
 public:
  explicit BinaryPrimitive(Layout layout) : Primitive(make_info(OpKind::binary, "vector", layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = supports_operands(layer, info().output); !fits) return fits;
    switch (layer.as<BinaryParams>().kind) {
      case BinaryKind::add:
      case BinaryKind::sub:
      case BinaryKind::mul:
      case BinaryKind::div:
        break;
      default:
        return Support::no("add, sub, mul and div only");
    }
    if (layer.outputs[0].shape.rank() > most_dims) return Support::no("the library has six dimensions");
    const Broadcast shape = Broadcast::of(layer, info().output);
    if (!shape.flat && shape.run % vector != 0)
      return Support::no("runs of no multiple of four elements, behind which the library would read");
    return Epilogue::supports(layer, info().output);
  }
  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }
  Sharing sharing(const LayerDesc& layer) const override { return sharing_of(layer); }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<BinaryKernel>(layer, info().output, args.threads);
  }
};

/// a < 0 ? a * slope : a on rows of the innermost dimension.
class PreluKernel final : public Kernel {
 public:
  PreluKernel(const LayerDesc& layer, Layout layout, const PrepareArgs& args) {
    const Dims y = dims_of(layer.outputs[0].shape, layout);
    width_ = static_cast<int64_t>(y[most_dims - 1]);
    rows_ = layer.outputs[0].shape.elements() / width_;
    safe_ = width_ % vector == 0 ? rows_ : std::max<int64_t>(0, rows_ - (vector + width_ - 1) / width_);
    const float* given = args.constants[1].data<const float>();
    const bool one = layer.inputs[1].desc.shape.elements() == 1;
    for (int64_t i = 0; i < width_; ++i) slope_.push_back(given[one ? 0 : i]);
    const int64_t lanes = std::clamp<int64_t>(rows_ * width_ / 4096, 1, std::max(1, args.threads));
    const auto width = static_cast<size_t>(width_);
    for (int64_t lane = 0; lane < lanes; ++lane)
      ops_.push_back(make_operator(xnn_create_prelu_nc_f32, width, width, width, slope_.data(), uint32_t{0}));
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return slope_.size() * (ops_.size() + 1) * sizeof(float); }

  Status run(const KernelArgs& args) const noexcept override {
    const float* a = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int64_t lanes = std::ssize(ops_);
    const Status status = run_parts(args.queue.threads(), lanes, [&](int64_t lane) {
      const Slice slice = slice_of(safe_, lane, lanes);
      if (slice.size() == 0) return xnn_status_success;
      const Operator& op = ops_[static_cast<size_t>(lane)];
      return run_after(xnn_setup_prelu_nc_f32(op.get(), static_cast<size_t>(slice.size()),
                                              a + slice.first * width_, y + slice.first * width_, nullptr),
                       op);
    });
    if (safe_ < rows_) {
      binary_rows(BinaryKind::prelu, false, a + safe_ * width_, slope_.data(), y + safe_ * width_,
                  rows_ - safe_, width_);
    }
    return status;
  }

 private:
  int64_t width_, rows_, safe_;
  std::vector<float> slope_;
  std::vector<Operator> ops_;
};

class PreluPrimitive final : public Primitive {
 public:
  explicit PreluPrimitive(Layout layout) : Primitive(make_info(OpKind::binary, "prelu", layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (layer.as<BinaryParams>().kind != BinaryKind::prelu) return Support::no("PReLU only");
    if (const Support fits = supports_operands(layer, info().output); !fits) return fits;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (layer.inputs[0].desc.shape != layer.outputs[0].shape) return Support::no("a is broadcast");
    if (!layer.inputs[1].constant) return Support::no("the slope is not constant");
    const int rank = layer.outputs[0].shape.rank();
    if (rank < 1 || rank > most_dims) return Support::no("the library has six dimensions");
    const Shape& slope = layer.inputs[1].desc.shape;
    const auto width = static_cast<int64_t>(dims_of(slope, info().output)[most_dims - 1]);
    if (width != slope.elements()) return Support::no("no slope for each innermost element");
    return Support::yes();
  }
  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }
  Sharing sharing(const LayerDesc& layer) const override { return sharing_of(layer); }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<PreluKernel>(layer, info().output, args);
  }
};

}  // namespace

void register_binary_xnnpack(PrimitiveRegistry& registry) {
  if (!is_ready(registry)) return;
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    registry.add(std::make_unique<BinaryPrimitive>(layout));
    registry.add(std::make_unique<PreluPrimitive>(layout));
  }
}

}  // namespace raceline
