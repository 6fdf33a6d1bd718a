// Convolutions with sparse filters, as primitives of a format and a layout.
#pragma once
#include <memory>

#include "raceline/kernels/native/sparse_layer.h"

namespace raceline {

/// A primitive that uses the best instructions of this machine up to `most`.
std::unique_ptr<Primitive> make_sparse_conv2d(SparseFormat format, Layout layout, Isa most);

}  // namespace raceline
