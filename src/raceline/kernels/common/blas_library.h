// A BLAS opened at run time. Several live in one process, each seen by nobody but its own primitives.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/device/machine.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {

/// One build of a BLAS, as Debian installs it.
struct BlasBuild {
  std::string_view file;    ///< below the system's library folder
  std::string_view second;  ///< a file that the first one stands on, with the kernels; may be empty
  std::string_view package;
  /// Whether several threads may call it at once. None of the builds makes threads of its own.
  bool concurrent = false;
};

/// A BLAS: what to call it, and its builds, the best one first.
struct BlasFile {
  std::string_view name;  ///< "openblas"
  std::span<const BlasBuild> builds;
  /// The functions that cblas_sgemm and cblas_sgemv end in, as they could be taken from another BLAS.
  std::span<const std::string_view> inner;
  bool built_in = true;  ///< not switched off when this was built
};

/// Every BLAS that Raceline knows, switched off or not; a new one is a row here.
std::span<const BlasFile> known_blas();

/// A variable that a library reads from the environment when it is loaded.
struct LibraryVariable {
  std::string name, value;
};

/// What the environment should hold, unless its owner has set it otherwise, before a BLAS is opened for the
/// first time: processors that are younger than a library get its kernels for older ones, where the
/// instruction sets they have would allow for twice the speed. For programs to set: the environment is
/// theirs.
std::vector<LibraryVariable> blas_environment(const Machine& machine);

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
  /// Version and, where the library says so, whose kernels it chose: "0.3.21/SkylakeX", "3.10.3"; "/serial"
  /// after it for a build that one thread at a time may call.
  const std::string& version() const { return version_; }
  /// The files that it is made of, by their full paths.
  const std::vector<std::string>& files() const { return files_; }
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

  std::string name_, version_;
  std::vector<std::string> files_;
  std::span<const std::string_view> inner_;
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
