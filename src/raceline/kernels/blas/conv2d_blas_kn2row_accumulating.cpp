// conv2d as a sum of 1x1 convolutions, one for each tap of the kernel: products that add to the output (beta
// = 1) on shifted views of the image, in nchw (kn2row: [K, C] x [C, pixels]) or nhwc (kn2col: [pixels, C] x
// [C, K]). Source: Anderson, Vasudevan, Keane, Gregg: Low-memory GEMM-based convolution algorithms for deep
// neural networks, arXiv:1709.03395, 2017. There the pixels that a shift carries from one row to the next are
// zeroed in the image and put back. Here the image is copied once for each column of the kernel, shifted,
// with zeros where the column is outside, and its rows divided by stride: then each row of the kernel is a
// shift by whole rows, with any stride and padding. A column without shift reads the image in place. Work is
// cut into tiles of output rows; the copy of one tile is all the memory it needs. Should win over im2col
// where channels and filters are many. Limits: f32, constant filters, more than one tap, extents below 2^31.
#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline {
namespace {

/// Sums of a tile: two megabytes, which the third-level cache keeps from one tap to the next.
constexpr int64_t tile_elements = int64_t{1} << 19;
/// Fewer pixels make packing the filters expensive, more don't make it cheaper.
constexpr int64_t least_pixels = 384;
constexpr int64_t most_pixels = 2048;

/// Rounds down.
int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -ceil_div(-a, b);
}

/// How a layer is cut.
struct AccumulatingCuts {
  int64_t tiles = 1;   ///< of an image's output rows
  int64_t blocks = 1;  ///< of a group's filters, where there are more threads than tiles

  static AccumulatingCuts choose(const Conv2dShape& shape, int threads);
  Slice rows(const Conv2dShape& shape, int64_t index) const { return slice_of(shape.out_h, index, tiles); }
  /// Elements of a tile's copy of the image.
  int64_t elements(const Conv2dShape& shape) const {
    const int64_t reach = (shape.kernel_h - 1) * shape.dilation_h / shape.stride_h + 1;
    return shape.channels * (rows(shape, 0).size() + reach) * shape.out_w;
  }
};

AccumulatingCuts AccumulatingCuts::choose(const Conv2dShape& shape, int threads) {
  AccumulatingCuts cuts;
  const int64_t units = std::max<int64_t>(1, shape.images * shape.groups);
  const int64_t height = std::max<int64_t>(1, shape.out_h);
  const int64_t pixels =
      std::clamp(tile_elements / std::max<int64_t>(1, shape.filters), least_pixels, most_pixels);
  const int64_t rows = std::max<int64_t>(1, pixels / std::max<int64_t>(1, shape.out_w));
  cuts.tiles = ceil_div(height, rows);
  if (threads <= 1) return cuts;
  if (units < threads && shape.pixels() / threads < 128 && shape.filters / threads >= 16) {
    cuts.blocks = threads;
  } else if (units * cuts.tiles < 4 * threads) {
    while (units * cuts.tiles % threads != 0 && cuts.tiles < height) ++cuts.tiles;
  }
  return cuts;
}

