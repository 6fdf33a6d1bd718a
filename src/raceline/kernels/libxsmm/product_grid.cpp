#include "raceline/kernels/libxsmm/product_grid.h"

#include <algorithm>

#include <fmt/format.h>
#include <libxsmm.h>

#include "raceline/base/error.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline::small_gemm {
namespace {

/// Pixels of a product at most.
constexpr int64_t most_pixels = 64;
/// Filters of a product in nhwc: two vectors of AVX-512, which leave registers for 14 pixels.
constexpr int64_t most_filters = 32;
/// Channels that make too short a sum for each tap.
constexpr int64_t few_channels = 16;
/// Bytes of weights that stay in a second-level cache.
constexpr int64_t cached_weights = int64_t{1} << 19;

/// Generates y[n][m] += sum over taps of w[tap][k][m] * x[tap][n][k]; the library counts columns first.
Product generate_product(int64_t m, int64_t n, int64_t k, int64_t w_row, int64_t x_row, int64_t y_row) {
  const auto blas_int = [](int64_t value) { return static_cast<libxsmm_blasint>(value); };
  const libxsmm_blasint lda = blas_int(w_row), ldb = blas_int(x_row), ldc = blas_int(y_row);
  const float one = 1;
  const int flags = LIBXSMM_GEMM_FLAG_NONE, prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
  const Product product = libxsmm_smmdispatch_reducebatch_offs(blas_int(m), blas_int(n), blas_int(k), &lda,
                                                               &ldb, &ldc, &one, &one, &flags, &prefetch);
  if (product == nullptr)
    throw UnsupportedError(fmt::format("libxsmm generates no product of {} x {} x {}", m, n, k));
  return product;
}

}  // namespace

PrimitiveInfo make_info(OpKind op, std::string algorithm, Layout layout) {
  return {op, "libxsmm", std::move(algorithm), "", "", {}, layout, layout, "libxsmm " LIBXSMM_VERSION};
}

bool is_ready(PrimitiveRegistry& registry) {
  libxsmm_init();  // does its work at the first call only
  if (libxsmm_get_target_archid() >= LIBXSMM_X86_AVX) return true;
  const auto missing = registry.missing();
  if (std::none_of(missing.begin(), missing.end(), [](const Missing& m) { return m.what == "libxsmm"; }))
    registry.add_missing("libxsmm", "it generates code for AVX and later, which this processor has not");
  return false;
}

bool has_operand(const LayerDesc& layer, size_t index) {
  return index < layer.inputs.size() - (layer.has_residual() ? 1 : 0) && layer.inputs[index].present;
}

GridShape GridShape::of_conv(const LayerDesc& layer, Layout layout) {
  GridShape shape{Conv2dShape::of(layer), layout};
  Conv2dShape& conv = shape.conv;
  if (conv.is_pointwise) {
    // Pixels that lie together are one row; in nhwc those of all images.
    const int64_t images = layout == Layout::nhwc ? conv.images : 1;
    conv.width = conv.out_w = images * conv.pixels();
    conv.height = conv.out_h = 1;
    conv.images /= images;
  }
  return shape;
}

GridShape GridShape::of_gemm(int64_t rows, int64_t columns, int64_t depth) {
  GridShape shape;
  shape.conv = {.images = 1,
                .groups = 1,
                .channels = depth,
                .height = 1,
                .width = rows,
                .filters = columns,
                .kernel_h = 1,
                .kernel_w = 1,
                .out_h = 1,
                .out_w = rows,
                .stride_h = 1,
                .stride_w = 1,
                .dilation_h = 1,
                .dilation_w = 1,
                .pad_top = 0,
                .pad_left = 0,
                .is_pointwise = true};
  return shape;
}

int64_t GridShape::in_pixel() const {
  return layout == Layout::nhwc ? conv.groups * conv.channels : block_of(layout);
}

