// conv2d as one matrix product and shifted sums: every tap of the kernel is a 1x1 convolution of the image,
// all of them together are one product [taps * K, C] x [C, pixels] in nchw (kn2row) or [pixels, C] x [C, taps
// * K] in nhwc (kn2col), and the results are added up where they belong. Nothing is lowered. Source:
// Vasudevan, Anderson, Gregg: Parallel Multi Channel Convolution using General Matrix Multiplication,
// arXiv:1704.04428, 2017. The product is cut into blocks of filters and strips of image rows whose results
// stay in the second-level cache; whole, VGG's second layer would have 115 MB of them. Should win over a
// lowered product where channels and filters are many and images small. Limits: f32, constant filters, more
// than one tap, stride 1 (with others, most of the products would be thrown away), extents below 2^31.
#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"

namespace raceline {
namespace {

/// Rows (kn2row) or columns (kn2col) of a block of filters: enough to make packing the image cheap.
constexpr int64_t block_rows = 288;
/// Results of a strip: half of a megabyte.
constexpr int64_t strip_elements = int64_t{1} << 17;

/// How a layer is cut.
struct Kn2Cuts {
  int64_t blocks = 1;  ///< of a group's filters
  int64_t parts = 1;   ///< of the output's rows, for threads that have no block
  int64_t rows = 1;    ///< of the image in one strip
  int64_t grain = 1;   ///< filters

