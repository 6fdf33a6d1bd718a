// What the primitives on a BLAS share.
#pragma once
#include "raceline/kernels/common/blas_library.h"
#include "raceline/kernels/common/conv2d_checks.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/im2col.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// Registers what `add` makes of each BLAS; says what is missing where there is none on this machine.
template <class Add>
void with_each_blas(PrimitiveRegistry& registry, const Add& add) {
  for (const BlasFile& file : known_blas()) {
    if (!file.built_in) continue;  // the table of missing libraries says so
    BlasLibrary::Opened opened = BlasLibrary::open(file.name);
    if (opened.library) {
      add(*opened.library);
      continue;
    }
    const auto said = [&](const Missing& missing) { return missing.what == file.name; };
    if (std::none_of(registry.missing().begin(), registry.missing().end(), said)) {
      registry.add_missing(std::string(file.name), opened.why);
    }
  }
}

inline PrimitiveInfo blas_info(const BlasLibrary& blas, OpKind op, std::string algorithm,
                               std::string implementation, Layout layout) {
  return {op,     blas.name(), std::move(algorithm), std::move(implementation), blas.name(), {},
          layout, layout,      blas.version()};
}

/// What every convolution on a BLAS needs of a layer, filters read in place or packed.
inline Support supports_blas_conv2d(const LayerDesc& layer, Layout layout, bool packs_filters) {
  if (const Support operands = needs_conv2d_operands(layer, layout, packs_filters); !operands)
    return operands;
  if (!BlasLibrary::fits(layer)) return Support::no("an extent beyond 2^31 - 1");
  if (!BlasLibrary::fits(Conv2dShape::of(layer).depth())) return Support::no("a lowered row beyond 2^31 - 1");
  return Epilogue::supports(layer, layout);
}

/// `to` [columns, rows] of `from` [rows, columns].
inline void transpose(const float* from, int64_t rows, int64_t columns, float* to) {
  constexpr int64_t tile = 32;
  for (int64_t top = 0; top < rows; top += tile) {
    for (int64_t left = 0; left < columns; left += tile) {
      for (int64_t r = top; r < std::min(top + tile, rows); ++r) {
        for (int64_t c = left; c < std::min(left + tile, columns); ++c) {
          to[c * rows + r] = from[r * columns + c];
        }
      }
    }
  }
}

inline bool has_bias(const LayerDesc& conv2d) {
  const size_t operands = conv2d.inputs.size() - (conv2d.has_residual() ? 1 : 0);
  return operands > 2 && conv2d.inputs[2].present;
}

}  // namespace raceline