int64_t GridShape::out_pixel() const {
  return layout == Layout::nhwc ? conv.groups * conv.filters : block_of(layout);
}

int64_t GridShape::in_blocks() const {
  const int64_t channels = conv.groups * conv.channels;
  return (channels + in_pixel() - 1) / in_pixel();
}

bool GridShape::is_padded() const {
  return conv.pad_top > 0 || conv.pad_left > 0 || padded_height() > conv.height ||
         padded_width() > conv.width;
}

int64_t GridShape::padded_floats() const {
  return is_padded() ? in_blocks() * padded_height() * padded_width() * in_pixel() : 0;
}

GridKernel::GridKernel(const GridShape& shape, Epilogue epilogue, const PrepareArgs& args,
                       const Weight& weight, std::vector<float> bias)
    : shape_(shape), epilogue_(std::move(epilogue)) {
  choose_tiles();
  find_taps();
  generate();
  const auto floats = static_cast<size_t>(tiles() * tile_ * depth_) * w_offsets_.size();
  weights_ = args.pack(1, floats * sizeof(float),
                       [&](Memory to) { pack(weight, reinterpret_cast<float*>(to.host())); });
  if (bias.empty()) return;
  bias_.resize(static_cast<size_t>(tiles() * tile_));
  for (int64_t filter = 0; filter < std::ssize(bias); ++filter) {
    const int64_t group = filter / shape_.conv.filters;
    const int64_t at = group * tiles_in_group_ * tile_ + filter % shape_.conv.filters;
    bias_[static_cast<size_t>(at)] = bias[static_cast<size_t>(filter)];
  }
}

int64_t GridKernel::left_over() const {
  return is_blocked() ? tile_ : shape_.conv.filters - (tiles_in_group_ - 1) * tile_;
}

void GridKernel::choose_tiles() {
  const Conv2dShape& conv = shape_.conv;
  // The library refuses rows of x that overlap, so a product then takes every second pixel, or third.
  merges_row_ = !is_blocked() && conv.groups == 1 && conv.dilation_w == 1 && conv.kernel_w > 1 &&
                conv.channels < few_channels;
  if (merges_row_) step_ = (conv.kernel_w + conv.stride_w - 1) / conv.stride_w;
  if (is_blocked()) {
    tile_ = block_of(shape_.layout);
  } else {
    tile_ = std::min<int64_t>(most_filters, (conv.filters + 15) / 16 * 16);
  }
  tiles_in_group_ = (conv.filters + tile_ - 1) / tile_;
}

void GridKernel::find_taps() {
  const Conv2dShape& conv = shape_.conv;
  const int64_t block = block_of(shape_.layout);
  const int64_t blocks = is_blocked() ? (conv.channels + block - 1) / block : 1;
  const int64_t columns = merges_row_ ? 1 : conv.kernel_w;
  depth_ = is_blocked() ? (blocks == 1 ? conv.channels : block)
                        : conv.channels * (merges_row_ ? conv.kernel_w : 1);
  const int64_t row = shape_.image_width() * shape_.in_pixel();
  for (int64_t at = 0; at < blocks; ++at) {
    for (int64_t r = 0; r < conv.kernel_h; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const auto tap = static_cast<int64_t>(w_offsets_.size());
        const int64_t x = (at * shape_.image_height() + r * conv.dilation_h) * row +
                          s * conv.dilation_w * shape_.in_pixel();
        w_offsets_.push_back(static_cast<unsigned long long>(tap * depth_ * tile_) * sizeof(float));
        x_offsets_.push_back(static_cast<unsigned long long>(x) * sizeof(float));
      }
    }
  }
}