class AccumulatingKernel final : public Kernel {
 public:
  AccumulatingKernel(const BlasLibrary& blas, const LayerDesc& layer, Layout layout, const PrepareArgs& args)
      : blas_(blas),
        layout_(layout),
        shape_(Conv2dShape::of(layer)),
        threads_(blas.threads(std::max(1, args.threads))),
        cuts_(AccumulatingCuts::choose(shape_, threads_)),
        epilogue_(layer, layout),
        has_bias_(has_bias(layer)) {
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
    const int64_t units = shape_.images * shape_.groups * cuts_.tiles * cuts_.blocks;
    parallel_slices(threads, units, 1, 1, [&](Slice slice, int thread) {
      float* buffer = at.buffer + thread * cuts_.elements(shape_);
      for (int64_t unit = slice.first; unit < slice.last; ++unit) run_unit(at, unit, buffer);
    });
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

  /// Rows of the image as a row of the kernel meets them: the image's row j * stride + phase, for j in a
  /// slice.
  struct View {
    const float* data;  ///< pixel 0 of row j = rows.first
    int64_t stride;     ///< elements between channels (nchw) or pixels (nhwc)
    Slice rows;
  };

  int64_t all_filters() const { return shape_.groups * shape_.filters; }
  int64_t all_channels() const { return shape_.groups * shape_.channels; }

  /// [group][tap][filter][channel] for kn2row, [group][tap][channel][filter] for kn2col.
  void pack(const float* from, float* to) const {
    const int64_t taps = shape_.kernel_h * shape_.kernel_w;
    const bool by_filter = layout_ == Layout::nchw;
    const int64_t outer = by_filter ? shape_.filters : shape_.channels;
    const int64_t inner = by_filter ? shape_.channels : shape_.filters;
    const int64_t outer_step = (by_filter ? shape_.channels : 1) * taps;
    const int64_t inner_step = (by_filter ? 1 : shape_.channels) * taps;
    for (int64_t group = 0; group < shape_.groups; ++group) {
      const float* filters = from + group * shape_.filters * shape_.depth();
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t i = 0; i < outer; ++i) {
          for (int64_t j = 0; j < inner; ++j) *to++ = filters[i * outer_step + j * inner_step + tap];
        }
      }
    }
  }

  void run_unit(const Pointers& at, int64_t index, float* buffer) const {
    Unit unit{};
    unit.filters = slice_of(shape_.filters, index % cuts_.blocks, cuts_.blocks, 8);
    index /= cuts_.blocks;
    unit.rows = cuts_.rows(shape_, index % cuts_.tiles);
    index /= cuts_.tiles;
    unit.group = index % shape_.groups;
    unit.image = index / shape_.groups;
    if (unit.filters.size() == 0 || unit.rows.size() == 0) return;
    start(at, unit);
    for (int64_t kernel_x = 0; kernel_x < shape_.kernel_w; ++kernel_x) {
      for (int64_t phase = 0; phase < shape_.stride_h; ++phase) add_column(at, unit, kernel_x, phase, buffer);
    }
    if (layout_ == Layout::nchw && !epilogue_.empty()) {
      for (int64_t k = unit.filters.first; k < unit.filters.last; ++k) {
        const int64_t first = output_of(unit, k, unit.rows.first);
        epilogue_.apply(at.y, at.residual, first, first + unit.rows.size() * shape_.out_w);
      }
    }
  }

  /// Where a filter's output begins in a row.
  int64_t output_of(const Unit& unit, int64_t k, int64_t row) const {
    const int64_t filter = unit.group * shape_.filters + k;
    if (layout_ == Layout::nchw) {
      return ((unit.image * all_filters() + filter) * shape_.out_h + row) * shape_.out_w;
    }
    return (unit.image * shape_.out_h + row) * shape_.out_w * all_filters() + filter;
  }

  /// Sums begin with the bias.
  void start(const Pointers& at, const Unit& unit) const {
    const float* bias = at.bias == nullptr ? nullptr : at.bias + unit.group * shape_.filters;
    const int64_t pixels = unit.rows.size() * shape_.out_w;
    if (layout_ == Layout::nchw) {
      for (int64_t k = unit.filters.first; k < unit.filters.last; ++k) {
        std::fill_n(at.y + output_of(unit, k, unit.rows.first), pixels, bias == nullptr ? 0.0f : bias[k]);
      }
      return;
    }
    float* y = at.y + output_of(unit, unit.filters.first, unit.rows.first);
    for (int64_t p = 0; p < pixels; ++p, y += all_filters()) {
      if (bias == nullptr) {
        std::fill_n(y, unit.filters.size(), 0.0f);
      } else {
        std::copy_n(bias + unit.filters.first, unit.filters.size(), y);
      }
    }
  }

  /// A row of the kernel: how far its image rows j lie from the output's rows, and which rows they reach.
  struct KernelRow {
    bool is_of_phase;
    int64_t shift;
    Slice rows;
  };
  KernelRow kernel_row(const Unit& unit, int64_t kernel_y, int64_t phase) const {
    const int64_t offset = kernel_y * shape_.dilation_h - shape_.pad_top;
    const int64_t shift = floor_div(offset, shape_.stride_h);
    const Slice inside = outputs_inside(shape_.out_h, shape_.stride_h, offset, shape_.height);
    const int64_t first = std::clamp(inside.first, unit.rows.first, unit.rows.last);
    return {offset - shift * shape_.stride_h == phase,
            shift,
            {first, std::clamp(inside.last, first, unit.rows.last)}};
  }

  /// The taps of a column of the kernel whose rows meet the image's rows of one phase.
  void add_column(const Pointers& at, const Unit& unit, int64_t kernel_x, int64_t phase,
                  float* buffer) const {
    Slice rows{INT64_MAX, INT64_MIN};
    for (int64_t kernel_y = 0; kernel_y < shape_.kernel_h; ++kernel_y) {
      const KernelRow row = kernel_row(unit, kernel_y, phase);
      if (!row.is_of_phase || row.rows.size() == 0) continue;
      rows.first = std::min(rows.first, row.rows.first + row.shift);
      rows.last = std::max(rows.last, row.rows.last + row.shift);
    }
    if (rows.first >= rows.last) return;
    const View view = view_of(at, unit, kernel_x, phase, rows, buffer);
    if (view.data == nullptr) return;
    for (int64_t kernel_y = 0; kernel_y < shape_.kernel_h; ++kernel_y) {
      const KernelRow row = kernel_row(unit, kernel_y, phase);
      if (row.is_of_phase && row.rows.size() > 0)
        add_tap(at, unit, kernel_y * shape_.kernel_w + kernel_x, row, view);
    }
  }

  void add_tap(const Pointers& at, const Unit& unit, int64_t tap, const KernelRow& row,
               const View& view) const {
    const int64_t pixels = row.rows.size() * shape_.out_w;
    const int64_t skipped = (row.rows.first + row.shift - view.rows.first) * shape_.out_w;
    float* y = at.y + output_of(unit, unit.filters.first, row.rows.first);
    const float* filters = filters_.data<float>() + (unit.group * shape_.kernel_h * shape_.kernel_w + tap) *
                                                        shape_.filters * shape_.channels;
    if (layout_ == Layout::nchw) {
      blas_.multiply(unit.filters.size(), pixels, shape_.channels, 1,
                     {filters + unit.filters.first * shape_.channels, shape_.channels},
                     {view.data + skipped, view.stride}, 1, y, shape_.pixels());
    } else {
      blas_.multiply(pixels, unit.filters.size(), shape_.channels, 1,
                     {view.data + skipped * view.stride, view.stride},
                     {filters + unit.filters.first, shape_.filters}, 1, y, all_filters());
    }
  }

  /// Rows of the image shifted by a column of the kernel; data is nullptr where all of it is outside.
  View view_of(const Pointers& at, const Unit& unit, int64_t kernel_x, int64_t phase, Slice rows,
               float* buffer) const {
    const int64_t shift = kernel_x * shape_.dilation_w - shape_.pad_left;
    const Slice columns = outputs_inside(shape_.out_w, shape_.stride_w, shift, shape_.width);
    if (columns.size() == 0) return {nullptr, 0, rows};
    const int64_t plane = shape_.height * shape_.width;
    const bool in_place =
        shift == 0 && shape_.stride_w == 1 && shape_.stride_h == 1 && shape_.width == shape_.out_w;
    if (layout_ == Layout::nchw) {
      const float* x = at.x + (unit.image * all_channels() + unit.group * shape_.channels) * plane;
      if (in_place) return {x + rows.first * shape_.width, plane, rows};
      copy_planes(x, rows, phase, columns, shift, buffer);
      return {buffer, rows.size() * shape_.out_w, rows};
    }
    const float* x = at.x + unit.image * plane * all_channels() + unit.group * shape_.channels;
    if (in_place) return {x + rows.first * shape_.width * all_channels(), all_channels(), rows};
    copy_pixels(x, rows, phase, columns, shift, buffer);
    return {buffer, shape_.channels, rows};
  }

  void copy_planes(const float* x, Slice rows, int64_t phase, Slice columns, int64_t shift, float* to) const {
    for (int64_t c = 0; c < shape_.channels; ++c, x += shape_.height * shape_.width) {
      for (int64_t j = rows.first; j < rows.last; ++j, to += shape_.out_w) {
        const float* from = x + (j * shape_.stride_h + phase) * shape_.width + shift;
        std::fill(to, to + columns.first, 0.0f);
        if (shape_.stride_w == 1) {
          std::copy(from + columns.first, from + columns.last, to + columns.first);
        } else {
          for (int64_t at = columns.first; at < columns.last; ++at) to[at] = from[at * shape_.stride_w];
        }
        std::fill(to + columns.last, to + shape_.out_w, 0.0f);
      }
    }
  }

  void copy_pixels(const float* x, Slice rows, int64_t phase, Slice columns, int64_t shift, float* to) const {
    const int64_t channels = shape_.channels;
    for (int64_t j = rows.first; j < rows.last; ++j, to += shape_.out_w * channels) {
      const float* from = x + ((j * shape_.stride_h + phase) * shape_.width + shift) * all_channels();
      std::fill(to, to + columns.first * channels, 0.0f);
      for (int64_t at = columns.first; at < columns.last; ++at) {
        std::copy_n(from + at * shape_.stride_w * all_channels(), channels, to + at * channels);
      }
      std::fill(to + columns.last * channels, to + shape_.out_w * channels, 0.0f);
    }
  }

  BlasLibrary blas_;
  Layout layout_;
  Conv2dShape shape_;
  int threads_;
  AccumulatingCuts cuts_;
  Epilogue epilogue_;
  bool has_bias_;
  PackedBytes filters_;
};

