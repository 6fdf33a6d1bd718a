// conv2d in nchw as a matrix product: filters [K, C*R*S] times the lowered image [C*R*S, pixels].
// Source: Chellapilla, Puri, Simard: High Performance Convolutional Neural Networks for Document Processing,
// 2006. The image is lowered in tiles of pixels; a pointwise convolution is not lowered at all. Filters are
// read in place, constant or not. Limits: f32, extents below 2^31.
#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline {
namespace {

class Im2colKernel final : public Kernel {
 public:
  Im2colKernel(const BlasLibrary& blas, const LayerDesc& layer, int threads)
      : blas_(blas),
        shape_(Conv2dShape::of(layer)),
        tiling_(ConvTiling::choose(shape_, shape_.images * shape_.groups, threads)),
        epilogue_(layer, Layout::nchw),
        threads_(threads) {
    has_bias_ = has_bias(layer);
  }

  Status run(const KernelArgs& args) const noexcept override {
    const Pointers at{args.inputs[0].data<const float>(),
                      args.inputs[1].data<const float>(),
                      has_bias_ ? args.inputs[2].data<const float>() : nullptr,
                      epilogue_.residual(args),
                      args.outputs[0].data<float>(),
                      shape_.is_pointwise ? nullptr : reinterpret_cast<float*>(args.workspace.host())};
    const int threads = std::min(threads_, args.queue.threads());
    const int64_t units = shape_.images * shape_.groups;
    if (tiling_.by_filters) {
      for (int64_t index = 0; index < units * tiling_.tiles; ++index) shared_tile(at, index, threads);
      return Status::ok();
    }
    const int64_t lowered = tiling_.lowered_elements(shape_);
    parallel_slices(threads, units * tiling_.tiles, 1, 1, [&](Slice tiles, int thread) {
      float* buffer = at.lowered + (at.lowered == nullptr ? 0 : thread * lowered);
      for (int64_t index = tiles.first; index < tiles.last; ++index) {
        const int64_t unit = index / tiling_.tiles;
        const Slice pixels = tiling_.tile(shape_, index % tiling_.tiles);
        lower(at, unit, {0, shape_.depth()}, pixels, buffer);
        multiply(at, unit, {0, shape_.filters}, pixels, buffer);
      }
    });
    return Status::ok();
  }

 private:
  struct Pointers {
    const float *x, *filters, *bias, *residual;
    float *y, *lowered;
  };

  const float* image(const Pointers& at, int64_t unit) const {
    return at.x + unit * shape_.channels * shape_.height * shape_.width;
  }

  /// Rows `depth` of the lowered matrix of a tile.
  void lower(const Pointers& at, int64_t unit, Slice depth, Slice pixels, float* buffer) const {
    if (shape_.is_pointwise) return;
    im2col(shape_, image(at, unit), depth, pixels, buffer + depth.first * pixels.size(), pixels.size());
  }

  /// Some filters of a group at the pixels of a lowered tile, bias and epilogue included.
  void multiply(const Pointers& at, int64_t unit, Slice filters, Slice pixels, const float* buffer) const {
    const int64_t all_pixels = shape_.pixels();
    const int64_t row = unit % shape_.groups * shape_.filters + filters.first;
    const int64_t offset =
        (unit / shape_.groups * shape_.groups * shape_.filters + row) * all_pixels + pixels.first;
    float* y = at.y + offset;
    if (at.bias != nullptr) {
      for (int64_t k = 0; k < filters.size(); ++k)
        std::fill_n(y + k * all_pixels, pixels.size(), at.bias[row + k]);
    }
    const BlasMatrix a{at.filters + row * shape_.depth(), shape_.depth()};
    const BlasMatrix b = shape_.is_pointwise ? BlasMatrix{image(at, unit) + pixels.first, all_pixels}
                                             : BlasMatrix{buffer, pixels.size()};
    blas_.multiply(filters.size(), pixels.size(), shape_.depth(), 1, a, b, at.bias != nullptr ? 1 : 0, y,
                   all_pixels);
    if (epilogue_.empty()) return;
    if (pixels.size() == all_pixels) {
      epilogue_.apply(at.y, at.residual, offset, offset + filters.size() * all_pixels);
      return;
    }
    for (int64_t k = 0; k < filters.size(); ++k) {
      const int64_t first = offset + k * all_pixels;
      epilogue_.apply(at.y, at.residual, first, first + pixels.size());
    }
  }

  /// One tile by all threads: each lowers some rows, then computes some filters.
  void shared_tile(const Pointers& at, int64_t index, int threads) const {
    const int64_t unit = index / tiling_.tiles;
    const Slice pixels = tiling_.tile(shape_, index % tiling_.tiles);
    if (!shape_.is_pointwise) {
      parallel_slices(threads, shape_.depth(), 1, 1,
                      [&](Slice depth, int) { lower(at, unit, depth, pixels, at.lowered); });
    }
    parallel_slices(threads, shape_.filters, 8, 1,
                    [&](Slice filters, int) { multiply(at, unit, filters, pixels, at.lowered); });
  }

  BlasLibrary blas_;
  Conv2dShape shape_;
  ConvTiling tiling_;
  Epilogue epilogue_;
  int threads_;
  bool has_bias_ = false;
};

class Im2colPrimitive final : public Primitive {
 public:
  explicit Im2colPrimitive(const BlasLibrary& blas)
      : Primitive(blas_info(blas, OpKind::conv2d, "gemm", "im2col", Layout::nchw)), blas_(blas) {}

  Support supports(const LayerDesc& layer) const override {
    return supports_blas_conv2d(layer, Layout::nchw, false);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const Conv2dShape shape = Conv2dShape::of(layer);
    const int team = blas_.threads(std::max(1, threads));
    const ConvTiling tiling = ConvTiling::choose(shape, shape.images * shape.groups, team);
    return static_cast<size_t>(tiling.lowered_elements(shape) * (tiling.by_filters ? 1 : team)) *
           sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<Im2colKernel>(blas_, layer, blas_.threads(std::max(1, args.threads)));
  }

 private:
  BlasLibrary blas_;
};

}  // namespace

void register_conv2d_blas_im2col(PrimitiveRegistry& registry) {
  with_each_blas(registry,
                 [&](const BlasLibrary& blas) { registry.add(std::make_unique<Im2colPrimitive>(blas)); });
}

}  // namespace raceline