void GridKernel::generate() {
  const Conv2dShape& conv = shape_.conv;
  const auto product = [&](int64_t filters, int64_t pixels) {
    return generate_product(filters, pixels, depth_, tile_, step_ * conv.stride_w * shape_.in_pixel(),
                            step_ * shape_.out_pixel());
  };
  for (int64_t phase = 0; phase < std::min(step_, conv.out_w); ++phase) {
    const int64_t pixels = (conv.out_w - phase + step_ - 1) / step_;
    const int64_t parts = (pixels + most_pixels - 1) / most_pixels;
    for (int64_t part = 0; part < parts; ++part) {
      const Slice some = slice_of(pixels, part, parts);
      const Product last = product(left_over(), some.size());
      const Product whole = tiles_in_group_ > 1 ? product(tile_, some.size()) : last;
      columns_.push_back({phase + some.first * step_, some.size(), whole, last});
    }
  }
}

void GridKernel::pack(const Weight& weight, float* packed) const {
  const Conv2dShape& conv = shape_.conv;
  const int64_t block = is_blocked() ? depth_ : conv.channels;
  std::fill_n(packed, tiles() * tile_ * depth_ * std::ssize(w_offsets_), 0.0f);
  const int64_t panel = std::ssize(w_offsets_) * depth_ * tile_;
  for (int64_t group = 0; group < conv.groups; ++group) {
    for (int64_t filter = 0; filter < conv.filters; ++filter) {
      float* to = packed + (group * tiles_in_group_ + filter / tile_) * panel + filter % tile_;
      for (int64_t channel = 0; channel < conv.channels; ++channel) {
        for (int64_t r = 0; r < conv.kernel_h; ++r) {
          for (int64_t s = 0; s < conv.kernel_w; ++s) {
            // [block, row, column, channel of the block], the same whether or not a row is one tap.
            const int64_t at =
                ((channel / block * conv.kernel_h + r) * conv.kernel_w + s) * block + channel % block;
            to[at * tile_] = weight(group * conv.filters + filter, channel, r, s);
          }
        }
      }
    }
  }
}

void GridKernel::pad(const float* image, float* padded, int threads) const {
  const Conv2dShape& conv = shape_.conv;
  const int64_t pixel = shape_.in_pixel();
  const int64_t height = shape_.padded_height(), width = shape_.padded_width();
  const int64_t inside = std::clamp<int64_t>(width - conv.pad_left, 0, conv.width);
  const int64_t left = std::min(conv.pad_left, width);
  parallel_slices(threads, shape_.in_blocks() * height, 1, 16384 / std::max<int64_t>(1, width * pixel),
                  [&](Slice rows, int) {
                    for (int64_t row = rows.first; row < rows.last; ++row) {
                      float* to = padded + row * width * pixel;
                      const int64_t y = row % height - conv.pad_top;
                      if (y < 0 || y >= conv.height) {
                        std::fill_n(to, width * pixel, 0.0f);
                        continue;
                      }
                      const float* from = image + (row / height * conv.height + y) * conv.width * pixel;
                      std::fill_n(to, left * pixel, 0.0f);
                      std::copy_n(from, inside * pixel, to + left * pixel);
                      std::fill_n(to + (left + inside) * pixel, (width - left - inside) * pixel, 0.0f);
                    }
                  });
}

void GridKernel::multiply(const float* x, float* y, int64_t tile, int64_t place) const {
  const Conv2dShape& conv = shape_.conv;
  const auto columns = static_cast<int64_t>(columns_.size());
  const Column& column = columns_[static_cast<size_t>(place % columns)];
  const int64_t row = place / columns;
  const int64_t group = tile / tiles_in_group_, in_group = tile % tiles_in_group_;
  const bool is_last = in_group == tiles_in_group_ - 1;
  const int64_t filters = is_last ? left_over() : tile_;
  const int64_t pixel = row * conv.out_w + column.first;
  const int64_t out = shape_.out_pixel();
  const int64_t channel = is_blocked() ? 0 : group * conv.channels;
  const int64_t block = is_blocked() ? group * (conv.channels / block_of(shape_.layout)) : 0;
  const float* from = x + channel +
                      ((block * shape_.image_height() + row * conv.stride_h) * shape_.image_width() +
                       column.first * conv.stride_w) *
                          shape_.in_pixel();
  float* to = is_blocked() ? y + (tile * conv.pixels() + pixel) * out
                           : y + pixel * out + group * conv.filters + in_group * tile_;
  for (int64_t i = 0; i < column.size; ++i) {
    if (bias_.empty()) {
      std::fill_n(to + i * step_ * out, filters, 0.0f);
    } else {
      std::copy_n(bias_.data() + tile * tile_, filters, to + i * step_ * out);
    }
  }
  const unsigned long long taps = w_offsets_.size();
  const float* w = weights_.data<float>() + tile * std::ssize(w_offsets_) * depth_ * tile_;
  (is_last ? column.last : column.whole)(w, from, to, &taps, w_offsets_.data(), x_offsets_.data());
}

