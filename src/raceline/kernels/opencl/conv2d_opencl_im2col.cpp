// conv2d in nchw as a matrix product of packed filters and the image lowered into panels: any stride,
// dilation, padding and number of groups. Source: Chellapilla, Puri, Simard: High Performance Convolutional
// Neural Networks for Document Processing, 2006. As many panels are lowered at a time as a processor's cache
// holds.
#include <memory>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/tile_gemm.h"

namespace raceline {
namespace {

constexpr int64_t most_lowered = 2 << 20;  ///< elements: 8 MB, a part of a third-level cache

constexpr std::string_view source = R"(
#define TN (16 * TV)

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void im2col_panels(__global const float* x, ulong x_at, __global float* y, ulong y_at, int channels,
                   int height, int width, int kernel_h, int kernel_w, int out_w, int pixels, int first,
                   int panels, int stride_h, int stride_w, int dilation_h, int dilation_w, int top, int left) {
  AT(x); AT(y);
  const int channel = get_global_id(0), panel = get_global_id(1), group = get_global_id(2);
  const int taps = kernel_h * kernel_w;
  x += ((ulong)group * channels + channel) * height * width;
  y += (((ulong)group * panels + panel) * channels + channel) * taps * TN;
  int rows[TN], columns[TN];
  for (int i = 0; i < TN; ++i) {
    const int pixel = first + panel * TN + i;
    const int row = pixel / out_w;
    rows[i] = pixel < pixels ? row * stride_h - top : -(1 << 28);
    columns[i] = (pixel - row * out_w) * stride_w - left;
  }
  for (int r = 0; r < kernel_h; ++r) {
    for (int s = 0; s < kernel_w; ++s) {
      for (int v = 0; v < TV; ++v, y += 16) {
        const int i = 16 * v;
        const int row = rows[i] + r * dilation_h, column = columns[i] + s * dilation_w;
        const bool in_a_row = rows[i + 15] == rows[i] && columns[i + 15] == columns[i] + 15 * stride_w;
        const bool inside = in_a_row && row >= 0 && row < height && column >= 0;
        // Of a row beyond the image the place is no int.
        const int place = inside ? row * width + column : 0;
        __global const float* line = x + place;
        if (inside && stride_w == 1 && column + 16 <= width) {
          vstore16(vload16(0, line), 0, y);
        } else if (inside && stride_w == 2 && column + 32 <= width) {
          vstore16((float16)(vload16(0, line).even, vload16(1, line).even), 0, y);
        } else {
          for (int lane = 0; lane < 16; ++lane) {
            const int ih = rows[i + lane] + r * dilation_h, iw = columns[i + lane] + s * dilation_w;
            y[lane] = ih >= 0 && ih < height && iw >= 0 && iw < width ? x[ih * width + iw] : 0.0f;
          }
        }
      }
    }
  }
}
)";

/// Panels that are lowered at a time.
int64_t panels_at_a_time(const Conv2dShape& shape, RegisterTile tile) {
  const int64_t all = (shape.pixels() + tile.columns() - 1) / tile.columns();
  const int64_t one = std::max<int64_t>(1, shape.groups * shape.depth() * tile.columns());
  return std::clamp<int64_t>(most_lowered / one, std::min<int64_t>(all, 4), all);
}

class Im2colKernel final : public Kernel {
 public:
  Im2colKernel(const LayerDesc& layer, const PrepareArgs& args, RegisterTile tile)
      : layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer),
        gemm_(TileGemm::make(opencl_device(args), tile, LeftMatrix::packed, RightMatrix::packed)),
        lower_(opencl_device(args).kernel(with_prelude(source), "im2col_panels",
                                          fmt::format("-DTV={}", tile.vectors))),
        panels_(panels_at_a_time(shape_, tile)),
        bias_(upload_bias(layer, args)),
        filters_(upload_filters(opencl_device(args), tile, shape_, args.constants[1])) {}

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const int64_t step = panels_ * gemm_.tile.columns();
    for (int64_t image = 0; image < shape_.images; ++image) {
      for (int64_t first = 0; first < shape_.pixels(); first += step) {
        const Status status = run_pixels(args, image, first, std::min(step, shape_.pixels() - first));
        if (!status.is_ok()) return status;
      }
    }
    return Status::ok();
  }

 private:
  Status run_pixels(const KernelArgs& args, int64_t image, int64_t first, int64_t count) const {
    OpenClQueue& queue = opencl_queue(args);
    const Conv2dShape& s = shape_;
    const int64_t panels = (count + gemm_.tile.columns() - 1) / gemm_.tile.columns();
    const Memory x = at_element(args.inputs[0].memory, image * s.groups * s.channels * s.height * s.width);
    const int64_t out = image * s.groups * s.filters * s.pixels() + first;
    const Status lowered = queue.launch(
        lower_,
        {.items = {static_cast<size_t>(s.channels), static_cast<size_t>(panels),
                   static_cast<size_t>(s.groups)}},
        x, args.workspace, s.channels, s.height, s.width, s.kernel_h, s.kernel_w, s.out_w, s.pixels(), first,
        panels, s.stride_h, s.stride_w, s.dilation_h, s.dilation_w, s.pad_top, s.pad_left);
    if (!lowered.is_ok()) return lowered;
    TileGemm::Operands operands =
        conv_operands(gemm_, s, filters_, bias_, residual_of(layer_, args), args.outputs[0].memory, out);
    operands.b = args.workspace;
    operands.n = count;
    operands.b_step = panels * gemm_.tile.columns() * s.depth();
    return gemm_.launch(queue, operands, epilogue_);
  }

  LayerDesc layer_;
  Conv2dShape shape_;
  DeviceEpilogue epilogue_;
  TileGemm gemm_;
  OpenClKernel lower_;
  int64_t panels_;
  Buffer bias_, filters_;
};

class Im2colPrimitive final : public Primitive {
 public:
  explicit Im2colPrimitive(RegisterTile tile)
      : Primitive(opencl_info(OpKind::conv2d, "gemm", "im2col_tile" + tile.to_string())), tile_(tile) {}

  Support supports(const LayerDesc& layer) const override { return needs_device_conv2d(layer); }
  size_t workspace_bytes(const LayerDesc& layer, int /*threads*/) const override {
    const Conv2dShape shape = Conv2dShape::of(layer);
    return static_cast<size_t>(panels_at_a_time(shape, tile_) * tile_.columns() * shape.groups *
                               shape.depth()) *
           sizeof(float);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<Im2colKernel>(layer, args, tile_);
  }

 private:
  RegisterTile tile_;
};

}  // namespace

void register_conv2d_opencl_im2col(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<Im2colPrimitive>(RegisterTile{8, 2}));
  registry.add(std::make_unique<Im2colPrimitive>(RegisterTile{12, 2}));
}

}  // namespace raceline
