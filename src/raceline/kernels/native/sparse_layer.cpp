#include "raceline/kernels/native/sparse_layer.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/tile_shape.h"
#include "raceline/kernels/native/transpose_tiles.h"

namespace raceline {
namespace {

/// Filters whose sums are computed and stored before the next ones, where no sums wait for another block of
/// channels.
constexpr int64_t filters_at_once = density_block;

size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// y = y + residual, within bounds.
void add_span(const float* residual, float low, float high, float* y, int64_t count) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t i = 0; i < count; ++i) {
      const float sum = y[i] + residual[i];
      const float above = sum < low ? low : sum;
      y[i] = above > high ? high : above;
    }
  });
}

/// body(image, pixel, at, count) for each run of neighbouring outputs among the pixels of a tile: the
/// output's image and pixel, its place in the tile, how many.
template <class Body>
void for_outputs(const SparseShape& shape, const SparseChunk& chunk, Slice pixels, const Body& body) {
  const Conv2dShape& conv = shape.conv;
  const int64_t width = shape.planes.width, image_rows = shape.image_rows(chunk);
  const auto part = [&](int64_t first_row, int64_t row_width, int64_t image, int64_t y, int64_t outputs) {
    const int64_t first = std::max(pixels.first, first_row * row_width);
    const int64_t last = std::min(pixels.last, first_row * row_width + outputs);
    if (first >= last) return;
    body(chunk.first_image + image, (chunk.rows.first + y) * conv.out_w + first - first_row * row_width,
         first - pixels.first, last - first);
  };
  if (width == conv.out_w && shape.planes.reach_h == 0) {
    // Rows follow on each other, and so may be parts of an image.
    const int64_t in_image = image_rows * width;
    for (int64_t image = pixels.first / in_image; image * in_image < pixels.last; ++image)
      part(image, in_image, image, 0, in_image);
    return;
  }
  for (int64_t row = pixels.first / width; row * width < pixels.last; ++row) {
    const int64_t y = row % image_rows;
    if (y < chunk.rows.size()) part(row, width, row / image_rows, y, conv.out_w);
  }
}

/// body(first element, elements) for the stored elements of some filters at neighbouring pixels, in the
/// pieces in which they lie. `filters` counts in all groups.
template <class Body>
void for_pieces(const ImageForm& form, int64_t image, int64_t pixel, int64_t count, Slice filters,
                const Body& body) {
  const int64_t first = image * form.image_step + pixel * form.pixel_step;
  if (form.block_step == 0) {
    for (int64_t at = 0; at < count; ++at) body(first + at * form.pixel_step + filters.first, filters.size());
  } else {
    // A block of nchw is one channel.
    for (int64_t filter = filters.first; filter < filters.last; filter += form.block)
      body(first + filter / form.block * form.block_step, count * form.block);
  }
}

ImageForm form_of_output(const SparseShape& shape) {
  const Conv2dShape& conv = shape.conv;
  return ImageForm::of({DataType::f32, {conv.images, shape.y_channels, conv.out_h, conv.out_w}, shape.y});
}

/// Filters of each group, or blocks of them.
int64_t rows_of(const SparseShape& shape, SparseFormat format) {
  return format == SparseFormat::csr ? shape.conv.filters
                                     : SparseShape::parts(shape.conv.filters, density_block);
}

/// Elements of a thread's buffer of sums.
int64_t sum_elements(const SparseShape& shape, SparseFormat format) {
  if (format == SparseFormat::block16) return 0;
  return (shape.blocks() == 1 ? filters_at_once : shape.conv.filters) * shape.tile;
}

/// body(first weight, weights, input of the grid) for each weight, or block of weights, that is to be kept,
/// in the order in which they are packed; turn() before each row.
template <class Turn, class Body>
void for_kept(const SparseShape& shape, SparseFormat format, const WeightGrid& grid, const float* weights,
              const Turn& turn, const Body& body) {
  const Conv2dShape& conv = shape.conv;
  const int64_t width = format == SparseFormat::csr ? 1 : density_block;
  const int64_t taps = conv.kernel_h * conv.kernel_w;
  for (int64_t group = 0; group < conv.groups; ++group) {
    for (int64_t first = 0; first < conv.channels; first += shape.block) {
      const int64_t last = std::min(first + shape.block, conv.channels);
      for (int64_t filter = 0; filter < conv.filters; filter += width) {
        turn();
        const int64_t used = std::min(width, conv.filters - filter);
        const float* row = weights + group * grid.group_step + filter * grid.output_step;
        for (int64_t input = first * taps; input < last * taps; ++input) {
          const float* at = row + input * grid.input_step;
          bool kept = false;
          for (int64_t o = 0; o < used; ++o) kept |= at[o * grid.output_step] != 0;
          if (kept) body(at, used, input);
        }
      }
    }
  }
}

}  // namespace

