// Convolutions by Winograd's minimal filtering, as primitives of a tile size and a layout.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/tile_shape.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// F(m_h x m_w, r_h x r_w); 1 and 1 along an axis that is not transformed.
struct WinogradSize {
  int m_h, r_h, m_w, r_w;
  int window_h() const { return m_h + r_h - 1; }
  int window_w() const { return m_w + r_w - 1; }
  TileSize tile(bool lazy) const {
    const int64_t positions = int64_t{window_h()} * window_w();
    return {m_h, m_w, window_h(), window_w(), positions, 1, 0, lazy ? r_w : 0};
  }
};

/// One algorithm: a tile size, in both directions where it works along one axis.
struct WinogradFamily {
  std::string algorithm;            ///< "wino_4x3"
  std::vector<WinogradSize> sizes;  ///< that a layer's kernel picks from
  double error_bound;
  /// The filters' rows are transformed in each run, which halves what is kept and read of F(4x4,3x3).
  bool lazy = false;

  /// Whether all tiles hold whole windows of 2x2 outputs, so that the largest of each can be stored alone.
  bool can_pool() const {
    return std::ranges::all_of(sizes,
                               [](const auto& size) { return size.m_h % 2 == 0 && size.m_w % 2 == 0; });
  }
};

/// All that are built: F(2x2,3x3), F(4x4,3x3), F(6x6,3x3), F(4x4,5x5), and along one axis F(6,3) and F(4,7).
std::vector<WinogradFamily> winograd_families();

/// A primitive that uses the best instructions of this machine up to `most`; nchw8c has vectors of 8. The op
/// is conv2d, or, for a family that can pool, conv2d_max_pool.
std::unique_ptr<Primitive> make_winograd(OpKind op, const WinogradFamily& family, Layout layout, Isa most);

/// U = G g G^T of all filters of all groups, from [filter][channel][row][column]; G g alone where the shape
/// says that rows are transformed when they are used.
void pack_winograd_filters(const TileShape& shape, const WinogradSize& size, const float* filters,
                           float* packed);

}  // namespace raceline
