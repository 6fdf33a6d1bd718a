// conv_transpose in nchw as a matrix product: filters [K*R*S, C] times the image [C, pixels] gives for each
// input pixel what it adds to the outputs around it; col2im adds that up. The transpose of im2col with a
// product, as Caffe's Deconvolution does it. Threads take output channels, so that nobody adds to what
// another one writes. Limits: f32, 1 or 2 dimensions, extents below 2^31.
#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/common/transposed_axis.h"

namespace raceline {
namespace {

struct TransposedShape {
  int64_t images, groups, channels, filters;  ///< channels and filters of a group
  TransposedAxis height, width;

  static TransposedShape of(const LayerDesc& layer) {
    const auto& params = layer.as<ConvTransposeParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    const Shape& w = layer.inputs[1].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    TransposedShape shape{x[0], params.group, x[1] / params.group, w[1], {}, {}};
    const auto axis = [&](int from_end) {
      const int at = x.rank() - from_end;
      const auto i = static_cast<size_t>(at - 2);
      return TransposedAxis{x[at], y[at], w[at], params.stride[i], params.dilation[i], params.pads_begin[i]};
    };
    shape.width = axis(1);
    if (x.rank() == 4) shape.height = axis(2);
    return shape;
  }
  int64_t taps() const { return height.kernel * width.kernel; }
  int64_t pixels() const { return height.in * width.in; }
  int64_t out_pixels() const { return height.out * width.out; }
};

/// How much is multiplied at once: some filters by some rows of the image, whose product stays in the
/// second-level cache.
struct Tile {
  int64_t filters, rows;

  static Tile of(const TransposedShape& shape) {
    constexpr int64_t floats = 64 * 1024;
    constexpr int64_t wanted_pixels = 512;
    Tile tile{};
    const int64_t row = std::max<int64_t>(1, shape.width.in);
    tile.rows = std::clamp<int64_t>(wanted_pixels / row, 1, std::max<int64_t>(1, shape.height.in));
    tile.filters = std::clamp<int64_t>(floats / std::max<int64_t>(1, tile.rows * row * shape.taps()), 1,
                                       std::max<int64_t>(1, shape.filters));
    return tile;
  }
  int64_t floats(const TransposedShape& shape) const {
    return filters * shape.taps() * rows * shape.width.in;
  }
};

/// Adds rows of products to the rows of one output channel: y[i * stride] += x[i].
RACELINE_INLINE void add_row(const float* x, float* y, int64_t count, int64_t stride) {
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] += x[i];
  } else {
    for (int64_t i = 0; i < count; ++i) y[i * stride] += x[i];
  }
}

/// Where two neighbouring taps fall between each other: y[2 i] += a[i], y[2 i + 1] += b[i].
RACELINE_INLINE void add_pairs(const float* a, const float* b, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    y[2 * i] += a[i];
    y[2 * i + 1] += b[i];
  }
}

/// Adds the products of one filter with input rows `rows` to its output channel.
void col2im(const TransposedShape& shape, Slice rows, const float* products, float* y) {
  const TransposedAxis& height = shape.height;
  const TransposedAxis& width = shape.width;
  const int64_t tap_floats = rows.size() * width.in;
  const bool pairs = width.kernel == 2 && width.stride == 2 && width.dilation == 1 && width.pad == 0 &&
                     width.out >= 2 * width.in;
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t r = 0; r < height.kernel; ++r) {
      for (int64_t row = rows.first; row < rows.last; ++row) {
        const int64_t target = height.target(row, r);
        if (target < 0 || target >= height.out) continue;
        const float* from = products + r * width.kernel * tap_floats + (row - rows.first) * width.in;
        float* to = y + target * width.out;
        if (pairs) {
          add_pairs(from, from + tap_floats, to, width.in);
          continue;
        }
        for (int64_t s = 0; s < width.kernel; ++s) {
          const int64_t first = width.first(s);
          const int64_t count = width.last(s) - first;
          if (count > 0)
            add_row(from + s * tap_floats + first, to + width.target(first, s), count, width.stride);
        }
      }
    }
  });
}

class Col2imKernel final : public Kernel {
 public:
  Col2imKernel(const BlasLibrary& blas, const LayerDesc& layer, int threads)
      : blas_(blas),
        shape_(TransposedShape::of(layer)),
        tile_(Tile::of(shape_)),
        epilogue_(layer, Layout::nchw),
        threads_(threads),
        has_bias_(has_bias(layer)) {}