SparseProducts sparse_products_of(Isa most) {
  switch (std::min(most, best_isa())) {
    case Isa::avx512:
      return sparse_products<16>();
    case Isa::avx2:
      return sparse_products<8>();
    case Isa::baseline:
      break;
  }
  return sparse_products<4>();
}

SparseTile sparse_tile_of(const SparseProducts& products, SparseFormat format) {
  if (format == SparseFormat::block16) return {1, products.block_tile, false};
  return {products.lanes, int64_t{csr_vectors} * products.lanes, true};
}

Support needs_sparse(const OperandDesc& weights, SparseFormat format) {
  if (!weights.constant) return Support::no("weights that are not constant can't be packed once");
  if (weights.desc.shape.elements() == 0) return Support::no("no weights");
  if (weights.desc.shape.elements() > std::numeric_limits<int32_t>::max())
    return Support::no("more weights than 2^31 - 1");
  if (format == SparseFormat::csr && weights.density < 1) {
    return Support::no("the weights are dense: more than half of them are not zero");
  }
  if (format == SparseFormat::block16 && weights.block_density < 1) {
    return Support::no(fmt::format(
        "more than half of the blocks of {} output channels hold a weight that is not zero", density_block));
  }
  return Support::yes();
}

SparseWeights::SparseWeights(const SparseShape& shape, SparseFormat format, const WeightGrid& grid,
                             float factor, const PrepareArgs& args)
    : blocks_(shape.blocks()), filters_(rows_of(shape, format)) {
  const Conv2dShape& conv = shape.conv;
  const float* weights = args.constants[1].data<const float>();
  size_t kept = 0;
  for_kept(
      shape, format, grid, weights, [] {}, [&](const float*, int64_t, int64_t) { ++kept; });
  const auto rows = static_cast<size_t>(conv.groups * blocks_ * filters_ + 1);
  places_ = aligned(rows * sizeof(uint32_t));
  values_ = aligned(places_ + kept * sizeof(int32_t));
  const bool is_csr = format == SparseFormat::csr;
  const size_t bytes =
      is_csr ? places_ + kept * sizeof(SparseEntry) : values_ + kept * density_block * sizeof(float);
  packed_ = args.pack(1, bytes, [&](Memory to) {
    std::byte* memory = to.host();
    std::memset(memory, 0, bytes);
    auto* row = reinterpret_cast<uint32_t*>(memory);
    auto* entry = reinterpret_cast<SparseEntry*>(memory + places_);
    auto* offset = reinterpret_cast<int32_t*>(memory + places_);
    auto* value = reinterpret_cast<float*>(memory + values_);
    uint32_t count = 0;
    for_kept(
        shape, format, grid, weights, [&] { *row++ = count; },
        [&](const float* at, int64_t used, int64_t input) {
          const int64_t taps = conv.kernel_h * conv.kernel_w;
          const int64_t place =
              shape.planes.offset(conv, input / taps, input % taps / conv.kernel_w, input % conv.kernel_w);
          ++count;
          if (is_csr) {
            *entry++ = {static_cast<int32_t>(place), factor * *at};
            return;
          }
          *offset++ = static_cast<int32_t>(place);
          for (int64_t o = 0; o < used; ++o) value[o] = factor * at[o * grid.output_step];
          value += density_block;
        });
    *row = count;
  });
}

/// A chunk of one group at work.
struct SparseLayer::Work {
  const SparseRun& run;
  ImageForm form;  ///< of the output
  int64_t group;
  SparseChunk chunk;
  const float* planes;  ///< at pixel 0 of channel 0
};

SparseLayer::SparseLayer(SparseShape shape, SparseFormat format, const SparseProducts& products,
                         const WeightGrid& grid, float factor, const FusedEpilogue& last,
                         const PrepareArgs& args)
    : shape_(std::move(shape)),
      format_(format),
      products_(products),
      last_(last),
      weights_(shape_, format, grid, factor, args) {}

