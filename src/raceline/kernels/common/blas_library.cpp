#include "raceline/kernels/common/blas_library.h"

#include <algorithm>
#include <mutex>

#include <dlfcn.h>
#include <fmt/format.h>

#include "raceline/base/text.h"

namespace raceline {
namespace {

// The OpenMP build takes part in libgomp's pool, runs on the calling thread inside a parallel region, and
// guards its buffers. The serial build of 0.3.21 looks for a free buffer without a lock (memory.c has one
// only for SMP or USE_LOCKING builds): two threads that call it at once may get the same buffer and wrong
// products, seen for up to a quarter of small ones. The pthread build starts threads of its own when it is
// loaded, which spin against libgomp's.
constexpr BlasBuild openblas_builds[] = {
    {"openblas-openmp", "libopenblas.so.0", "libopenblas0-openmp", true},
    {"openblas-serial", "libopenblas.so.0", "libopenblas0-serial", false},
};

constexpr BlasFile rows[] = {
    {"openblas", openblas_builds},
};

// Where Debian keeps the libraries of the architecture this was compiled for.
#if defined(__x86_64__)
constexpr std::string_view library_folder = "/usr/lib/x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr std::string_view library_folder = "/usr/lib/aarch64-linux-gnu";
#else
constexpr std::string_view library_folder = "/usr/lib";
#endif

// CBLAS's enumerations.
constexpr int row_major = 101;
constexpr int as_stored = 111;
constexpr int transposed = 112;

int flag(bool is_transposed) {
  return is_transposed ? transposed : as_stored;
}

/// Held while a build runs that only one thread at a time may call. Its buffers belong to the process, and so
/// does this: two sessions on two threads share them.
std::mutex serial_call;

/// A stride that BLAS accepts: not below the extent of a row, even where there is but one row.
int leading(const BlasMatrix& matrix, int64_t rows_meant, int64_t columns_meant) {
  return static_cast<int>(std::max(matrix.stride, matrix.transposed ? rows_meant : columns_meant));
}

template <class Function>
bool look_up(void* handle, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, symbol));
  return function != nullptr;
}

/// "0.3.21/SkylakeX" from OpenBLAS's own words; other libraries have no such functions.
std::string describe_openblas(void* handle) {
  using Text = const char* (*)();
  Text config = nullptr, core = nullptr;
  std::string version = "unknown";
  if (look_up(handle, "openblas_get_config", config)) {
    const std::string text = config();
    const auto parts = words(text);
    if (parts.size() >= 2) version = std::string(parts[1]);
  }
  if (look_up(handle, "openblas_get_corename", core)) version += fmt::format("/{}", core());
  return version;
}

}  // namespace

std::span<const BlasFile> known_blas() {
  return rows;
}

BlasLibrary::Opened BlasLibrary::open(std::string_view name) {
  const auto row =
      std::find_if(std::begin(rows), std::end(rows), [&](const BlasFile& file) { return file.name == name; });
  if (row == std::end(rows)) return {std::nullopt, fmt::format("'{}' is no BLAS that Raceline knows", name)};
  std::string why;
  for (const BlasBuild& build : row->builds) {
    BlasLibrary library;
    library.name_ = std::string(row->name);
    library.path_ = fmt::format("{}/{}/{}", library_folder, build.folder, build.file);
    library.concurrent_ = build.concurrent;
    library.handle_ = ::dlopen(library.path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library.handle_ == nullptr) {
      if (why.empty()) why = fmt::format("no {}; Debian's package is {}", library.path_, build.package);
      continue;
    }
    if (!look_up(library.handle_, "cblas_sgemm", library.sgemm_) ||
        !look_up(library.handle_, "cblas_sgemv", library.sgemv_)) {
      return {std::nullopt, fmt::format("{} lacks cblas_sgemm or cblas_sgemv", library.path_)};
    }
    library.version_ = describe_openblas(library.handle_);
    if (!build.concurrent) library.version_ += "/serial";
    return {std::move(library), ""};
  }
  return {std::nullopt, why};
}

void BlasLibrary::multiply(int64_t m, int64_t n, int64_t k, float alpha, const BlasMatrix& a,
                           const BlasMatrix& b, float beta, float* c, int64_t stride) const {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    // sgemv would leave C as it is.
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        float& element = c[row * stride + column];
        element = beta == 0 ? 0 : beta * element;
      }
    }
    return;
  }
  std::unique_lock<std::mutex> lock;
  if (!concurrent_) lock = std::unique_lock(serial_call);
  const int lda = leading(a, m, k);
  const int ldb = leading(b, k, n);
  if (n == 1) {
    // y = A x. B's elements lie a stored row apart, unless it is stored as one row.
    const int rows_stored = static_cast<int>(a.transposed ? k : m);
    const int columns_stored = static_cast<int>(a.transposed ? m : k);
    sgemv_(row_major, flag(a.transposed), rows_stored, columns_stored, alpha, a.data, lda, b.data,
           b.transposed ? 1 : ldb, beta, c, static_cast<int>(std::max<int64_t>(stride, 1)));
    return;
  }
  if (m == 1) {
    // y = B^T a.
    const int rows_stored = static_cast<int>(b.transposed ? n : k);
    const int columns_stored = static_cast<int>(b.transposed ? k : n);
    sgemv_(row_major, flag(!b.transposed), rows_stored, columns_stored, alpha, b.data, ldb, a.data,
           a.transposed ? lda : 1, beta, c, 1);
    return;
  }
  sgemm_(row_major, flag(a.transposed), flag(b.transposed), static_cast<int>(m), static_cast<int>(n),
         static_cast<int>(k), alpha, a.data, lda, b.data, ldb, beta, c,
         static_cast<int>(std::max(stride, n)));
}

bool BlasLibrary::fits(const LayerDesc& layer) {
  const auto small = [](const TensorDesc& desc) {
    // The longest row that a lowering makes of a tensor is all but one of its dimensions.
    for (int axis = 0; axis < desc.shape.rank(); ++axis) {
      const int64_t dim = desc.shape[axis];
      if (!fits(dim) || (axis == 0 && dim > 0 && !fits(desc.shape.elements() / dim))) return false;
    }
    return true;
  };
  return std::all_of(layer.inputs.begin(), layer.inputs.end(),
                     [&](const OperandDesc& operand) { return !operand.present || small(operand.desc); }) &&
         std::all_of(layer.outputs.begin(), layer.outputs.end(), small);
}

std::vector<BlasLibrary::Symbol> BlasLibrary::symbols() const {
  std::vector<Symbol> symbols = {{"cblas_sgemm", reinterpret_cast<const void*>(sgemm_)},
                                 {"cblas_sgemv", reinterpret_cast<const void*>(sgemv_)}};
  // What they call inside.
  for (const char* inner : {"sgemm_", "sgemv_"}) symbols.push_back({inner, ::dlsym(handle_, inner)});
  return symbols;
}

}  // namespace raceline
