// Convolutions by Fourier transforms of overlapping tiles, as primitives of a tile size and a layout.
#pragma once
#include <array>
#include <memory>

#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/tile_shape.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Pixels of a tile along either axis.
inline constexpr std::array<int, 3> fft_tiles = {8, 16, 32};

/// Of every tile size: largest error as a share of the largest output.
inline constexpr double fft_error_bound = 3e-6;

/// A primitive that uses the best instructions of this machine up to `most`; nchw8c has vectors of 8.
std::unique_ptr<Primitive> make_fft(int tile, Layout layout, Isa most);

/// The conjugate transforms of all filters of all groups, from [filter][channel][row][column], over the
/// square of the tile, in the order of fft_tiles.h.
void pack_fft_filters(const TileShape& shape, const float* filters, float* packed);

}  // namespace raceline
