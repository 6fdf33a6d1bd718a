#include "raceline/kernels/native/tile_shape.h"

#include <algorithm>
#include <vector>

namespace raceline {
namespace {

int64_t parts(int64_t whole, int64_t part) {
  return (whole + part - 1) / part;
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

TileShape TileShape::of(const LayerDesc& layer, const TileSize& size, TileBlocking blocking, Layout layout) {
  TileShape shape{};
  shape.conv = Conv2dShape::of(layer);
  shape.size = size;
  shape.blocking = blocking;
  shape.x = ImageForm::of(layer.inputs[0].desc.with(layout));
  shape.y = ImageForm::of(layer.outputs[0].with(layout));
  shape.tiles_h = parts(shape.conv.out_h, size.out_h);
  shape.tiles_w = parts(shape.conv.out_w, size.out_w);
  shape.channel_vectors = parts(shape.conv.channels, blocking.lanes);
  // All stored channels of the output are written, the padded ones too.
  const int64_t block = block_of(layout);
  shape.filter_vectors = parts(parts(shape.conv.filters, block) * block, blocking.lanes);
  return shape;
}

void pack_tile_filters(const TileShape& shape, float* packed,
                       const std::function<void(Slice, int64_t, float*, int64_t)>& transform) {
  const int64_t planes = shape.size.planes, depth = shape.depth();
  const int64_t taps = std::max<int64_t>(1, shape.size.row_taps);  // that lie side by side in a channel
  const int64_t numbers = shape.packed_elements() / shape.packed_step();
  // A block of filters is transformed before it is written: whole lines then go to each position.
  std::vector<float> block(static_cast<size_t>(numbers * planes * shape.wide()));
  for (int64_t unit = 0; unit < shape.conv.groups * shape.filter_blocks(); ++unit) {
    const int64_t group = unit / shape.filter_blocks();
    const int64_t first = unit % shape.filter_blocks() * shape.wide();
    const int64_t width = std::min(shape.wide(), shape.filters() - first);
    const int64_t used = std::clamp<int64_t>(shape.conv.filters - first, 0, width);
    for (int64_t channel = 0; channel < depth; ++channel) {
      const bool exists = channel < shape.conv.channels;
      if (!exists || used < width) std::fill(block.begin(), block.end(), 0.0f);
      const int64_t filter = group * shape.conv.filters + first;
      if (exists && used > 0) transform({filter, filter + used}, channel, block.data(), width);
      float* to =
          packed + group * shape.packed_elements() + planes * taps * (first * depth + channel * width);
      for (int64_t number = 0; number < numbers; ++number) {
        std::copy_n(block.data() + number * planes * width, planes * width,
                    to + number / taps * taps * shape.packed_step() + number % taps * planes * width);
      }
    }
  }
}

// A chunk is either so small that its transforms stay in the second-level cache, and then the filters are
// read once for each, or so large that reading the filters no longer matters. Which moves fewer bytes
// between the caches is estimated for a second level of 1 MB and a third of some tens.
TileChunks TileChunks::choose(const TileShape& shape, int threads) {
  constexpr double second_level = 640e3, resident_filters = 384e3, third_level = 12e6;
  const double tile = 4.0 * static_cast<double>(shape.size.positions * shape.size.planes *
                                                (shape.channels() + shape.filters()));
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

  TileChunks chunks;
  chunks.count = parts(tiles, size);
  chunks.shared = threads > 1 && chunks.count < 4 * threads;
  if (!chunks.shared && threads > 1) chunks.count = parts(chunks.count, threads) * threads;
  chunks.largest = parts(tiles, chunks.count);
  return chunks;
}

Slice TileChunks::chunk(const TileShape& shape, int64_t index) const {
  return slice_of(shape.tiles(), index, count);
}

}  // namespace raceline
