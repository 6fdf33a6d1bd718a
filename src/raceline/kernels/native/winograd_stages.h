// The three stages of Winograd's convolution on a chunk of tiles, for one vector width: the image into
// positions, a product for each position, the products into the output with bias, residual and bounds.
#pragma once
#include <optional>

#include "raceline/kernels/native/fused_epilogue.h"
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

/// A tile of a chunk on the way from one to the next, which needs no division.
struct WinogradCursor {
  int64_t tile;                ///< of the chunk
  int64_t image, row, column;  ///< its first output
  int64_t block_index;
  Slice block;  ///< of accumulators, that holds it

  RACELINE_INLINE WinogradCursor(const WinogradTask& task, int64_t at) : tile(at) {
    const WinogradShape& shape = *task.shape;
    const int64_t in_all = task.tiles.first + at, in_image = in_all % (shape.tiles_h * shape.tiles_w);
    image = in_all / (shape.tiles_h * shape.tiles_w);
    row = in_image / shape.tiles_w * shape.size.m_h;
    column = in_image % shape.tiles_w * shape.size.m_w;
    block_index = 0;
    block = task.block(0);
    while (block.last <= at) block = task.block(++block_index);
  }
  RACELINE_INLINE void next(const WinogradTask& task) {
    const WinogradShape& shape = *task.shape;
    ++tile;
    column += shape.size.m_w;
    if (column >= shape.conv.out_w) {
      column = 0;
      row += shape.size.m_h;
    }
    if (row >= shape.conv.out_h) {
      row = 0;
      ++image;
    }
    if (tile == block.last && tile < task.tiles.size()) block = task.block(++block_index);
  }
};

/// body(cursor, vector) for units of tiles x vectors. In blocked layouts neighbours in memory are pixels, so
/// tiles are the inner loop; otherwise vectors of channels are.
template <class Body>
RACELINE_INLINE void for_units(const WinogradTask& task, Slice units, int64_t vectors, bool tiles_inner,
                               const Body& body) {
  const int64_t tiles = task.tiles.size();
  int64_t vector = tiles_inner ? units.first / tiles : units.first % vectors;
  WinogradCursor cursor(task, tiles_inner ? units.first % tiles : units.first / vectors);
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    body(cursor, vector);
    if (!tiles_inner) {
      if (++vector < vectors) continue;
      vector = 0;
    }
    cursor.next(task);
    if (cursor.tile == tiles) {
      cursor = WinogradCursor(task, 0);
      ++vector;
    }
  }
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
                                   int64_t window, Slice rows, Slice columns, float* to) {
  for (int i = 0; i < Tile::a_h * Tile::a_w * Tile::lanes; ++i) to[i] = 0;
  const int64_t used = channels - first < Tile::lanes ? channels - first : Tile::lanes;
  for (int64_t lane = 0; lane < used; ++lane) {
    const float* plane = x + form.offset(0, first + lane, 0, 0) + window;
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
  const int64_t step = task.input_step();
  const auto transform = [&](const WinogradCursor& at, int64_t vector) RACELINE_LAMBDA {
    const int64_t top = at.row - shape.conv.pad_top, left = at.column - shape.conv.pad_left;
    const Slice rows = inside_of(top, Tile::a_h, shape.conv.height);
    const Slice columns = inside_of(left, Tile::a_w, shape.conv.width);
    float* v = task.v + at.block.first * shape.channels() +
               (vector * at.block.size() + at.tile - at.block.first) * lanes;
    const int64_t channel = vector * lanes;
    const int64_t window = at.image * form.image_step + top * form.row_step + left * form.pixel_step;
    if (is_vector(form, shape.conv.channels, channel, lanes)) {
      const WinogradWindow pixels{task.x + form.vector_offset(channel) + window,
                                  form.row_step,
                                  form.pixel_step,
                                  static_cast<int>(rows.first),
                                  static_cast<int>(rows.last),
                                  static_cast<int>(columns.first),
                                  static_cast<int>(columns.last)};
      if (rows.size() == Tile::a_h && columns.size() == Tile::a_w) {
        input_tile<Tile, true>(pixels, v, step);
      } else {
        input_tile<Tile, false>(pixels, v, step);
      }
    } else {
      alignas(64) float gathered[Tile::a_h * Tile::a_w * lanes];
      gather_window<Tile>(form, task.x, channel, shape.conv.channels, window, rows, columns, gathered);
      input_tile<Tile, true>({gathered, Tile::a_w * lanes, lanes, 0, Tile::a_h, 0, Tile::a_w}, v, step);
    }
  };
  for_units(task, units, shape.channel_vectors, form.block_step != 0, transform);
}

template <int lanes>
void run_winograd_multiply(const WinogradTask& task, Slice units) {
  const WinogradShape& shape = *task.shape;
  constexpr int vectors = WinogradBlock<lanes>::vectors;
  constexpr int64_t wide = vectors * lanes;
  const int64_t blocks = task.blocks();
  // Filters beyond the second-level cache are fetched ahead, unless they are used but once: then there is
  // nothing to do meanwhile.
  const bool fetches = shape.packed_elements() * 4 > 512 * 1024 && blocks > 1;
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t position = unit / shape.filter_blocks(), filters = unit % shape.filter_blocks();
    const bool narrow = (filters + 1) * vectors > shape.filter_vectors;
    const float* b =
        task.packed + position * shape.channels() * shape.filters() + filters * wide * shape.channels();
    const float* v = task.v + position * task.input_step();
    float* m = task.m + position * task.output_step() + filters * wide * task.tiles.size();
    const int64_t size = shape.channels() * wide;
    for (int64_t block = 0; block < blocks; ++block) {
      const Slice tiles = task.block(block);
      const float* a = v + tiles.first * shape.channels();
      // The filters of the next unit follow on these; two blocks fetch half of them each.
      const float* ahead =
          fetches && block < 2 && unit + 1 < units.last ? b + size + block * size / 2 : nullptr;
      const size_t row = static_cast<size_t>(tiles.size() - 1);
      const WinogradMultiply multiply =
          narrow ? multiply_blocks<lanes, 1>[row] : multiply_blocks<lanes, vectors>[row];
      multiply(a, b, shape.channel_vectors, ahead, m + tiles.first * (narrow ? lanes : wide));
    }
  }
}