void GridKernel::finish(float* y, const float* residual, int64_t image, int64_t tile, int64_t place) const {
  const Conv2dShape& conv = shape_.conv;
  const auto columns = static_cast<int64_t>(columns_.size());
  const Column& column = columns_[static_cast<size_t>(place % columns)];
  const int64_t plane = is_blocked() ? image * tiles() + tile : image;
  const int64_t first =
      (plane * conv.pixels() + place / columns * conv.out_w + column.first) * shape_.out_pixel();
  if (step_ == 1) {
    epilogue_.apply(y, residual, first, first + column.size * shape_.out_pixel());
    return;
  }
  for (int64_t i = 0; i < column.size && !epilogue_.empty(); ++i) {
    const int64_t pixel = first + i * step_ * shape_.out_pixel();
    epilogue_.apply(y, residual, pixel, pixel + shape_.out_pixel());
  }
}

void GridKernel::run_image(const float* x, float* y, const float* residual, int64_t image,
                           int threads) const {
  float* to = y + image * (is_blocked() ? tiles() : 1) * shape_.conv.pixels() * shape_.out_pixel();
  const auto panel = static_cast<int64_t>(weights_.bytes());
  if (panel <= cached_weights && places() >= 2 * threads) {
    // All weights stay in the cache: the image is gone through once.
    parallel_slices(threads, places(), 1, 1, [&](Slice slice, int) {
      for (int64_t place = slice.first; place < slice.last; ++place) {
        for (int64_t tile = 0; tile < tiles(); ++tile) {
          multiply(x, to, tile, place);
          if (is_blocked()) finish(y, residual, image, tile, place);
        }
        if (!is_blocked()) finish(y, residual, image, 0, place);
      }
    });
    return;
  }
  parallel_slices(threads, tiles() * places(), 1, 1, [&](Slice slice, int) {
    for (int64_t index = slice.first; index < slice.last; ++index) {
      multiply(x, to, index / places(), index % places());
      if (is_blocked()) finish(y, residual, image, index / places(), index % places());
    }
  });
  if (is_blocked() || epilogue_.empty()) return;
  const int64_t floats = shape_.conv.pixels() * shape_.out_pixel();
  parallel_slices(threads, floats, 16, 8192, [&](Slice slice, int) {
    epilogue_.apply(y, residual, image * floats + slice.first, image * floats + slice.last);
  });
}

Status GridKernel::run(const KernelArgs& args) const noexcept {
  const Conv2dShape& conv = shape_.conv;
  const float* x = args.inputs[0].data<const float>();
  auto* padded = reinterpret_cast<float*>(args.workspace.host());
  const int64_t image_floats = shape_.in_blocks() * conv.height * conv.width * shape_.in_pixel();
  const int threads = args.queue.threads();
  for (int64_t image = 0; image < conv.images; ++image) {
    const float* from = x + image * image_floats;
    if (shape_.is_padded()) {
      pad(from, padded, threads);
      from = padded;
    }
    run_image(from, args.outputs[0].data<float>(), epilogue_.residual(args), image, threads);
  }
  return Status::ok();
}

}  // namespace raceline::small_gemm