  static Kn2Cuts choose(const Conv2dShape& shape, Layout layout, int threads);
  Slice block(const Conv2dShape& shape, int64_t index) const {
    return slice_of(shape.filters, index, blocks, grain);
  }
  /// Results of a strip for the largest block.
  int64_t elements(const Conv2dShape& shape) const {
    return block(shape, 0).size() * shape.kernel_h * shape.kernel_w * rows * shape.width;
  }
};

Kn2Cuts Kn2Cuts::choose(const Conv2dShape& shape, Layout layout, int threads) {
  Kn2Cuts cuts;
  const int64_t taps = shape.kernel_h * shape.kernel_w;
  const int64_t units = std::max<int64_t>(1, shape.images * shape.groups);
  // Sums in nhwc run along the filters.
  if (layout == Layout::nhwc && shape.filters >= 32) cuts.grain = 16;
  const int64_t most = std::max<int64_t>(1, block_rows / (taps * cuts.grain));
  const int64_t grains = std::max<int64_t>(1, ceil_div(shape.filters, cuts.grain));
  cuts.blocks = ceil_div(grains, most);
  if (units * cuts.blocks < 4 * threads) {
    while (units * cuts.blocks % threads != 0 && cuts.blocks < grains) ++cuts.blocks;
  }
  if (units * cuts.blocks < threads)
    cuts.parts = std::clamp<int64_t>(threads, 1, std::max<int64_t>(1, shape.out_h));
  const int64_t results = std::max<int64_t>(1, cuts.block(shape, 0).size() * taps * shape.width);
  cuts.rows = std::clamp<int64_t>(strip_elements / results, 1, std::max<int64_t>(1, shape.height));
  return cuts;
}

/// to[i] += from[i].
RACELINE_INLINE void add_to(float* to, const float* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

class Kn2Kernel final : public Kernel {
 public:
  Kn2Kernel(const BlasLibrary& blas, const LayerDesc& layer, Layout layout, const PrepareArgs& args)
      : blas_(blas),
        layout_(layout),
        shape_(Conv2dShape::of(layer)),
        threads_(blas.threads(std::max(1, args.threads))),
        cuts_(Kn2Cuts::choose(shape_, layout, threads_)),
        epilogue_(layer, layout),
        has_bias_(has_bias(layer)) {
    for (int64_t x = 0; x < shape_.kernel_w; ++x) {
      columns_.push_back(
          outputs_inside(shape_.out_w, 1, x * shape_.dilation_w - shape_.pad_left, shape_.width));
    }
    const auto elements = static_cast<size_t>(shape_.groups * shape_.filters * shape_.depth());
    filters_ = args.pack(1, elements * sizeof(float), [&](Memory to) {
      pack(args.constants[1].data<const float>(), reinterpret_cast<float*>(to.host()));
    });
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return filters_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const Pointers at{args.inputs[0].data<const float>(),
                      has_bias_ ? args.inputs[2].data<const float>() : nullptr, epilogue_.residual(args),
                      args.outputs[0].data<float>(), reinterpret_cast<float*>(args.workspace.host())};
    const int threads = std::min(threads_, args.queue.threads());
    const int64_t units = shape_.images * shape_.groups * cuts_.blocks * cuts_.parts;
    parallel_slices(threads, units, 1, 1, [&](Slice slice, int thread) {
      float* buffer = at.buffer + thread * cuts_.elements(shape_);
      for (int64_t unit = slice.first; unit < slice.last; ++unit) run_unit(at, unit, buffer);
    });
    // In nhwc the filters of a unit lie between those of others.
    if (layout_ == Layout::nhwc) epilogue_.apply_all(at.y, at.residual, threads);
    return Status::ok();
  }

 private:
  struct Pointers {
    const float *x, *bias, *residual;
    float *y, *buffer;
  };

  /// Some filters of a group at some rows of an output image.
  struct Unit {
    int64_t image, group;
    Slice filters, rows;
  };

  int64_t taps() const { return shape_.kernel_h * shape_.kernel_w; }
  int64_t all_filters() const { return shape_.groups * shape_.filters; }

  /// kn2row: [group][filter][tap][channel]. kn2col: [group][block][channel][tap][filter of the block].
  void pack(const float* from, float* to) const {
    for (int64_t group = 0; group < shape_.groups; ++group) {
      const float* filters = from + group * shape_.filters * shape_.depth();
      if (layout_ == Layout::nchw) {
        for (int64_t k = 0; k < shape_.filters; ++k) {
          for (int64_t tap = 0; tap < taps(); ++tap) {
            for (int64_t c = 0; c < shape_.channels; ++c)
              *to++ = filters[(k * shape_.channels + c) * taps() + tap];
          }
        }
        continue;
      }
      for (int64_t index = 0; index < cuts_.blocks; ++index) {
        const Slice block = cuts_.block(shape_, index);
        for (int64_t c = 0; c < shape_.channels; ++c) {
          for (int64_t tap = 0; tap < taps(); ++tap) {
            for (int64_t k = block.first; k < block.last; ++k)
              *to++ = filters[(k * shape_.channels + c) * taps() + tap];
          }
        }
      }
    }
  }

  void run_unit(const Pointers& at, int64_t index, float* buffer) const {
    Unit unit{};
    const int64_t blocks = cuts_.blocks * cuts_.parts;
    unit.image = index / blocks / shape_.groups;
    unit.group = index / blocks % shape_.groups;
    unit.filters = cuts_.block(shape_, index % blocks / cuts_.parts);
    unit.rows = slice_of(shape_.out_h, index % cuts_.parts, cuts_.parts);
    if (unit.filters.size() == 0 || unit.rows.size() == 0) return;
    start(at, unit);
    const int64_t reach = (shape_.kernel_h - 1) * shape_.dilation_h;
    const int64_t first = std::max<int64_t>(0, unit.rows.first - shape_.pad_top);
    const int64_t last = std::min(shape_.height, unit.rows.last - shape_.pad_top + reach);
    for (int64_t row = first; row < last; row += cuts_.rows) {
      const Slice strip{row, std::min(last, row + cuts_.rows)};
      multiply(at, unit, strip, buffer);
      if (layout_ == Layout::nchw) {
        add_planes(at, unit, strip, buffer);
      } else {
        add_pixels(at, unit, strip, buffer);
      }
    }
    if (layout_ == Layout::nchw && !epilogue_.empty()) {
      for (int64_t k = unit.filters.first; k < unit.filters.last; ++k) {
        const int64_t plane = plane_of(unit, k);
        epilogue_.apply(at.y, at.residual, plane + unit.rows.first * shape_.out_w,
                        plane + unit.rows.last * shape_.out_w);
      }
    }
  }

  /// Where a filter's plane begins in the nchw output.
  int64_t plane_of(const Unit& unit, int64_t k) const {
    return (unit.image * all_filters() + unit.group * shape_.filters + k) * shape_.pixels();
  }
  /// The first filter of a unit at pixel 0 of its nhwc image.
  int64_t pixel_of(const Unit& unit) const {
    return unit.image * shape_.pixels() * all_filters() + unit.group * shape_.filters + unit.filters.first;
  }

  /// Sums begin with the bias.
  void start(const Pointers& at, const Unit& unit) const {
    const float* bias = at.bias == nullptr ? nullptr : at.bias + unit.group * shape_.filters;
    if (layout_ == Layout::nchw) {
      for (int64_t k = unit.filters.first; k < unit.filters.last; ++k) {
        std::fill_n(at.y + plane_of(unit, k) + unit.rows.first * shape_.out_w,
                    unit.rows.size() * shape_.out_w, bias == nullptr ? 0.0f : bias[k]);
      }
      return;
    }
    float* y = at.y + pixel_of(unit);
    for (int64_t p = unit.rows.first * shape_.out_w; p < unit.rows.last * shape_.out_w; ++p) {
      if (bias == nullptr) {
        std::fill_n(y + p * all_filters(), unit.filters.size(), 0.0f);
      } else {
        std::copy_n(bias + unit.filters.first, unit.filters.size(), y + p * all_filters());
      }
    }
  }

  /// All taps of a unit's filters at a strip of the image.
  void multiply(const Pointers& at, const Unit& unit, Slice strip, float* buffer) const {
    const int64_t plane = shape_.height * shape_.width;
    const int64_t pixels = strip.size() * shape_.width;
    const int64_t results = unit.filters.size() * taps();
    // Blocks of filters lie one after the other in both packings.
    const float* filters =
        filters_.data<float>() + (unit.group * shape_.filters + unit.filters.first) * shape_.depth();
    const int64_t channels = shape_.groups * shape_.channels;
    if (layout_ == Layout::nchw) {
      const float* x =
          at.x + (unit.image * channels + unit.group * shape_.channels) * plane + strip.first * shape_.width;
      blas_.multiply(results, pixels, shape_.channels, 1, {filters, shape_.channels}, {x, plane}, 0, buffer,
                     pixels);
      return;
    }
    const float* x =
        at.x + (unit.image * plane + strip.first * shape_.width) * channels + unit.group * shape_.channels;
    blas_.multiply(pixels, results, shape_.channels, 1, {x, channels}, {filters, results}, 0, buffer,
                   results);
  }

  /// The output's rows, of the unit's, to which a strip contributes through a row of the kernel.
  Slice rows_of(const Unit& unit, Slice strip, int64_t shift) const {
    const int64_t first = std::clamp(strip.first - shift, unit.rows.first, unit.rows.last);
    return {first, std::clamp(strip.last - shift, first, unit.rows.last)};
  }

  void add_planes(const Pointers& at, const Unit& unit, Slice strip, const float* buffer) const {
    vectorised([&]() RACELINE_LAMBDA {
      const int64_t pixels = strip.size() * shape_.width;
      const float* results = buffer;
      for (int64_t k = unit.filters.first; k < unit.filters.last; ++k) {
        float* y = at.y + plane_of(unit, k);
        for (int64_t kernel_y = 0; kernel_y < shape_.kernel_h; ++kernel_y) {
          const int64_t shift = kernel_y * shape_.dilation_h - shape_.pad_top;
          const Slice rows = rows_of(unit, strip, shift);
          for (int64_t kernel_x = 0; kernel_x < shape_.kernel_w; ++kernel_x, results += pixels) {
            const Slice columns = columns_[static_cast<size_t>(kernel_x)];
            const float* from = results + (rows.first + shift - strip.first) * shape_.width + columns.first +
                                kernel_x * shape_.dilation_w - shape_.pad_left;
            float* to = y + rows.first * shape_.out_w + columns.first;
            if (columns.size() == shape_.width && columns.size() == shape_.out_w) {
              add_to(to, from, rows.size() * shape_.width);
              continue;
            }
            for (int64_t row = rows.first; row < rows.last; ++row) {
              add_to(to, from, columns.size());
              to += shape_.out_w;
              from += shape_.width;
            }
          }
        }
      }
    });
  }

  void add_pixels(const Pointers& at, const Unit& unit, Slice strip, const float* buffer) const {
    vectorised([&]() RACELINE_LAMBDA {
      const int64_t filters = unit.filters.size();
      const int64_t step = filters * taps();
      float* y = at.y + pixel_of(unit);
      for (int64_t kernel_y = 0; kernel_y < shape_.kernel_h; ++kernel_y) {
        const int64_t shift = kernel_y * shape_.dilation_h - shape_.pad_top;
        const Slice rows = rows_of(unit, strip, shift);
        for (int64_t row = rows.first; row < rows.last; ++row) {
          for (int64_t kernel_x = 0; kernel_x < shape_.kernel_w; ++kernel_x) {
            const Slice columns = columns_[static_cast<size_t>(kernel_x)];
            const int64_t from_pixel = (row + shift - strip.first) * shape_.width + columns.first +
                                       kernel_x * shape_.dilation_w - shape_.pad_left;
            const float* from =
                buffer + from_pixel * step + (kernel_y * shape_.kernel_w + kernel_x) * filters;
            float* to = y + (row * shape_.out_w + columns.first) * all_filters();
            for (int64_t x = columns.first; x < columns.last; ++x) {
              add_to(to, from, filters);
              to += all_filters();
              from += step;
            }
          }
        }
      }
    });
  }

  BlasLibrary blas_;
  Layout layout_;
  Conv2dShape shape_;
  int threads_;
  Kn2Cuts cuts_;
  Epilogue epilogue_;
  bool has_bias_;
  std::vector<Slice> columns_;  ///< outputs of a row that a column of the kernel reaches
  PackedBytes filters_;
};

class Kn2Primitive final : public Primitive {
 public:
  Kn2Primitive(const BlasLibrary& blas, Layout layout)
      : Primitive(
            blas_info(blas, OpKind::conv2d, "gemm", layout == Layout::nchw ? "kn2row" : "kn2col", layout)),
        blas_(blas),
        layout_(layout) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support common = supports_blas_conv2d(layer, layout_, true); !common) return common;
    const Conv2dShape shape = Conv2dShape::of(layer);
    const int64_t taps = shape.kernel_h * shape.kernel_w;
    if (taps == 1) return Support::no("a 1x1 kernel has nothing to shift: that is im2col's product");
    if (shape.stride_h != 1 || shape.stride_w != 1) {
      return Support::no(fmt::format("stride {}x{}: of the products at all pixels most would be thrown away",
                                     shape.stride_h, shape.stride_w));
    }
    if (!BlasLibrary::fits(taps * shape.filters)) return Support::no("a row of results beyond 2^31 - 1");
    return Support::yes();
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, layout_, layout_);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const Conv2dShape shape = Conv2dShape::of(layer);
    const int team = blas_.threads(std::max(1, threads));
    return static_cast<size_t>(Kn2Cuts::choose(shape, layout_, team).elements(shape) * team) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<Kn2Kernel>(blas_, layer, layout_, args);
  }

 private:
  BlasLibrary blas_;
  Layout layout_;
};

}  // namespace

void register_conv2d_blas_kn2row(PrimitiveRegistry& registry) {
  with_each_blas(registry, [&](const BlasLibrary& blas) {
    for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
      registry.add(std::make_unique<Kn2Primitive>(blas, layout));
    }
  });
}

}  // namespace raceline
