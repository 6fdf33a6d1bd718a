// conv2d in nhwc as a matrix product: the lowered image [pixels, R*S*C] times filters packed as [R*S*C, K],
// group by group. The image is lowered in tiles of pixels; a pointwise convolution is not lowered at all.
// Limits: f32, constant filters, extents below 2^31.
#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline {
namespace {

/// [group][R][S][C][filters of the group] from [K][C][R][S].
void pack_filters(const Conv2dShape& shape, const float* filters, float* to) {
  const int64_t kernel = shape.kernel_h * shape.kernel_w;
  for (int64_t group = 0; group < shape.groups; ++group) {
    const float* from = filters + group * shape.filters * shape.depth();
    for (int64_t tap = 0; tap < kernel; ++tap) {
      for (int64_t c = 0; c < shape.channels; ++c) {
        for (int64_t k = 0; k < shape.filters; ++k) *to++ = from[(k * shape.channels + c) * kernel + tap];
      }
    }
  }
}

class Im2rowKernel final : public Kernel {
 public:
  Im2rowKernel(const BlasLibrary& blas, const LayerDesc& layer, const PrepareArgs& args)
      : blas_(blas),
        shape_(Conv2dShape::of(layer)),
        tiling_(ConvTiling::choose(shape_, shape_.images, blas_.threads(std::max(1, args.threads)))),
        epilogue_(layer, Layout::nhwc),
        threads_(blas_.threads(std::max(1, args.threads))) {
    const auto elements = static_cast<size_t>(shape_.groups * shape_.depth() * shape_.filters);
    filters_ = args.pack(1, elements * sizeof(float), [&](Memory to) {
      pack_filters(shape_, args.constants[1].data<const float>(), reinterpret_cast<float*>(to.host()));
    });
    has_bias_ = has_bias(layer);
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return filters_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const Pointers at{args.inputs[0].data<const float>(),
                      has_bias_ ? args.inputs[2].data<const float>() : nullptr, epilogue_.residual(args),
                      args.outputs[0].data<float>(),
                      shape_.is_pointwise ? nullptr : reinterpret_cast<float*>(args.workspace.host())};
    const int threads = std::min(threads_, args.queue.threads());
    const int64_t lowered = tiling_.lowered_elements(shape_);
    if (tiling_.by_filters) {
      for (int64_t index = 0; index < shape_.images * tiling_.tiles; ++index) shared_tile(at, index, threads);
      epilogue_.apply_all(at.y, at.residual, threads);
      return Status::ok();
    }
    parallel_slices(threads, shape_.images * tiling_.tiles, 1, 1, [&](Slice tiles, int thread) {
      float* buffer = at.lowered + (at.lowered == nullptr ? 0 : thread * lowered);
      for (int64_t index = tiles.first; index < tiles.last; ++index) {
        const int64_t image = index / tiling_.tiles;
        const Slice pixels = tiling_.tile(shape_, index % tiling_.tiles);
        const int64_t row = image * shape_.pixels() + pixels.first;
        for (int64_t group = 0; group < shape_.groups; ++group) {
          lower(at, image, group, pixels, buffer);
          multiply(at, image, group, pixels, {0, shape_.filters}, buffer);
        }
        epilogue_.apply(at.y, at.residual, row * filters(), (row + pixels.size()) * filters());
      }
    });
    return Status::ok();
  }

 private:
  struct Pointers {
    const float *x, *bias, *residual;
    float *y, *lowered;
  };

  int64_t filters() const { return shape_.groups * shape_.filters; }
  int64_t channels() const { return shape_.groups * shape_.channels; }

  void lower(const Pointers& at, int64_t image, int64_t group, Slice pixels, float* buffer) const {
    if (shape_.is_pointwise || pixels.size() == 0) return;
    im2row(shape_, at.x + image * shape_.height * shape_.width * channels() + group * shape_.channels, pixels,
           buffer);
  }

  /// Some filters of a group at the pixels of a lowered tile, with bias but without epilogue.
  void multiply(const Pointers& at, int64_t image, int64_t group, Slice pixels, Slice some,
                const float* buffer) const {
    const int64_t row = image * shape_.pixels() + pixels.first;
    const int64_t column = group * shape_.filters + some.first;
    float* y = at.y + row * filters() + column;
    if (at.bias != nullptr) {
      for (int64_t p = 0; p < pixels.size(); ++p)
        std::copy_n(at.bias + column, some.size(), y + p * filters());
    }
    const BlasMatrix a = shape_.is_pointwise
                             ? BlasMatrix{at.x + row * channels() + group * shape_.channels, channels()}
                             : BlasMatrix{buffer, shape_.depth()};
    const BlasMatrix b{filters_.data<float>() + group * shape_.depth() * shape_.filters + some.first,
                       shape_.filters};
    blas_.multiply(pixels.size(), some.size(), shape_.depth(), 1, a, b, at.bias != nullptr ? 1 : 0, y,
                   filters());
  }

  /// One tile by all threads: each lowers some pixels, then computes some filters.
  void shared_tile(const Pointers& at, int64_t index, int threads) const {
    const int64_t image = index / tiling_.tiles;
    const Slice pixels = tiling_.tile(shape_, index % tiling_.tiles);
    for (int64_t group = 0; group < shape_.groups; ++group) {
      if (!shape_.is_pointwise) {
        parallel_slices(threads, pixels.size(), 1, 1, [&](Slice part, int) {
          const Slice some{pixels.first + part.first, pixels.first + part.last};
          lower(at, image, group, some, at.lowered + part.first * shape_.depth());
        });
      }
      parallel_slices(threads, shape_.filters, 16, 1,
                      [&](Slice some, int) { multiply(at, image, group, pixels, some, at.lowered); });
    }
  }

  BlasLibrary blas_;
  Conv2dShape shape_;
  ConvTiling tiling_;
  Epilogue epilogue_;
  PackedBytes filters_;
  int threads_;
  bool has_bias_ = false;
};

class Im2rowPrimitive final : public Primitive {
 public:
  explicit Im2rowPrimitive(const BlasLibrary& blas)
      : Primitive(blas_info(blas, OpKind::conv2d, "gemm", "im2row", Layout::nhwc)), blas_(blas) {}

  Support supports(const LayerDesc& layer) const override {
    return supports_blas_conv2d(layer, Layout::nhwc, true);
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, Layout::nhwc, Layout::nhwc);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const Conv2dShape shape = Conv2dShape::of(layer);
    const int team = blas_.threads(std::max(1, threads));
    const ConvTiling tiling = ConvTiling::choose(shape, shape.images, team);
    return static_cast<size_t>(tiling.lowered_elements(shape) * (tiling.by_filters ? 1 : team)) *
           sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<Im2rowKernel>(blas_, layer, args);
  }

 private:
  BlasLibrary blas_;
};

}  // namespace

void register_conv2d_blas_im2row(PrimitiveRegistry& registry) {
  with_each_blas(registry,
                 [&](const BlasLibrary& blas) { registry.add(std::make_unique<Im2rowPrimitive>(blas)); });
}

}  // namespace raceline