int64_t SparseLayer::workspace_elements(const SparseShape& shape, SparseFormat format, int threads) {
  const int64_t planes = shape.plane_elements(), sums = sum_elements(shape, format);
  return shape.shared ? planes + threads * sums : threads * (planes + sums);
}

void SparseLayer::run(const SparseRun& run) const {
  const int64_t chunks = shape_.chunks(), filters = shape_.conv.filters;
  const int64_t planes = shape_.plane_elements(), sums = sum_elements(shape_, format_);
  const ImageForm form = form_of_output(shape_);
  const auto work_on = [&](int64_t index, float* to) {
    const SparseChunk chunk = shape_.chunk(index % chunks);
    const int64_t group = index / chunks;
    const float* from = to;
    if (shape_.reads_input) {
      from = run.x +
             (chunk.first_image * shape_.x_channels + group * shape_.conv.channels) * shape_.conv.pixels();
    }
    return Work{run, form, group, chunk, from};
  };
  const int64_t units = shape_.conv.groups * chunks;
  if (!shape_.shared) {
    parallel_slices(run.threads, units, 1, 1, [&](Slice some, int thread) {
      float* const own = run.workspace + thread * (planes + sums);
      for (int64_t index = some.first; index < some.last; ++index) {
        const Work work = work_on(index, own);
        if (!shape_.reads_input)
          fill_sparse_planes(shape_, run.x, work.group, work.chunk, {0, shape_.conv.channels}, own);
        const int64_t tiles = shape_.tiles(work.chunk);
        for (int64_t at = 0; at < tiles; ++at) tile(work, at, {0, filters}, own + planes);
      }
    });
    return;
  }
  for (int64_t index = 0; index < units; ++index) {
    const Work work = work_on(index, run.workspace);
    if (!shape_.reads_input) {
      parallel_slices(run.threads, shape_.conv.channels, 16, 8, [&](Slice some, int) {
        fill_sparse_planes(shape_, run.x, work.group, work.chunk, some, run.workspace);
      });
    }
    // Where there are fewer tiles than threads, the filters of a tile are shared.
    const int64_t tiles = shape_.tiles(work.chunk);
    const int64_t cuts = tiles % run.threads == 0 || tiles >= 4 * run.threads ? 1 : run.threads;
    parallel_slices(run.threads, tiles * cuts, 1, 1, [&](Slice some, int thread) {
      float* const own = run.workspace + planes + thread * sums;
      for (int64_t at = some.first; at < some.last; ++at) {
        const Slice part = slice_of(filters, at % cuts, cuts, density_block);
        if (part.size() > 0) tile(work, at / cuts, part, own);
      }
    });
  }
}

void SparseLayer::tile(const Work& work, int64_t index, Slice filters, float* sums) const {
  const Slice pixels = shape_.tile_of(work.chunk, index);
  if (format_ == SparseFormat::block16) {
    block_tile(work, pixels, filters);
    return;
  }
  const int64_t step = shape_.blocks() == 1 ? filters_at_once : filters.size();
  for (int64_t first = filters.first; first < filters.last; first += step)
    csr_tile(work, pixels, {first, std::min(first + step, filters.last)}, sums);
}

void SparseLayer::csr_tile(const Work& work, Slice pixels, Slice filters, float* sums) const {
  const int64_t vectors = SparseShape::parts(pixels.size(), products_.lanes);
  // Whole vectors of neighbouring outputs need no buffer.
  const bool whole = shape_.y == Layout::nchw && vectors * products_.lanes == pixels.size() &&
                     shape_.planes.width == shape_.conv.out_w && work.chunk.images == 1;
  const int64_t first_filter = work.group * shape_.conv.filters;
  const SparseRun& run = work.run;
  CsrTask task{};
  task.x = work.planes + pixels.first;
  task.entries = weights_.entries();
  task.first = filters.first;
  task.last = filters.last;
  task.out = sums;
  task.out_step = shape_.tile;
  if (whole) {
    task.out = run.y + work.chunk.first_image * work.form.image_step +
               (first_filter + filters.first) * work.form.block_step +
               work.chunk.rows.first * shape_.conv.out_w + pixels.first;
    task.out_step = work.form.block_step;
  }
  task.bias = run.bias == nullptr ? nullptr : run.bias + first_filter;
  // With a residual the bounds come after it.
  const FusedEpilogue bounds = last_.adds ? FusedEpilogue{} : last_;
  task.low = bounds.low;
  task.high = bounds.high;
  const int64_t blocks = shape_.blocks();
  for (int64_t block = 0; block < blocks; ++block) {
    task.rows = weights_.rows(work.group, block, 0);
    task.begins = block == 0;
    task.ends = block + 1 == blocks;
    products_.csr[static_cast<size_t>(vectors - 1)](task);
  }
  if (!whole) store_csr(work, pixels, filters, sums);
  if (last_.adds) add_residual(work, pixels, filters);
}

