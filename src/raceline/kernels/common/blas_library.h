// A BLAS opened at run time. Several live in one process, each seen by nobody but its own primitives.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/layer_desc.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// One build of a BLAS, as Debian installs it.
struct BlasBuild {
  std::string_view folder;  ///< below the system's library folder
  std::string_view file;
  std::string_view package;
  /// Whether several threads may call it at once. None of the builds makes threads of its own.
  bool concurrent = false;
};

/// A BLAS: what to call it, and its builds, the best one first.
struct BlasFile {
  std::string_view name;  ///< "openblas"
  std::span<const BlasBuild> builds;
};

/// Every BLAS that Raceline knows; a new one is a row here and a folder that uses it.
std::span<const BlasFile> known_blas();

/// A matrix in row-major order, or one that is to be read transposed.
struct BlasMatrix {
  const float* data = nullptr;
  int64_t stride = 0;       ///< elements between rows as stored
  bool transposed = false;  ///< stored as the transpose of what is meant
};

/// The functions of one BLAS: a small value that primitives copy. The library is opened with RTLD_LOCAL by
/// its full path, and is never closed: what is copied here stays valid until the process ends.
class BlasLibrary {
 public:
  struct Opened;
  /// Opens the first build of one of known_blas() that this machine has.
  static Opened open(std::string_view name);

  const std::string& name() const { return name_; }
  /// Version and the core whose kernels it chose: "0.3.21/SkylakeX"; "/serial"
  /// after it for a build that one thread at a time may call.
  const std::string& version() const { return version_; }
  const std::string& path() const { return path_; }
  /// How many of `wanted` threads it serves at once: all, or one.
  int threads(int wanted) const { return concurrent_ ? wanted : 1; }

  /// C = alpha * A * B + beta * C, with A [m, k], B [k, n] and C [m, n] whose rows lie `stride` apart. By
  /// sgemv when m or n is 1. All extents must pass fits(). Any thread may call it; those that a build cannot
  /// serve at once wait for each other.
  void multiply(int64_t m, int64_t n, int64_t k, float alpha, const BlasMatrix& a, const BlasMatrix& b,
                float beta, float* c, int64_t stride) const;

  /// Whether an extent can be passed to a BLAS, whose integers have 32 bits.
  static bool fits(int64_t extent) { return extent <= INT32_MAX; }
  /// Whether every dimension of every operand and output fits, and so do the rows that they make.
  static bool fits(const LayerDesc& layer);

  /// What was looked up, for the test that every function lies in its own library: name and address.
  struct Symbol {
    std::string name;
    const void* address;
  };
  std::vector<Symbol> symbols() const;

 private:
  using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                         const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
  using Sgemv = void (*)(int order, int trans, int m, int n, float alpha, const float* a, int lda,
                         const float* x, int incx, float beta, float* y, int incy);

  std::string name_, version_, path_;
  void* handle_ = nullptr;
  Sgemm sgemm_ = nullptr;
  Sgemv sgemv_ = nullptr;
  bool concurrent_ = false;
};

/// A library, or why there is none and how to get it.
struct BlasLibrary::Opened {
  std::optional<BlasLibrary> library;
  std::string why;
};

}  // namespace raceline
