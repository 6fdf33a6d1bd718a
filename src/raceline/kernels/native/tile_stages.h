// The three stages of a convolution by transforms on a chunk of tiles, for one vector width: the image into
// positions, a product for each position, the products into the output with bias, residual and bounds. What
// the transforms are is a parameter.
#pragma once
#include <limits>

#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/kernels/native/tile_gemm.h"
#include "raceline/kernels/native/tile_shape.h"
#include "raceline/kernels/native/transpose_tiles.h"

namespace raceline {

/// A chunk at work. Images begin at the group's first channel.
struct TileTask {
  const TileShape* shape;
  const float* x;
  float* y;
  const float* bias;      ///< of the group's filters; nullptr: none
  const float* residual;  ///< as y; nullptr: none
  const float* packed;    ///< the group's transformed filters
  float *v, *m;           ///< the transformed image and the products
  Slice tiles;
  float low, high;  ///< bounds of what is stored

  int64_t input_step() const { return TileChunks::input_step(*shape, tiles.size()); }
  int64_t output_step() const { return TileChunks::output_step(*shape, tiles.size()); }
  /// Tiles of a block of accumulators; blocks are of nearly equal size.
  Slice block(int64_t index) const { return slice_of(tiles.size(), index, blocks()); }
  int64_t blocks() const { return (tiles.size() + shape->blocking.rows - 1) / shape->blocking.rows; }
};

/// A stage does a slice of its units, so that threads can share a chunk.
struct TileStages {
  using Stage = void (*)(const TileTask& task, Slice units);
  Stage input = nullptr;     ///< units: tiles x vectors of channels
  Stage multiply = nullptr;  ///< units: positions (or rows of them) x blocks of filters
  Stage output = nullptr;    ///< units: tiles x vectors of filters
};

/// A tile of a chunk on the way from one to the next, which needs no division.
struct TileCursor {
  int64_t tile;                ///< of the chunk
  int64_t image, row, column;  ///< its first output
  int64_t block_index;
  Slice block;  ///< of accumulators, that holds it

