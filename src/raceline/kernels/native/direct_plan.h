// How a layer is cut for the direct convolution: into bands of the image, and blocks of filters.
#pragma once
#include <cstdint>
#include <vector>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/native/tile_shape.h"

namespace raceline {

struct DirectPlan {
  Conv2dShape conv;
  ImageForm x, y;
  int lanes;
  /// The image is read where it is; otherwise a band at a time is copied with zeros around it.
  bool in_place;
  /// Vectors run over pixels, not filters: in nchw, where a row of outputs has a vector.
  bool by_planes;
  /// All pixels of an image are one row: for 1x1 kernels without stride and padding.
  bool flat;
  int64_t length;                 ///< channels that lie side by side, of a group
  std::vector<int64_t> segments;  ///< bytes from a band's first pixel to each run of them, for each tap
  int64_t filter_vectors;         ///< of a group
  ImageForm source;               ///< of what the loops read
  int64_t padded_width;           ///< columns of a copied band
  int64_t phases;         ///< parts of a copied row: columns of equal remainder by the stride lie together
  int64_t planes;         ///< of an image: channels, blocks of them, or 1
  int64_t bands, parts;   ///< of an image; of its groups' blocks of filters
  int64_t band_elements;  ///< floats of a copied band

  static DirectPlan of(const LayerDesc& layer, Layout input, Layout output, int lanes, int threads);

  int64_t filter_blocks() const;
  /// Filters of a block, of one group.
  Slice filters_of(int64_t block) const;
  /// Products that are added up for one output.
  int64_t depth() const { return conv.depth(); }
  /// Segments whose runs have `length` channels; those of the last run may have fewer.
  int64_t whole_segments() const { return conv.channels / length * conv.kernel_h * conv.kernel_w; }
  /// Floats of one group's packed filters: [block][segment][channel][filter]; blocks by_planes aren't padded.
  int64_t packed_elements() const { return (by_planes ? conv.filters : filter_vectors * lanes) * depth(); }
  /// Floats from the pixel that one output reads to what its neighbour does.
  int64_t reading_step() const { return phases > 1 ? 1 : conv.stride_w * source.pixel_step; }
  /// Floats from a band's first pixel to a group's first channel.
  int64_t group_offset(int64_t group) const {
    return group * conv.channels / source.block * source.block_step +
           group * conv.channels % source.block * source.channel_step;
  }
  /// Output rows of a band; in a flat plan there is one, and bands are of its columns.
  Slice rows_of(int64_t band) const { return flat ? Slice{0, 1} : slice_of(conv.out_h, band, bands); }
  Slice columns_of(int64_t band) const {
    return flat ? slice_of(conv.out_w, band, bands) : Slice{0, conv.out_w};
  }
  /// Input rows under some output rows, those in the padding included.
  int64_t input_rows(int64_t out_rows) const {
    return (out_rows - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h + 1;
  }
};

/// From [filter][channel][row][column] of all groups.
void pack_direct_filters(const DirectPlan& plan, const float* filters, float* packed);

/// Copies the input rows under some output rows of an image, with zeros around them.
void copy_direct_band(const DirectPlan& plan, const float* image, Slice out_rows, float* band);

}  // namespace raceline
