// Convolutions by Winograd's minimal filtering, as primitives of a tile size and a layout.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/winograd_shape.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// One algorithm: a tile size, in both directions where it works along one axis.
struct WinogradFamily {
  std::string algorithm;            ///< "wino_4x3"
  std::vector<WinogradSize> sizes;  ///< that a layer's kernel picks from
  double error_bound;
};

/// All that are built: F(2x2,3x3), F(4x4,3x3), F(6x6,3x3), F(4x4,5x5), and along one axis F(6,3) and F(4,7).
std::vector<WinogradFamily> winograd_families();

/// A primitive that uses the best instructions of this machine up to `most`; nchw8c has vectors of 8.
std::unique_ptr<Primitive> make_winograd(const WinogradFamily& family, Layout layout, Isa most);

}  // namespace raceline