void SparseLayer::store_csr(const Work& work, Slice pixels, Slice filters, const float* sums) const {
  const ImageForm& form = work.form;
  const int64_t first = work.group * shape_.conv.filters + filters.first;
  for_outputs(shape_, work.chunk, pixels, [&](int64_t image, int64_t pixel, int64_t at, int64_t count) {
    float* to = work.run.y + image * form.image_step + pixel * form.pixel_step;
    if (form.channel_step == 0) {
      for (int64_t f = 0; f < filters.size(); ++f) {
        std::memcpy(to + (first + f) * form.block_step, sums + f * shape_.tile + at,
                    static_cast<size_t>(count) * sizeof(float));
      }
    } else if (form.block_step == 0) {
      transpose(sums + at, shape_.tile, to + first, form.pixel_step, filters.size(), count);
    } else {
      for (int64_t f = 0; f < filters.size(); f += form.block) {
        transpose(sums + f * shape_.tile + at, shape_.tile, to + (first + f) / form.block * form.block_step,
                  form.block, std::min(form.block, filters.size() - f), count, form.block);
      }
    }
  });
}

void SparseLayer::block_tile(const Work& work, Slice pixels, Slice filters) const {
  alignas(64) float sums[28 * density_block];
  alignas(64) float bias[density_block];
  BlockTask task{};
  task.x = work.planes + pixels.first;
  // With a residual the bounds come after it.
  const FusedEpilogue bounds = last_.adds ? FusedEpilogue{} : last_;
  task.low = bounds.low;
  task.high = bounds.high;
  task.out = sums;
  task.bias = bias;
  for (int64_t filter = filters.first; filter < filters.last; filter += density_block) {
    const int64_t first = work.group * shape_.conv.filters + filter;
    const int64_t used = std::min(density_block, filters.last - filter);
    std::fill_n(bias, density_block, 0.0f);
    if (work.run.bias != nullptr) std::copy_n(work.run.bias + first, used, bias);
    const uint32_t* rows = weights_.rows(work.group, 0, filter / density_block);
    task.offsets = weights_.offsets() + rows[0];
    task.values = weights_.values() + static_cast<size_t>(rows[0]) * density_block;
    task.count = rows[1] - rows[0];
    products_.block[static_cast<size_t>(pixels.size() - 1)](task);
    store_block(work, pixels, filter, sums);
    if (last_.adds) add_residual(work, pixels, {filter, filter + used});
  }
}

void SparseLayer::store_block(const Work& work, Slice pixels, int64_t filter, const float* sums) const {
  const ImageForm& form = work.form;
  const int64_t first = work.group * shape_.conv.filters + filter;
  const int64_t used = std::min(density_block, shape_.conv.filters - filter);
  for_outputs(shape_, work.chunk, pixels, [&](int64_t image, int64_t pixel, int64_t at, int64_t count) {
    float* to = work.run.y + image * form.image_step + pixel * form.pixel_step;
    const float* from = sums + at * density_block;
    if (form.channel_step == 0) {
      transpose(from, density_block, to + first * form.block_step, form.block_step, count, used);
      return;
    }
    // As many as the layout has in a row.
    const int64_t width = form.block_step == 0 ? used : form.block;
    for (int64_t lane = 0; lane < used; lane += width) {
      float* place = to + form.vector_offset(first + lane);
      for (int64_t i = 0; i < count; ++i) {
        std::memcpy(place + i * form.pixel_step, from + i * density_block + lane,
                    static_cast<size_t>(width) * sizeof(float));
      }
    }
  });
}

void SparseLayer::add_residual(const Work& work, Slice pixels, Slice filters) const {
  const int64_t first = work.group * shape_.conv.filters;
  const Slice all{first + filters.first, first + filters.last};
  for_outputs(shape_, work.chunk, pixels, [&](int64_t image, int64_t pixel, int64_t, int64_t count) {
    for_pieces(work.form, image, pixel, count, all, [&](int64_t at, int64_t elements) {
      add_span(work.run.residual + at, last_.low, last_.high, work.run.y + at, elements);
    });
  });
}

}  // namespace raceline
