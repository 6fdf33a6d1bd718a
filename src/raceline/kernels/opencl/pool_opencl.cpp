// Largest and average of windows of images in nchw, and of whole images. A work-item computes rows of one
// plane; windows are clipped once a row and once a column.
#include <memory>

#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
// NaN counts as largest.
float16 larger(float16 a, float16 b) { return select(a, b, (b > a) | isnan(b)); }
float larger_one(float a, float b) { return b > a || isnan(b) ? b : a; }

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pool(__global const float* x, ulong x_at, __global float* y, ulong y_at, int height, int width, int out_h,
          int out_w, int kernel_h, int kernel_w, int stride_h, int stride_w, int dilation_h, int dilation_w,
          int top, int left, int bottom, int right, int rows, int is_average, int counts_padding) {
  AT(x); AT(y);
  const int plane = get_global_id(1), first = get_global_id(0) * rows;
  x += (ulong)plane * height * width;
  y += (ulong)plane * out_h * out_w;
  for (int row = first; row < min(first + rows, out_h); ++row) {
    const int ih = row * stride_h - top;
    const int r_first = ih >= 0 ? 0 : (-ih + dilation_h - 1) / dilation_h;
    const int r_end = min(kernel_h, (height - ih + dilation_h - 1) / dilation_h);
    const int r_counted = min(kernel_h, (height + bottom - ih + dilation_h - 1) / dilation_h);
    int column = 0;
    for (; column < out_w; ++column) {
      const int iw = column * stride_w - left;
      const int span = 15 * stride_w + (kernel_w - 1) * dilation_w + 1;
      if (stride_w <= 2 && iw >= 0 && iw + span + 1 <= width && column + 16 <= out_w && r_end > r_first) {
        // 16 windows that lie inside of the image.
        float16 result = is_average ? (float16)0.0f : (float16)-INFINITY;
        for (int r = r_first; r < r_end; ++r) {
          __global const float* line = x + (ih + r * dilation_h) * width + iw;
          for (int s = 0; s < kernel_w; ++s, line += dilation_w) {
            const float16 one = stride_w == 1
                ? vload16(0, line)
                : (float16)(vload16(0, line).even, vload8(2, line).even, vload4(6, line).even,
                            vload2(14, line).even, line[30]);
            result = is_average ? result + one : larger(result, one);
          }
        }
        if (is_average)
          result /= (float)((counts_padding ? r_counted : r_end - r_first) * kernel_w);
        vstore16(result, 0, y + row * out_w + column);
        column += 15;
        continue;
      }
      const int s_first = iw >= 0 ? 0 : (-iw + dilation_w - 1) / dilation_w;
      const int s_end = min(kernel_w, (width - iw + dilation_w - 1) / dilation_w);
      float result = is_average ? 0.0f : -INFINITY;
      for (int r = r_first; r < r_end; ++r) {
        __global const float* line = x + (ih + r * dilation_h) * width + iw;
        for (int s = s_first; s < s_end; ++s) {
          const float one = line[s * dilation_w];
          result = is_average ? result + one : larger_one(result, one);
        }
      }
      if (is_average) {
        const int s_counted = min(kernel_w, (width + right - iw + dilation_w - 1) / dilation_w);
        const int inside = max(0, r_end - r_first) * max(0, s_end - s_first);
        result /= (float)(counts_padding ? r_counted * s_counted : inside);
      }
      y[row * out_w + column] = result;
    }
  }
}

// Windows that are the whole image: sums of some rows, added up.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pool_all(__global const float* x, ulong x_at, __global float* y, ulong y_at, int count, int planes,
              int each, int is_average) {
  AT(x); AT(y);
  const int first = get_global_id(0) * each;
  for (int plane = first; plane < min(first + each, planes); ++plane) {
    __global const float* from = x + (ulong)plane * count;
    float16 result = is_average ? (float16)0.0f : (float16)-INFINITY;
    int i = 0;
    for (; i + 16 <= count; i += 16) {
      const float16 one = vload16(0, from + i);
      result = is_average ? result + one : larger(result, one);
    }
    float lanes[16];
    vstore16(result, 0, lanes);
    float all = is_average ? 0.0f : -INFINITY;
    for (int j = 0; j < 16; ++j) all = is_average ? all + lanes[j] : larger_one(all, lanes[j]);
    for (; i < count; ++i) all = is_average ? all + from[i] : larger_one(all, from[i]);
    y[plane] = is_average ? all / count : all;
  }
}
)";

bool is_whole_image(const LayerDesc& layer) {
  const PoolParams& p = layer.as<PoolParams>();
  const Shape& x = layer.inputs[0].desc.shape;
  const auto is_zero = [](int64_t pad) { return pad == 0; };
  return p.kernel[0] == x[2] && p.kernel[1] == x[3] && layer.outputs[0].shape.elements(2, 4) == 1 &&
         std::all_of(p.pads_begin.begin(), p.pads_begin.end(), is_zero) && p.dilation[0] == 1 &&
         p.dilation[1] == 1;
}

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const LayerDesc& layer, const PrepareArgs& args)
      : params_(layer.as<PoolParams>()),
        x_(layer.inputs[0].desc.shape),
        y_(layer.outputs[0].shape),
        is_average_(layer.op == OpKind::average_pool ? 1 : 0),
        is_whole_(is_whole_image(layer)) {
    OpenClDevice& device = opencl_device(args);
    const int64_t planes = y_[0] * y_[1];
    each_ = is_whole_
                ? grain(device, planes, static_cast<double>(x_[2] * x_[3]))
                : std::min(y_[2], grain(device, y_[2] * planes,
                                        static_cast<double>(y_[3] * params_.kernel[0] * params_.kernel[1])));
    kernel_ = device.kernel(with_prelude(source), is_whole_ ? "pool_all" : "pool");
  }
  Status run(const KernelArgs& args) const noexcept override {
    OpenClQueue& queue = opencl_queue(args);
    const int64_t planes = y_[0] * y_[1];
    if (is_whole_) {
      return queue.launch(kernel_, {.items = {static_cast<size_t>((planes + each_ - 1) / each_), 1, 1}},
                          args.inputs[0].memory, args.outputs[0].memory, x_[2] * x_[3], planes, each_,
                          is_average_);
    }
    const auto items = static_cast<size_t>((y_[2] + each_ - 1) / std::max<int64_t>(1, each_));
    return queue.launch(kernel_, {.items = {items, static_cast<size_t>(planes), 1}}, args.inputs[0].memory,
                        args.outputs[0].memory, x_[2], x_[3], y_[2], y_[3], params_.kernel[0],
                        params_.kernel[1], params_.stride[0], params_.stride[1], params_.dilation[0],
                        params_.dilation[1], params_.pads_begin[0], params_.pads_begin[1],
                        params_.pads_end[0], params_.pads_end[1], each_, is_average_,
                        cl_int{params_.count_include_pad ? 1 : 0});
  }

 private:
  PoolParams params_;
  Shape x_, y_;
  cl_int is_average_;
  bool is_whole_;
  int64_t each_ = 1;
  OpenClKernel kernel_;
};

class PoolPrimitive final : public Primitive {
 public:
  explicit PoolPrimitive(OpKind op) : Primitive(opencl_info(op, "direct")) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
    if (layer.outputs[0].shape.rank() != 4) return Support::no("two spatial dimensions only");
    return needs_plain(layer);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<PoolKernel>(layer, args);
  }
};

}  // namespace

void register_pool_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<PoolPrimitive>(OpKind::max_pool));
  registry.add(std::make_unique<PoolPrimitive>(OpKind::average_pool));
}

}  // namespace raceline
