// What the primitives on OpenBLAS share.
#pragma once
#include "raceline/kernels/common/blas_library.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// Registers what `add` makes of the library; says what is missing when there is none on this machine.
template <class Add>
void with_openblas(PrimitiveRegistry& registry, const Add& add) {
  BlasLibrary::Opened opened = BlasLibrary::open("openblas");
  if (opened.library) {
    add(*opened.library);
    return;
  }
  for (const Missing& missing : registry.missing()) {
    if (missing.what == "openblas") return;
  }
  registry.add_missing("openblas", opened.why);
}

inline PrimitiveInfo openblas_info(const BlasLibrary& blas, OpKind op, std::string algorithm,
                                   std::string implementation, Layout layout) {
  return {op,     "openblas", std::move(algorithm), std::move(implementation), "openblas", {},
          layout, layout,     blas.version()};
}

}  // namespace raceline
