// NumPy's .npy files.
#pragma once
#include <filesystem>

#include "raceline/tensor/tensor.h"

namespace raceline {

/// Reads format versions 1 to 3, little endian, C or Fortran order, of types f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8
/// b1; the tensor is row-major. Throws IoError, ParseError saying what is wrong where, and UnsupportedError
/// for other types. Source: numpy.lib.format.
Tensor read_npy(const std::filesystem::path& path);
/// Writes version 1, C order. Throws IoError, and UnsupportedError for bf16, which NumPy has not.
void write_npy(const std::filesystem::path& path, const TensorView& tensor);

}  // namespace raceline