  RACELINE_INLINE TileCursor(const TileTask& task, int64_t at) : tile(at) {
    const TileShape& shape = *task.shape;
    const int64_t in_all = task.tiles.first + at, in_image = in_all % (shape.tiles_h * shape.tiles_w);
    image = in_all / (shape.tiles_h * shape.tiles_w);
    row = in_image / shape.tiles_w * shape.size.out_h;
    column = in_image % shape.tiles_w * shape.size.out_w;
    block_index = 0;
    block = task.block(0);
    while (block.last <= at) block = task.block(++block_index);
  }
  RACELINE_INLINE void next(const TileTask& task) {
    const TileShape& shape = *task.shape;
    ++tile;
    column += shape.size.out_w;
    if (column >= shape.conv.out_w) {
      column = 0;
      row += shape.size.out_h;
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
RACELINE_INLINE void for_units(const TileTask& task, Slice units, int64_t vectors, bool tiles_inner,
                               const Body& body) {
  const int64_t tiles = task.tiles.size();
  int64_t vector = tiles_inner ? units.first / tiles : units.first % vectors;
  TileCursor cursor(task, tiles_inner ? units.first % tiles : units.first / vectors);
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    body(cursor, vector);
    if (!tiles_inner) {
      if (++vector < vectors) continue;
      vector = 0;
    }
    cursor.next(task);
    if (cursor.tile == tiles) {
      cursor = TileCursor(task, 0);
      ++vector;
    }
  }
}

/// A window of pixels; those outside of [first, last) in a direction count as zeros.
struct TileWindow {
  const float* x;  ///< its first pixel, inside of the image or not
  int64_t row_step, pixel_step;
  Slice rows, columns;  ///< of the window, that are pixels
};

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
template <int lanes, int a_h, int a_w>
RACELINE_INLINE void gather_window(const ImageForm& form, const float* x, int64_t first, int64_t channels,
                                   int64_t window, Slice rows, Slice columns, float* to) {
  if (rows.size() < a_h || columns.size() < a_w) {
    for (int i = 0; i < a_h * a_w * lanes; ++i) to[i] = 0;
  }
  const int64_t used = channels - first < lanes ? channels - first : lanes;
  const float* pixels = x + form.offset(0, first, 0, 0) + window + columns.first * form.pixel_step;
  for (int64_t row = rows.first; row < rows.last && columns.size() > 0; ++row) {
    const float* from = pixels + row * form.row_step;
    float* line = to + (row * a_w + columns.first) * lanes;
    if (form.pixel_step == 1) {
      transpose(from, form.block_step, line, lanes, used, columns.size(), lanes);
      continue;
    }
    for (int64_t column = 0; column < columns.size(); ++column) {
      for (int64_t lane = 0; lane < lanes; ++lane)
        line[column * lanes + lane] = lane < used ? from[column * form.pixel_step + lane] : 0.0f;
    }
  }
}

/// transform(window, v, step) for each unit writes the positions of a window of a_h x a_w pixels, `step`
/// floats apart, the planes of each one after the other.
template <int lanes, int a_h, int a_w, class Transform>
RACELINE_INLINE void tile_input(const TileTask& task, Slice units, const Transform& transform) {
  const TileShape& shape = *task.shape;
  const ImageForm& form = shape.x;
  const int64_t step = task.input_step(), planes = shape.size.planes;
  const auto unit = [&](const TileCursor& at, int64_t vector) RACELINE_LAMBDA {
    const int64_t top = at.row * shape.conv.stride_h - shape.conv.pad_top;
    const int64_t left = at.column * shape.conv.stride_w - shape.conv.pad_left;
    const Slice rows = inside_of(top, a_h, shape.conv.height);
    const Slice columns = inside_of(left, a_w, shape.conv.width);
    float* v = task.v + planes * (at.block.first * shape.channels() +
                                  (vector * at.block.size() + at.tile - at.block.first) * lanes);
    const int64_t channel = vector * lanes;
    const int64_t window = at.image * form.image_step + top * form.row_step + left * form.pixel_step;
    if (is_vector(form, shape.conv.channels, channel, lanes)) {
      transform(TileWindow{task.x + form.vector_offset(channel) + window, form.row_step, form.pixel_step,
                           rows, columns},
                v, step);
    } else {
      alignas(64) float gathered[a_h * a_w * lanes];
      gather_window<lanes, a_h, a_w>(form, task.x, channel, shape.conv.channels, window, rows, columns,
                                     gathered);
      transform(TileWindow{gathered, a_w * lanes, lanes, {0, a_h}, {0, a_w}}, v, step);
    }
  };
  for_units(task, units, shape.channel_vectors, form.block_step != 0, unit);
}

template <int lanes, Product product>
void multiply_position(const TileTask& task, int64_t position, int64_t filters, bool next) {
  const TileShape& shape = *task.shape;
  constexpr int planes = product == Product::real ? 1 : 2;
  constexpr int vectors = TileBlock<lanes, planes>::vectors;
  constexpr int64_t wide = planes * vectors * lanes;
  const int64_t blocks = task.blocks();
  // Filters beyond the second-level cache are fetched ahead, unless they are used but once: then there is
  // nothing to do meanwhile.
  const bool fetches = next && shape.packed_elements() * 4 > 512 * 1024 && blocks > 1;
  const bool narrow = (filters + 1) * vectors > shape.filter_vectors;
  const int64_t width = narrow ? planes * lanes : wide;
  const float* b = task.packed + position * shape.packed_step() + filters * wide * shape.depth();
  const float* v = task.v + position * task.input_step();
  float* m = task.m + position * task.output_step() + filters * wide * task.tiles.size();
  for (int64_t block = 0; block < blocks; ++block) {
    const Slice tiles = task.block(block);
    const float* a = v + tiles.first * planes * shape.channels();
    // The filters of the next unit follow on these.
    Prefetch ahead;
    if (fetches) ahead = Prefetch::part<planes>(b + shape.depth() * width, wide, shape.depth(), block);
    const size_t row = static_cast<size_t>(tiles.size() - 1);
    const TileMultiply multiply =
        narrow ? multiply_blocks<lanes, product, 1>[row] : multiply_blocks<lanes, product, vectors>[row];
    multiply(a, b, shape.depth(), ahead, m + tiles.first * width);
  }
}

/// The second stage; `product` is that of all positions but the pairs of real ones.
template <int lanes, Product product>
void run_tile_multiply(const TileTask& task, Slice units) {
  const TileShape& shape = *task.shape;
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t position = unit / shape.filter_blocks(), filters = unit % shape.filter_blocks();
    const bool next = unit + 1 < units.last;
    if constexpr (product == Product::complex) {
      if (position < shape.size.real_pairs) {
        multiply_position<lanes, Product::pair>(task, position, filters, next);
        continue;
      }
    }
    multiply_position<lanes, product>(task, position, filters, next);
  }
}

/// Where the outputs of a tile go for a vector of filters.
template <int lanes>
struct TileTarget {
  float* y;               ///< its first output
  const float* residual;  ///< as y; nullptr: none
  int64_t row_step, pixel_step;
  int64_t rows, columns;  ///< outputs of the tile that exist
  Vec<lanes> bias;
  float low, high;

