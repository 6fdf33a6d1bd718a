#include "raceline/kernels/native/sparse_shape.h"

#include <algorithm>
#include <cstring>

#include "raceline/kernels/native/tile_shape.h"
#include "raceline/kernels/native/transpose_tiles.h"

namespace raceline {
namespace {

/// Elements of the planes of one chunk: half a second-level cache.
constexpr int64_t chunk_elements = 512 * 1024 / 4;
/// Elements of the planes under a tile that stay in a first-level cache of 32 KB, with room for the rest.
constexpr int64_t block_elements = 24 * 1024 / 4;

/// Remainders by `stride` of the positions of the elements of a kernel along one axis.
std::vector<int64_t> phases_of(int64_t kernel, int64_t dilation, int64_t stride) {
  std::vector<int64_t> phases;
  for (int64_t at = 0; at < kernel; ++at) phases.push_back(at * dilation % stride);
  std::sort(phases.begin(), phases.end());
  phases.erase(std::unique(phases.begin(), phases.end()), phases.end());
  return phases;
}

int64_t index_of(const std::vector<int64_t>& phases, int64_t phase) {
  return std::lower_bound(phases.begin(), phases.end(), phase) - phases.begin();
}

/// Planes begin an odd number of cache lines apart: else the same pixels of all channels would share a few
/// sets of the cache.
int64_t odd_lines(int64_t elements) {
  const int64_t lines = (elements + 15) / 16;
  return (lines + 1 - lines % 2) * 16;
}

}  // namespace

int64_t SparsePlanes::offset(const Conv2dShape& conv, int64_t channel, int64_t row, int64_t column) const {
  const int64_t y = row * conv.dilation_h, x = column * conv.dilation_w;
  const int64_t phase = index_of(phases_h, y % conv.stride_h) * static_cast<int64_t>(phases_w.size()) +
                        index_of(phases_w, x % conv.stride_w);
  return (channel * phases() + phase) * plane + y / conv.stride_h * width + x / conv.stride_w;
}

SparseShape SparseShape::of(const LayerDesc& layer, Layout x, Layout y, const SparseTile& tile, int threads) {
  SparseShape shape;
  shape.conv = Conv2dShape::of(layer);
  shape.x = x;
  shape.y = y;
  shape.cut(tile, threads);
  return shape;
}

SparseShape SparseShape::of_product(int64_t rows, int64_t inputs, int64_t outputs, Layout a,
                                    const SparseTile& tile, int threads) {
  SparseShape shape;
  shape.conv = {.images = 1,
                .groups = 1,
                .channels = inputs,
                .height = rows,
                .width = 1,
                .filters = outputs,
                .kernel_h = 1,
                .kernel_w = 1,
                .out_h = rows,
                .out_w = 1,
                .stride_h = 1,
                .stride_w = 1,
                .dilation_h = 1,
                .dilation_w = 1,
                .pad_top = 0,
                .pad_left = 0,
                .is_pointwise = true};
  shape.x = a;
  shape.y = Layout::nhwc;
  shape.cut(tile, threads);
  return shape;
}

void SparseShape::cut(const SparseTile& kernel, int threads) {
  x_channels = conv.groups * conv.channels;
  y_channels = conv.groups * conv.filters;
  if (conv.is_pointwise) {
    conv.height = conv.out_h = conv.pixels();
    conv.width = conv.out_w = 1;
    grain = kernel.least;
  }
  planes.phases_h = phases_of(conv.kernel_h, conv.dilation_h, conv.stride_h);
  planes.phases_w = phases_of(conv.kernel_w, conv.dilation_w, conv.stride_w);
  planes.reach_h = (conv.kernel_h - 1) * conv.dilation_h / conv.stride_h;
  planes.reach_w = (conv.kernel_w - 1) * conv.dilation_w / conv.stride_w;
  planes.width = conv.out_w + planes.reach_w;
  reads_input = conv.is_pointwise && x == Layout::nchw && conv.pixels() % kernel.least == 0;

  const int64_t row = std::max<int64_t>(1, conv.channels * planes.phases() * planes.width);
  if (!reads_input) {
    // Bands of a tile at least, and of at least as many rows as are read twice.
    const int64_t fitting = chunk_elements / row - planes.reach_h;
    const int64_t least = std::max(planes.reach_h + 1, parts(kernel.most, planes.width));
    const int64_t rows = std::clamp<int64_t>(fitting, std::min(conv.out_h, least), conv.out_h);
    bands = parts(conv.out_h, std::max(rows / grain * grain, std::min(grain, conv.out_h)));
    if (bands == 1) {
      const int64_t image = row * (conv.out_h + planes.reach_h);
      images_per_chunk = std::clamp<int64_t>(chunk_elements / image, 1, std::max<int64_t>(1, conv.images));
    }
  }
  shared = threads > 1 && chunks() < 4 * threads && chunks() % threads != 0;

  SparseChunk largest = chunk(0);
  if (reads_input) {
    planes.plane = conv.pixels();
  } else {
    // What the last tile reads beyond the last output, too.
    const int64_t whole = parts(pixels(largest), kernel.least) * kernel.least;
    planes.plane = odd_lines(whole + planes.reach_h * planes.width + planes.reach_w);
  }
  // Tiles of nearly equal size.
  const int64_t units = parts(pixels(largest), kernel.least), most = kernel.most / kernel.least;
  tile = parts(units, parts(units, most)) * kernel.least;
  const int64_t under = planes.phases() * (tile + planes.reach_h * planes.width + planes.reach_w);
  const int64_t fitting = std::clamp<int64_t>(block_elements / under, 1, conv.channels);
  block = kernel.splits_channels ? parts(conv.channels, parts(conv.channels, fitting)) : conv.channels;
}

SparseChunk SparseShape::chunk(int64_t index) const {
  if (bands > 1) return {index / bands, 1, slice_of(conv.out_h, index % bands, bands, grain)};
  const int64_t first = index * images_per_chunk;
  return {first, std::min(images_per_chunk, conv.images - first), {0, conv.out_h}};
}

Slice SparseShape::tile_of(const SparseChunk& chunk, int64_t index) const {
  return {index * tile, std::min((index + 1) * tile, pixels(chunk))};
}

void fill_sparse_planes(const SparseShape& shape, const float* x, int64_t group, const SparseChunk& chunk,
                        Slice channels, float* planes) {
  const Conv2dShape& conv = shape.conv;
  const SparsePlanes& to = shape.planes;
  const ImageForm form =
      ImageForm::of({DataType::f32, {conv.images, shape.x_channels, conv.height, conv.width}, shape.x});
  const int64_t rows = shape.image_rows(chunk), phases = to.phases();
  const int64_t used = chunk.images * rows * to.width;
  // Pixels that lie `step` apart, of channels whose first is `from`, to a place in each of their planes.
  const auto copy = [&](const float* from, int64_t step, int64_t pixels, int64_t place) {
    for (int64_t channel = channels.first; channel < channels.last;) {
      const int64_t whole = group * conv.channels + channel;
      const float* first = from + form.offset(0, whole, 0, 0);
      float* plane = planes + channel * phases * to.plane + place;
      // Channels that lie side by side.
      const int64_t width =
          form.channel_step == 0 ? 1 : std::min(channels.last - channel, form.block - whole % form.block);
      if (width > 1) {
        transpose(first, step, plane, phases * to.plane, pixels, width);
      } else if (step == 1) {
        std::memcpy(plane, first, static_cast<size_t>(pixels) * sizeof(float));
      } else {
        for (int64_t i = 0; i < pixels; ++i) plane[i] = first[i * step];
      }
      channel += width;
    }
  };
  const auto fill_row = [&](int64_t image, int64_t row, int64_t phase) {
    const int64_t phase_h = to.phases_h[static_cast<size_t>(phase) / to.phases_w.size()];
    const int64_t phase_w = to.phases_w[static_cast<size_t>(phase) % to.phases_w.size()];
    const int64_t y = (chunk.rows.first + row) * conv.stride_h + phase_h - conv.pad_top;
    const Slice inside = outputs_inside(to.width, conv.stride_w, phase_w - conv.pad_left, conv.width);
    float* first = planes + phase * to.plane + (image * rows + row) * to.width;
    const bool empty = y < 0 || y >= conv.height || inside.size() <= 0;
    const Slice copied = empty ? Slice{0, 0} : inside;
    for (int64_t channel = channels.first; channel < channels.last; ++channel) {
      float* plane = first + channel * phases * to.plane;
      std::fill(plane, plane + copied.first, 0.0f);
      std::fill(plane + copied.last, plane + to.width, 0.0f);
    }
    if (empty) return;
    const int64_t left = inside.first * conv.stride_w + phase_w - conv.pad_left;
    const int64_t place =
        (chunk.first_image + image) * form.image_step + y * form.row_step + left * form.pixel_step;
    copy(x + place, form.pixel_step * conv.stride_w, inside.size(),
         phase * to.plane + (image * rows + row) * to.width + inside.first);
  };
  for (int64_t image = 0; image < chunk.images; ++image) {
    if (conv.is_pointwise) {
      copy(x + (chunk.first_image + image) * form.image_step + chunk.rows.first * form.pixel_step,
           form.pixel_step, rows, image * rows);
      continue;
    }
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t phase = 0; phase < phases; ++phase) fill_row(image, row, phase);
    }
  }
  // Pixels behind the last one are computed and dropped, but numbers they shall be.
  for (int64_t plane = channels.first * phases; plane < channels.last * phases; ++plane)
    std::fill(planes + plane * to.plane + used, planes + (plane + 1) * to.plane, 0.0f);
}

}  // namespace raceline