template <class Tile>
RACELINE_INLINE void winograd_output(const WinogradTask& task, Slice units) {
  const WinogradShape& shape = *task.shape;
  constexpr int lanes = Tile::lanes;
  constexpr int vectors = WinogradBlock<lanes>::vectors;
  const ImageForm& form = shape.y;
  const int64_t last = shape.filter_blocks() - 1;
  const auto transform = [&](const WinogradCursor& at, int64_t vector) RACELINE_LAMBDA {
    const int64_t block = vector / vectors;
    const int64_t width = block == last ? shape.filter_vectors - block * vectors : vectors;
    const float* m =
        task.m + block * vectors * lanes * task.tiles.size() + (at.tile * width + vector % vectors) * lanes;
    const int64_t place = at.image * form.image_step + at.row * form.row_step + at.column * form.pixel_step;
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
      const int64_t first = place + form.vector_offset(filter);
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
      return;
    }
    alignas(64) float outputs[Tile::m_h * Tile::m_w * lanes];
    output_tile<Tile>(m, task.output_step(), [&](int row, Vec<lanes>(&y)[Tile::m_w]) RACELINE_LAMBDA {
      unrolled<Tile::m_w>([&](auto column) RACELINE_LAMBDA {
        store<lanes>(outputs + (row * Tile::m_w + column) * lanes, y[column] + bias);
      });
    });
    for (int64_t lane = 0; lane < used; ++lane) {
      const int64_t first = place + form.offset(0, filter + lane, 0, 0);
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
  };
  for_units(task, units, shape.filter_vectors, form.block_step != 0, transform);
}

template <class Tile>
void run_winograd_input(const WinogradTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA { winograd_input<Tile>(task, units); });
}
template <class Tile>
void run_winograd_output(const WinogradTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA { winograd_output<Tile>(task, units); });
}

template <int lanes, int m_h, int r_h, int m_w, int r_w>
std::optional<WinogradStages> winograd_stages_if(const WinogradSize& size) {
  if (size.m_h != m_h || size.r_h != r_h || size.m_w != m_w || size.r_w != r_w) return std::nullopt;
  using Tile = WinogradTile<lanes, m_h, r_h, m_w, r_w>;
  return WinogradStages{run_winograd_input<Tile>, run_winograd_multiply<lanes>, run_winograd_output<Tile>};
}

/// The stages for a tile size. Each vector width is compiled in a file of its own.
template <int lanes>
WinogradStages winograd_stages(const WinogradSize& size) {
  for (const auto& stages :
       {winograd_stages_if<lanes, 2, 3, 2, 3>(size), winograd_stages_if<lanes, 4, 3, 4, 3>(size),
        winograd_stages_if<lanes, 6, 3, 6, 3>(size), winograd_stages_if<lanes, 4, 5, 4, 5>(size),
        winograd_stages_if<lanes, 1, 1, 6, 3>(size), winograd_stages_if<lanes, 6, 3, 1, 1>(size),
        winograd_stages_if<lanes, 1, 1, 4, 7>(size), winograd_stages_if<lanes, 4, 7, 1, 1>(size)}) {
    if (stages) return *stages;
  }
  return {};
}
extern template WinogradStages winograd_stages<16>(const WinogradSize& size);
extern template WinogradStages winograd_stages<8>(const WinogradSize& size);
extern template WinogradStages winograd_stages<4>(const WinogradSize& size);

}  // namespace raceline