  RACELINE_INLINE void put(int64_t row, int64_t column, const Vec<lanes>& sum) const {
    const int64_t offset = row * row_step + column * pixel_step;
    Vec<lanes> value = sum + bias;
    if (residual != nullptr) {
      Vec<lanes> other;
      load<lanes>(other, residual + offset);
      value += other;
    }
    bound<lanes>(value, low, high);
    store<lanes>(y + offset, value);
  }
};

/// Adds the residual to a row of outputs, `channels` of them at each pixel, and bounds the sum.
RACELINE_INLINE void add_row(const TileTask& task, const ImageForm& form, int64_t offset, int64_t pixels,
                             int64_t channels) {
  const int64_t channel_step = form.pixel_step == 1 ? form.block_step : 1;
  for (int64_t channel = 0; channel < channels; ++channel) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const int64_t at = offset + channel * channel_step + pixel * form.pixel_step;
      float value = task.y[at] + task.residual[at];
      value = value < task.low ? task.low : value;
      task.y[at] = value > task.high ? task.high : value;
    }
  }
}

/// transform(m, position step, plane step, target) for each unit gives the target its outputs, at most
/// out_h x out_w of those that are stored: the largest of each pool x pool.
template <int lanes, int planes, int out_h, int out_w, int pool, class Transform>
RACELINE_INLINE void tile_output(const TileTask& task, Slice units, const Transform& transform) {
  const TileShape& shape = *task.shape;
  constexpr int vectors = TileBlock<lanes, planes>::vectors;
  const ImageForm& form = shape.y;
  const int64_t last = shape.filter_blocks() - 1, step = task.output_step();
  const auto unit = [&](const TileCursor& at, int64_t vector) RACELINE_LAMBDA {
    const int64_t block = vector / vectors;
    const int64_t width = block == last ? shape.filter_vectors - block * vectors : vectors;
    const float* m = task.m + planes * block * vectors * lanes * task.tiles.size() +
                     (at.tile * planes * width + vector % vectors) * lanes;
    const int64_t place =
        at.image * form.image_step + at.row / pool * form.row_step + at.column / pool * form.pixel_step;
    const int64_t rows = shape.conv.out_h - at.row, columns = shape.conv.out_w - at.column;
    const int64_t filter = vector * lanes;
    const int64_t used = shape.conv.filters - filter < lanes ? shape.conv.filters - filter : lanes;
    TileTarget<lanes> target{};
    target.rows = (rows < shape.size.out_h ? rows : shape.size.out_h) / pool;
    target.columns = (columns < shape.size.out_w ? columns : shape.size.out_w) / pool;
    if (task.bias != nullptr && used == lanes) {
      load<lanes>(target.bias, task.bias + filter);
    } else if (task.bias != nullptr) {
      alignas(64) float some[lanes] = {};
      for (int64_t lane = 0; lane < used; ++lane) some[lane] = task.bias[filter + lane];
      load<lanes>(target.bias, some);
    }
    const bool direct = is_vector(form, shape.conv.filters, filter, lanes);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    // The bounds hold for the sum with a residual, which may come later.
    const bool late = !direct && task.residual != nullptr;
    target.low = late ? -infinity : task.low;
    target.high = late ? infinity : task.high;
    alignas(64) float outputs[out_h * out_w * lanes];
    if (direct) {
      const int64_t first = place + form.vector_offset(filter);
      target.y = task.y + first;
      target.residual = task.residual == nullptr ? nullptr : task.residual + first;
      target.row_step = form.row_step;
      target.pixel_step = form.pixel_step;
    } else {
      target.y = outputs;
      target.row_step = out_w * lanes;
      target.pixel_step = lanes;
    }
    transform(m, step, width * lanes, target);
    if (direct) return;
    const int64_t first = place + form.offset(0, filter, 0, 0);
    for (int64_t row = 0; row < target.rows; ++row) {
      const int64_t offset = first + row * form.row_step;
      const float* from = outputs + row * out_w * lanes;
      if (form.pixel_step == 1) {
        transpose(from, lanes, task.y + offset, form.block_step, target.columns, used);
      } else {
        for (int64_t column = 0; column < target.columns; ++column) {
          for (int64_t lane = 0; lane < used; ++lane)
            task.y[offset + column * form.pixel_step + lane] = from[column * lanes + lane];
        }
      }
      if (late) add_row(task, form, offset, target.columns, used);
    }
  };
  for_units(task, units, shape.filter_vectors, form.block_step != 0, unit);
}

}  // namespace raceline
