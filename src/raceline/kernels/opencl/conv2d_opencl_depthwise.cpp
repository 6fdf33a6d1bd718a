// Depthwise conv2d in nchw: each filter has one channel of its own. A work-item computes rows of one plane,
// 16 pixels at a time. Any stride, dilation and padding; several filters a channel. `padded` copies the image
// with its padding first, so that every pixel's window lies inside: for stride 1.
#include <memory>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/padded_image.h"

namespace raceline {
namespace {

constexpr int64_t padded_slack = 16;  ///< elements that are read behind a padded image

constexpr std::string_view source = R"(
// The first n of 16 numbers.
void store_part(float16 v, int n, __global float* to) {
  if (n & 8) { vstore8(v.lo, 0, to); to += 8; v.lo = v.hi; }
  if (n & 4) { vstore4(v.lo.lo, 0, to); to += 4; v.lo.lo = v.lo.hi; }
  if (n & 2) { vstore2(v.lo.lo.lo, 0, to); to += 2; v.lo.lo.lo = v.lo.lo.hi; }
  if (n & 1) *to = v.s0;
}

// Behind the end of a padded row lies the next, and behind the last one a vector's slack.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void depthwise_padded(__global const float* x, ulong x_at, __global const float* w, ulong w_at,
                      __global const float* bias, ulong bias_at, __global const float* residual,
                      ulong residual_at, __global float* y, ulong y_at, int of_channel, int height, int width,
                      int out_h, int out_w, int kernel_h, int kernel_w, int dilation_h, int dilation_w,
                      int rows, int has_bias, int adds, int function, float low, float high) {
  AT(x); AT(w); AT(bias); AT(residual); AT(y);
  const int filter = get_global_id(1), first = get_global_id(0) * rows;
  x += (ulong)(filter / of_channel) * height * width;
  w += filter * kernel_h * kernel_w;
  const float begin = has_bias ? bias[filter] : 0.0f;
  for (int row = first; row < min(first + rows, out_h); ++row) {
    for (int column = 0; column < out_w; column += 16) {
      float16 sum = (float16)begin;
      for (int r = 0; r < kernel_h; ++r) {
        __global const float* line = x + (row + r * dilation_h) * width + column;
        for (int s = 0; s < kernel_w; ++s, line += dilation_w)
          sum = fma((float16)(w[r * kernel_w + s]), vload16(0, line), sum);
      }
      const ulong at = ((ulong)filter * out_h + row) * out_w + column;
      const int count = min(16, out_w - column);
      float16 other = (float16)0.0f;
      if (adds && count == 16) other = vload16(0, residual + at);
      if (adds && count < 16) {
        float parts[16];
        for (int i = 0; i < 16; ++i) parts[i] = i < count ? residual[at + i] : 0.0f;
        other = vload16(0, parts);
      }
      sum = finish(sum, other, adds, function, low, high);
      if (count == 16) {
        vstore16(sum, 0, y + at);
      } else {
        store_part(sum, count, y + at);
      }
    }
  }
}

float16 pixels_at(__global const float* line, int column, int stride, int width) {
  if (stride == 1 && column >= 0 && column + 16 <= width) return vload16(0, line + column);
  if (stride == 2 && column >= 0 && column + 32 <= width)
    return (float16)(vload16(0, line + column).even, vload16(1, line + column).even);
  float lanes[16];
  for (int i = 0; i < 16; ++i) {
    const int x = column + i * stride;
    lanes[i] = x >= 0 && x < width ? line[x] : 0.0f;
  }
  return vload16(0, lanes);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void depthwise(__global const float* x, ulong x_at, __global const float* w, ulong w_at,
               __global const float* bias, ulong bias_at, __global const float* residual, ulong residual_at,
               __global float* y, ulong y_at, int filters, int of_channel, int height, int width, int out_h,
               int out_w, int kernel_h, int kernel_w, int stride_h, int stride_w, int dilation_h,
               int dilation_w, int top, int left, int rows, int has_bias, int adds, int function, float low,
               float high) {
  AT(x); AT(w); AT(bias); AT(residual); AT(y);
  const int filter = get_global_id(1), image = get_global_id(2), first = get_global_id(0) * rows;
  const ulong plane = (ulong)image * filters + filter;
  x += ((ulong)image * (filters / of_channel) + filter / of_channel) * height * width;
  w += filter * kernel_h * kernel_w;
  const float begin = has_bias ? bias[filter] : 0.0f;
  for (int row = first; row < min(first + rows, out_h); ++row) {
    for (int column = 0; column < out_w; column += 16) {
      float16 sum = (float16)begin;
      for (int r = 0; r < kernel_h; ++r) {
        const int ih = row * stride_h - top + r * dilation_h;
        if (ih < 0 || ih >= height) continue;
        for (int s = 0; s < kernel_w; ++s) {
          const int iw = column * stride_w - left + s * dilation_w;
          sum = fma((float16)(w[r * kernel_w + s]), pixels_at(x + ih * width, iw, stride_w, width), sum);
        }
      }
      const ulong at = (plane * out_h + row) * out_w + column;
      if (column + 16 <= out_w) {
        const float16 other = adds ? vload16(0, residual + at) : (float16)0.0f;
        vstore16(finish(sum, other, adds, function, low, high), 0, y + at);
      } else {
        float parts[16];
        vstore16(sum, 0, parts);
        for (int i = 0; column + i < out_w; ++i)
          y[at + i] = finish_one(parts[i], adds ? residual[at + i] : 0.0f, adds, function, low, high);
      }
    }
  }
}
)";

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(const LayerDesc& layer, const PrepareArgs& args)
      : layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer),
        kernel_(opencl_device(args).kernel(with_prelude(source), "depthwise")),
        filters_(upload(opencl_device(args), floats_of(args.constants[1]))),
        bias_(upload_bias(layer, args)) {
    const double of_row = static_cast<double>(shape_.out_w * shape_.depth());
    rows_ = std::min(shape_.out_h, grain(opencl_device(args), shape_.out_h * filters(), of_row));
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const Conv2dShape& s = shape_;
    const auto items = static_cast<size_t>((s.out_h + rows_ - 1) / std::max<int64_t>(1, rows_));
    return opencl_queue(args).launch(
        kernel_, {.items = {items, static_cast<size_t>(filters()), static_cast<size_t>(s.images)}},
        args.inputs[0].memory, filters_.memory(), bias_.memory(), residual_of(layer_, args),
        args.outputs[0].memory, filters(), s.filters, s.height, s.width, s.out_h, s.out_w, s.kernel_h,
        s.kernel_w, s.stride_h, s.stride_w, s.dilation_h, s.dilation_w, s.pad_top, s.pad_left, rows_,
        cl_int{bias_.memory() ? 1 : 0}, epilogue_.adds, epilogue_.function, epilogue_.low, epilogue_.high);
  }

 private:
  int64_t filters() const { return shape_.groups * shape_.filters; }

  LayerDesc layer_;
  Conv2dShape shape_;
  DeviceEpilogue epilogue_;
  OpenClKernel kernel_;
  Buffer filters_, bias_;
  int64_t rows_ = 1;
};

