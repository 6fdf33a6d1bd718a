#include "raceline/kernels/native/winograd_shape.h"

#include <algorithm>
#include <vector>

#include "raceline/kernels/native/winograd_matrices.h"

namespace raceline {
namespace {

int64_t parts(int64_t whole, int64_t part) {
  return (whole + part - 1) / part;
}

/// Entry of G for an axis whose window has `alpha` points.
double filter_entry(int alpha, int position, int tap, int taps) {
  switch (alpha) {
    case 4:
      return WinogradPoints<4>::filter(position, tap, taps);
    case 6:
      return WinogradPoints<6>::filter(position, tap, taps);
    case 8:
      return WinogradPoints<8>::filter(position, tap, taps);
    case 10:
      return WinogradPoints<10>::filter(position, tap, taps);
    default:
      return WinogradPoints<1>::filter(position, tap, taps);
  }
}

std::vector<double> filter_matrix(int alpha, int taps) {
  std::vector<double> matrix;
  for (int position = 0; position < alpha; ++position) {
    for (int tap = 0; tap < taps; ++tap) matrix.push_back(filter_entry(alpha, position, tap, taps));
  }
  return matrix;
}

}  // namespace

ImageForm ImageForm::of(const TensorDesc& desc) {
  const int64_t channels = desc.shape[1], height = desc.shape[2], width = desc.shape[3];
  switch (desc.layout) {
    case Layout::nchw:
      return {channels * height * width, height * width, width, 1, 0, 1};
    case Layout::nhwc:
      return {channels * height * width, 0, width * channels, channels, 1, std::max<int64_t>(1, channels)};
    case Layout::nchw8c:
    case Layout::nchw16c:
      break;
  }
  const int64_t block = block_of(desc.layout);
  const int64_t block_step = height * width * block;
  return {parts(channels, block) * block_step, block_step, width * block, block, 1, block};
}

WinogradShape WinogradShape::of(const LayerDesc& layer, WinogradSize size, WinogradBlocking blocking,
                                Layout layout) {
  WinogradShape shape{};
  shape.conv = Conv2dShape::of(layer);
  shape.size = size;
  shape.blocking = blocking;
  shape.x = ImageForm::of(layer.inputs[0].desc.with(layout));
  shape.y = ImageForm::of(layer.outputs[0].with(layout));
  shape.tiles_h = parts(shape.conv.out_h, size.m_h);
  shape.tiles_w = parts(shape.conv.out_w, size.m_w);
  shape.channel_vectors = parts(shape.conv.channels, blocking.lanes);
  // All stored channels of the output are written, the padded ones too.
  const int64_t block = block_of(layout);
  shape.filter_vectors = parts(parts(shape.conv.filters, block) * block, blocking.lanes);
  return shape;
}

// A chunk is either so small that its transforms stay in the second-level cache, and then the filters are
// read once for each, or so large that reading the filters no longer matters. Which moves fewer bytes
// between the caches is estimated for a second level of 1 MB and a third of some tens.
WinogradChunks WinogradChunks::choose(const WinogradShape& shape, int threads) {
  constexpr double second_level = 640e3, resident_filters = 384e3, third_level = 12e6;
  const double tile = 4.0 * shape.size.positions() * static_cast<double>(shape.channels() + shape.filters());
  const double filters = 4.0 * static_cast<double>(shape.packed_elements());
  const int64_t tiles = std::max<int64_t>(1, shape.tiles());
  const int64_t rows = shape.blocking.rows;

  const auto whole_blocks = [&](double bytes) {
    const auto fitting = static_cast<int64_t>(bytes / tile);
    return std::clamp(fitting / rows * rows, std::min(rows, tiles), tiles);
  };
  const int64_t small = whole_blocks(filters <= resident_filters ? second_level - filters : second_level);
  const int64_t large = whole_blocks(third_level);
  const double filters_far = filters > third_level ? 3 : 1;  // read from memory
  const double spilt = std::max(0.0, static_cast<double>(small) * tile - second_level) > 0 ? 3 * tile : 0;
  const double cost_small =
      spilt + (filters <= resident_filters ? 0 : filters_far * filters / static_cast<double>(small));
  const double cost_large = 3 * tile + filters_far * filters / static_cast<double>(large);
  const int64_t size = cost_small <= cost_large ? small : large;

  WinogradChunks chunks;
  chunks.count = parts(tiles, size);
  chunks.shared = threads > 1 && chunks.count < 4 * threads;
  if (!chunks.shared && threads > 1) chunks.count = parts(chunks.count, threads) * threads;
  chunks.largest = parts(tiles, chunks.count);
  return chunks;
}

Slice WinogradChunks::chunk(const WinogradShape& shape, int64_t index) const {
  return slice_of(shape.tiles(), index, count);
}

void pack_winograd_filters(const WinogradShape& shape, const float* filters, float* packed) {
  const WinogradSize& size = shape.size;
  const int64_t rows = size.window_h(), columns = size.window_w();
  const std::vector<double> vertical = filter_matrix(size.window_h(), size.r_h);
  const std::vector<double> horizontal = filter_matrix(size.window_w(), size.r_w);
  const int64_t channels = shape.channels();
  const int64_t wide = static_cast<int64_t>(shape.blocking.vectors) * shape.blocking.lanes;
  std::fill_n(packed, shape.conv.groups * shape.packed_elements(), 0.0f);
  std::vector<double> half(static_cast<size_t>(rows) * static_cast<size_t>(size.r_w));
  for (int64_t filter = 0; filter < shape.conv.groups * shape.conv.filters; ++filter) {
    const int64_t group = filter / shape.conv.filters, in_group = filter % shape.conv.filters;
    const int64_t block = in_group / wide;
    const int64_t width = std::min(wide, shape.filters() - block * wide);
    float* first = packed + group * shape.packed_elements() + block * wide * channels + in_group % wide;
    for (int64_t channel = 0; channel < shape.conv.channels; ++channel) {
      const float* taps = filters + (filter * shape.conv.channels + channel) * size.r_h * size.r_w;
      for (int64_t row = 0; row < rows; ++row) {
        const double* factors = vertical.data() + row * size.r_h;
        for (int64_t column = 0; column < size.r_w; ++column) {
          double sum = 0;
          for (int64_t tap = 0; tap < size.r_h; ++tap) sum += factors[tap] * taps[tap * size.r_w + column];
          half.data()[row * size.r_w + column] = sum;
        }
      }
      for (int64_t position = 0; position < rows * columns; ++position) {
        const double* from = half.data() + position / columns * size.r_w;
        const double* entries = horizontal.data() + position % columns * size.r_w;
        double sum = 0;
        for (int tap = 0; tap < size.r_w; ++tap) sum += from[tap] * entries[tap];
        first[position * channels * shape.filters() + channel * width] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace raceline