  Status run(const KernelArgs& args) const noexcept override {
    const Pointers at{args.inputs[0].data<const float>(),
                      args.inputs[1].data<const float>(),
                      has_bias_ ? args.inputs[2].data<const float>() : nullptr,
                      epilogue_.residual(args),
                      args.outputs[0].data<float>(),
                      reinterpret_cast<float*>(args.workspace.host())};
    const int threads = std::min(threads_, args.queue.threads());
    const int64_t floats = tile_.floats(shape_);
    parallel_slices(
        threads, shape_.images * shape_.groups * shape_.filters, 1, 1, [&](Slice slice, int thread) {
          for (int64_t next = slice.first; next < slice.last;) {
            const int64_t first = next % shape_.filters;
            const int64_t count = std::min({tile_.filters, slice.last - next, shape_.filters - first});
            some_filters(at, next / shape_.filters, {first, first + count}, at.products + thread * floats);
            next += count;
          }
        });
    return Status::ok();
  }

 private:
  struct Pointers {
    const float *x, *filters, *bias, *residual;
    float *y, *products;
  };

  /// Some output channels of one group of one image, epilogue included.
  void some_filters(const Pointers& at, int64_t unit, Slice filters, float* products) const {
    const int64_t group = unit % shape_.groups;
    const int64_t taps = shape_.taps();
    const int64_t out_pixels = shape_.out_pixels();
    const int64_t first = (unit * shape_.filters + filters.first) * out_pixels;
    for (int64_t k = 0; k < filters.size(); ++k) {
      const float bias = at.bias == nullptr ? 0 : at.bias[group * shape_.filters + filters.first + k];
      std::fill_n(at.y + first + k * out_pixels, out_pixels, bias);
    }
    const float* image = at.x + unit * shape_.channels * shape_.pixels();
    const float* weights = at.filters + (group * shape_.channels * shape_.filters + filters.first) * taps;
    for (int64_t row = 0; row < shape_.height.in; row += tile_.rows) {
      const Slice rows{row, std::min(row + tile_.rows, shape_.height.in)};
      const int64_t columns = rows.size() * shape_.width.in;
      blas_.multiply(filters.size() * taps, columns, shape_.channels, 1,
                     {weights, shape_.filters * taps, true}, {image + row * shape_.width.in, shape_.pixels()},
                     0, products, columns);
      for (int64_t k = 0; k < filters.size(); ++k)
        col2im(shape_, rows, products + k * taps * columns, at.y + first + k * out_pixels);
    }
    epilogue_.apply(at.y, at.residual, first, first + filters.size() * out_pixels);
  }

  BlasLibrary blas_;
  TransposedShape shape_;
  Tile tile_;
  Epilogue epilogue_;
  int threads_;
  bool has_bias_;
};

class Col2imPrimitive final : public Primitive {
 public:
  explicit Col2imPrimitive(const BlasLibrary& blas)
      : Primitive(blas_info(blas, OpKind::conv_transpose, "gemm", "col2im", Layout::nchw)), blas_(blas) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (layer.inputs[0].desc.shape.rank() > 4) return Support::no("1 or 2 dimensions only");
    if (!BlasLibrary::fits(layer)) return Support::no("an extent beyond 2^31 - 1");
    const TransposedShape shape = TransposedShape::of(layer);
    if (!BlasLibrary::fits(shape.filters * shape.taps()))
      return Support::no("a row of filters beyond 2^31 - 1");
    return Epilogue::supports(layer, Layout::nchw);
  }
  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const TransposedShape shape = TransposedShape::of(layer);
    return static_cast<size_t>(Tile::of(shape).floats(shape) * blas_.threads(std::max(1, threads))) *
           sizeof(float);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<Col2imKernel>(blas_, layer, blas_.threads(std::max(1, args.threads)));
  }

 private:
  BlasLibrary blas_;
};

}  // namespace

void register_conv_transpose_blas_col2im(PrimitiveRegistry& registry) {
  with_each_blas(registry,
                 [&](const BlasLibrary& blas) { registry.add(std::make_unique<Col2imPrimitive>(blas)); });
}

}  // namespace raceline