class PaddedDepthwiseKernel final : public Kernel {
 public:
  PaddedDepthwiseKernel(const LayerDesc& layer, const PrepareArgs& args)
      : layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer),
        padded_(PaddedImage::make(opencl_device(args), shape_)),
        kernel_(opencl_device(args).kernel(with_prelude(source), "depthwise_padded")),
        filters_(upload(opencl_device(args), floats_of(args.constants[1]))),
        bias_(upload_bias(layer, args)) {
    const double of_row = static_cast<double>(shape_.out_w * shape_.depth()) / 4;
    rows_ = std::min(shape_.out_h, grain(opencl_device(args), shape_.out_h * filters(), of_row));
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    OpenClQueue& queue = opencl_queue(args);
    const Conv2dShape& s = shape_;
    const auto items = static_cast<size_t>((s.out_h + rows_ - 1) / std::max<int64_t>(1, rows_));
    for (int64_t image = 0; image < s.images; ++image) {
      Status status = padded_.launch(
          queue, s, at_element(args.inputs[0].memory, image * s.groups * s.height * s.width), args.workspace);
      if (!status.is_ok()) return status;
      const int64_t out = image * filters() * s.pixels();
      status = queue.launch(kernel_, {.items = {items, static_cast<size_t>(filters()), 1}}, args.workspace,
                            filters_.memory(), bias_.memory(), at_element(residual_of(layer_, args), out),
                            at_element(args.outputs[0].memory, out), s.filters, padded_.height, padded_.width,
                            s.out_h, s.out_w, s.kernel_h, s.kernel_w, s.dilation_h, s.dilation_w, rows_,
                            cl_int{bias_.memory() ? 1 : 0}, epilogue_.adds, epilogue_.function, epilogue_.low,
                            epilogue_.high);
      if (!status.is_ok()) return status;
    }
    return Status::ok();
  }

 private:
  int64_t filters() const { return shape_.groups * shape_.filters; }

  LayerDesc layer_;
  Conv2dShape shape_;
  DeviceEpilogue epilogue_;
  PaddedImage padded_;
  OpenClKernel kernel_;
  Buffer filters_, bias_;
  int64_t rows_ = 1;
};

class DepthwisePrimitive final : public Primitive {
 public:
  explicit DepthwisePrimitive(bool pads)
      : Primitive(opencl_info(OpKind::conv2d, "depthwise", pads ? "padded" : "")), pads_(pads) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_conv2d(layer); !operands) return operands;
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.channels != 1) return Support::no("one channel a group only");
    if (!pads_) return Support::yes();
    if (shape.stride_h != 1 || shape.stride_w != 1) return Support::no("stride 1 only");
    return PaddedImage::supports(shape, padded_slack);
  }
  size_t workspace_bytes(const LayerDesc& layer, int /*threads*/) const override {
    return pads_ ? static_cast<size_t>(PaddedImage::elements(Conv2dShape::of(layer), padded_slack)) *
                       sizeof(float)
                 : 0;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    if (pads_) return std::make_unique<PaddedDepthwiseKernel>(layer, args);
    return std::make_unique<DepthwiseKernel>(layer, args);
  }

 private:
  bool pads_;
};

}  // namespace

void register_conv2d_opencl_depthwise(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<DepthwisePrimitive>(false));
  registry.add(std::make_unique<DepthwisePrimitive>(true));
}

}  // namespace raceline
