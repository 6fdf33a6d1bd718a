// The three stages of Winograd's convolution on a chunk of tiles, for one vector width: the image into
// positions, a product for each position, the products into the output with bias, residual and bounds.
#pragma once
#include "raceline/kernels/native/winograd_gemm.h"
#include "raceline/kernels/native/winograd_shape.h"
#include "raceline/kernels/native/winograd_transforms.h"

namespace raceline {

/// A chunk at work. Images begin at the group's first channel.
struct WinogradTask {
  const WinogradShape* shape;
  const float* x;
  float* y;
  const float* bias;      ///< of the group's filters; nullptr: none
  const float* residual;  ///< as y; nullptr: none
  const float* packed;    ///< the group's transformed filters
  float *v, *m;           ///< the transformed image and the products
  Slice tiles;
  float low, high;  ///< bounds of what is stored

  int64_t input_step() const { return WinogradChunks::input_step(*shape, tiles.size()); }
  int64_t output_step() const { return WinogradChunks::output_step(*shape, tiles.size()); }
  /// Tiles of a block of accumulators; blocks are of nearly equal size.
  Slice block(int64_t index) const { return slice_of(tiles.size(), index, blocks()); }
  int64_t blocks() const { return (tiles.size() + shape->blocking.rows - 1) / shape->blocking.rows; }
};

/// A stage does a slice of its units, so that threads can share a chunk.
struct WinogradStages {
  using Stage = void (*)(const WinogradTask& task, Slice units);
  Stage input;     ///< units: tiles x vectors of channels
  Stage multiply;  ///< units: positions x blocks of filters
  Stage output;    ///< units: tiles x vectors of filters
};

/// A tile's place in the output.
struct WinogradPlace {
  int64_t image, row, column;
};
RACELINE_INLINE WinogradPlace place_of(const WinogradShape& shape, int64_t tile) {
  const int64_t in_image = tile % (shape.tiles_h * shape.tiles_w);
  return {tile / (shape.tiles_h * shape.tiles_w), in_image / shape.tiles_w * shape.size.m_h,
          in_image % shape.tiles_w * shape.size.m_w};
}

/// Pixels of a window that starts at `start` and lie inside [0, extent).
RACELINE_INLINE Slice inside_of(int64_t start, int64_t window, int64_t extent) {
  const int64_t last = extent - start < window ? extent - start : window;
  return {start < 0 ? -start : 0, last < 0 ? 0 : last};
}

/// Whether a vector of channels lies in a row and needs no look at how many there are.
RACELINE_INLINE bool is_vector(const ImageForm& form, int64_t channels, int64_t first, int lanes) {
  return form.channel_step == 1 && (form.block_step != 0 || first + lanes <= channels);
}

/// Copies a window of channels that don't lie in a row, or are fewer than a vector, to [row][column][lane].
template <class Tile>
RACELINE_INLINE void gather_window(const ImageForm& form, const float* x, int64_t first, int64_t channels,
                                   WinogradPlace at, Slice rows, Slice columns, float* to) {
  for (int i = 0; i < Tile::a_h * Tile::a_w * Tile::lanes; ++i) to[i] = 0;
  const int64_t used = channels - first < Tile::lanes ? channels - first : Tile::lanes;
  for (int64_t lane = 0; lane < used; ++lane) {
    const float* plane = x + form.offset(at.image, first + lane, at.row, at.column);
    for (int64_t row = rows.first; row < rows.last; ++row) {
      for (int64_t column = columns.first; column < columns.last; ++column) {
        to[(row * Tile::a_w + column) * Tile::lanes + lane] =
            plane[row * form.row_step + column * form.pixel_step];
      }
    }
  }
}

template <class Tile>
RACELINE_INLINE void winograd_input(const WinogradTask& task, Slice units) {
  const WinogradShape& shape = *task.shape;
  constexpr int lanes = Tile::lanes;
  const ImageForm& form = shape.x;
  const bool tiles_inner = form.block_step != 0;  // neighbours in memory are pixels, not channels
  const int64_t step = task.input_step();
  const int64_t blocks = task.blocks();
  // The first blocks hold one tile more than the others.
  const int64_t base = task.tiles.size() / blocks, larger = task.tiles.size() % blocks;
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t tile = tiles_inner ? unit % task.tiles.size() : unit / shape.channel_vectors;
    const int64_t vector = tiles_inner ? unit / task.tiles.size() : unit % shape.channel_vectors;
    WinogradPlace at = place_of(shape, task.tiles.first + tile);
    at.row -= shape.conv.pad_top;
    at.column -= shape.conv.pad_left;
    const Slice rows = inside_of(at.row, Tile::a_h, shape.conv.height);
    const Slice columns = inside_of(at.column, Tile::a_w, shape.conv.width);
    const int64_t block =
        tile < larger * (base + 1) ? tile / (base + 1) : larger + (tile - larger * (base + 1)) / base;
    const Slice in_block = task.block(block);
    float* v = task.v + in_block.first * shape.channels() +
               (vector * in_block.size() + tile - in_block.first) * lanes;
    const int64_t channel = vector * lanes;
    if (is_vector(form, shape.conv.channels, channel, lanes)) {
      const WinogradWindow window{task.x + form.offset(at.image, channel, at.row, at.column),
                                  form.row_step,
                                  form.pixel_step,
                                  static_cast<int>(rows.first),
                                  static_cast<int>(rows.last),
                                  static_cast<int>(columns.first),
                                  static_cast<int>(columns.last)};
      if (rows.size() == Tile::a_h && columns.size() == Tile::a_w) {
        input_tile<Tile, true>(window, v, step);
      } else {
        input_tile<Tile, false>(window, v, step);
      }
    } else {
      alignas(64) float gathered[Tile::a_h * Tile::a_w * lanes];
      gather_window<Tile>(form, task.x, channel, shape.conv.channels, at, rows, columns, gathered);
      input_tile<Tile, true>({gathered, Tile::a_w * lanes, lanes, 0, Tile::a_h, 0, Tile::a_w}, v, step);
    }
  }
}