class AccumulatingPrimitive final : public Primitive {
 public:
  AccumulatingPrimitive(const BlasLibrary& blas, Layout layout)
      : Primitive(blas_info(blas, OpKind::conv2d, "gemm",
                            layout == Layout::nchw ? "kn2row_accumulating" : "kn2col_accumulating", layout)),
        blas_(blas),
        layout_(layout) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support common = supports_blas_conv2d(layer, layout_, true); !common) return common;
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.kernel_h * shape.kernel_w == 1) {
      return Support::no("a 1x1 kernel has nothing to shift: that is im2col's product");
    }
    return Support::yes();
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, layout_, layout_);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const Conv2dShape shape = Conv2dShape::of(layer);
    const int team = blas_.threads(std::max(1, threads));
    return static_cast<size_t>(AccumulatingCuts::choose(shape, team).elements(shape) * team) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<AccumulatingKernel>(blas_, layer, layout_, args);
  }

 private:
  BlasLibrary blas_;
  Layout layout_;
};

}  // namespace

void register_conv2d_blas_kn2row_accumulating(PrimitiveRegistry& registry) {
  with_each_blas(registry, [&](const BlasLibrary& blas) {
    for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
      registry.add(std::make_unique<AccumulatingPrimitive>(blas, layout));
    }
  });
}

}  // namespace raceline