template <int lanes>
RACELINE_INLINE void winograd_multiply(const WinogradTask& task, Slice units) {
  const WinogradShape& shape = *task.shape;
  constexpr int vectors = WinogradBlock<lanes>::vectors;
  constexpr int64_t wide = vectors * lanes;
  const int64_t blocks = task.blocks();
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t position = unit / shape.filter_blocks(), filters = unit % shape.filter_blocks();
    const bool narrow = (filters + 1) * vectors > shape.filter_vectors;
    const float* b =
        task.packed + position * shape.channels() * shape.filters() + filters * wide * shape.channels();
    const float* v = task.v + position * task.input_step();
    float* m = task.m + position * task.output_step() + filters * wide * task.tiles.size();
    for (int64_t block = 0; block < blocks; ++block) {
      const Slice tiles = task.block(block);
      const int rows = static_cast<int>(tiles.size());
      const float* a = v + tiles.first * shape.channels();
      if (narrow) {
        multiply_rows<lanes, 1>(rows, a, b, shape.channel_vectors, m + tiles.first * lanes);
      } else {
        multiply_rows<lanes, vectors>(rows, a, b, shape.channel_vectors, m + tiles.first * wide);
      }
    }
  }
}

/// What is done to outputs before they are stored.
template <int lanes>
RACELINE_INLINE void bound(Vec<lanes>& value, float low, float high) {
  const Vec<lanes> lowest = low - Vec<lanes>{}, highest = high - Vec<lanes>{};
  value = value < lowest ? lowest : value;  // NaN stays
  value = value > highest ? highest : value;
}

template <class Tile>
RACELINE_INLINE void winograd_output(const WinogradTask& task, Slice units) {
  const WinogradShape& shape = *task.shape;
  constexpr int lanes = Tile::lanes;
  constexpr int vectors = WinogradBlock<lanes>::vectors;
  const ImageForm& form = shape.y;
  const bool tiles_inner = form.block_step != 0;
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t tile = tiles_inner ? unit % task.tiles.size() : unit / shape.filter_vectors;
    const int64_t vector = tiles_inner ? unit / task.tiles.size() : unit % shape.filter_vectors;
    const int64_t block = vector / vectors;
    const int64_t width =
        block == shape.filter_blocks() - 1 ? shape.filter_vectors - block * vectors : vectors;
    const float* m =
        task.m + block * vectors * lanes * task.tiles.size() + (tile * width + vector % vectors) * lanes;
    const WinogradPlace at = place_of(shape, task.tiles.first + tile);
    const int64_t rows = shape.conv.out_h - at.row, columns = shape.conv.out_w - at.column;
    const int64_t filter = vector * lanes;
    const int64_t used = shape.conv.filters - filter < lanes ? shape.conv.filters - filter : lanes;
    Vec<lanes> bias = {};
    if (task.bias != nullptr && used == lanes) {
      load<lanes>(bias, task.bias + filter);
    } else if (task.bias != nullptr) {
      alignas(64) float some[lanes] = {};
      for (int64_t lane = 0; lane < used; ++lane) some[lane] = task.bias[filter + lane];
      load<lanes>(bias, some);
    }
    if (is_vector(form, shape.conv.filters, filter, lanes)) {
      const int64_t first = form.offset(at.image, filter, at.row, at.column);
      output_tile<Tile>(m, task.output_step(), [&](int row, Vec<lanes>(&y)[Tile::m_w]) RACELINE_LAMBDA {
        if (row >= rows) return;
        unrolled<Tile::m_w>([&](auto column) RACELINE_LAMBDA {
          if (column >= columns) return;
          const int64_t offset = first + row * form.row_step + column * form.pixel_step;
          Vec<lanes> value = y[column] + bias;
          if (task.residual != nullptr) {
            Vec<lanes> other;
            load<lanes>(other, task.residual + offset);
            value += other;
          }
          bound<lanes>(value, task.low, task.high);
          store<lanes>(task.y + offset, value);
        });
      });
      continue;
    }
    alignas(64) float outputs[Tile::m_h * Tile::m_w * lanes];
    output_tile<Tile>(m, task.output_step(), [&](int row, Vec<lanes>(&y)[Tile::m_w]) RACELINE_LAMBDA {
      unrolled<Tile::m_w>([&](auto column) RACELINE_LAMBDA {
        store<lanes>(outputs + (row * Tile::m_w + column) * lanes, y[column] + bias);
      });
    });
    for (int64_t lane = 0; lane < used; ++lane) {
      const int64_t first = form.offset(at.image, filter + lane, at.row, at.column);
      for (int64_t row = 0; row < Tile::m_h && row < rows; ++row) {
        for (int64_t column = 0; column < Tile::m_w && column < columns; ++column) {
          const int64_t offset = first + row * form.row_step + column * form.pixel_step;
          float value = outputs[(row * Tile::m_w + column) * lanes + lane];
          if (task.residual != nullptr) value += task.residual[offset];
          value = value < task.low ? task.low : value;
          task.y[offset] = value > task.high ? task.high : value;
        }
      }
    }
  }
}

template <int lanes>
void run_winograd_multiply(const WinogradTask& task, Slice units) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { winograd_multiply<lanes>(task, units); });
}
template <class Tile>
void run_winograd_input(const WinogradTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA { winograd_input<Tile>(task, units); });
}
template <class Tile>
void run_winograd_output(const WinogradTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA { winograd_output<Tile>(task, units); });
}

}  // namespace raceline
