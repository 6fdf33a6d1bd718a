#include "raceline/kernels/common/blas_library.h"

#include <algorithm>
#include <filesystem>
#include <mutex>

#include <dlfcn.h>
#include <fmt/format.h>
#include <omp.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "raceline/base/text.h"

#if defined(__SANITIZE_ADDRESS__)
// Asked by the address sanitizer when it starts. BLIS has variables of each thread, and GCC 12's sanitizer
// takes the size of their memory from a header that the loader does not write: looking there for leaks it
// crashes.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "intercept_tls_get_addr=0";
}
#endif

namespace raceline {
namespace {

// OpenBLAS. The OpenMP build takes part in libgomp's pool, runs on the calling thread inside a parallel
// region (and on one, if it is asked to, outside), and guards its buffers. The serial build of 0.3.21 looks
// for a free buffer without a lock (memory.c has one only for SMP or USE_LOCKING builds): two threads that
// call it at once may get the same buffer and wrong products, seen for up to a quarter of small ones. The
// pthread build starts threads of its own when it is loaded, which spin against libgomp's.
constexpr BlasBuild openblas_builds[] = {
    {"openblas-openmp/libopenblas.so.0", "", "libopenblas0-openmp", true},
    {"openblas-serial/libopenblas.so.0", "", "libopenblas0-serial", false},
};
// BLIS locks its pool of buffers in every build. The OpenMP build opens a parallel region of one thread in
// each product, which costs 0.3 us.
constexpr BlasBuild blis_builds[] = {
    {"blis-serial/libblis.so.4", "", "libblis4-serial", true},
    {"blis-openmp/libblis.so.4", "", "libblis4-openmp", true},
};
// ATLAS has its buffers from malloc. Its atlas/libblas.so.3 would need Fortran's library.
constexpr BlasBuild atlas_builds[] = {
    {"libcblas.so.3", "libatlas.so.3", "libatlas3-base", true},
};

constexpr std::string_view fortran_names[] = {"sgemm_", "sgemv_"};
constexpr std::string_view atlas_names[] = {"ATL_sgemm", "ATL_sgemv"};

#ifndef RACELINE_WITH_OPENBLAS
#define RACELINE_WITH_OPENBLAS 0
#endif
#ifndef RACELINE_WITH_BLIS
#define RACELINE_WITH_BLIS 0
#endif
#ifndef RACELINE_WITH_ATLAS
#define RACELINE_WITH_ATLAS 0
#endif

constexpr BlasFile rows[] = {
    {"openblas", openblas_builds, fortran_names, RACELINE_WITH_OPENBLAS != 0},
    {"blis", blis_builds, fortran_names, RACELINE_WITH_BLIS != 0},
    {"atlas", atlas_builds, atlas_names, RACELINE_WITH_ATLAS != 0},
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

std::string path_of(std::string_view file) {
  return fmt::format("{}/{}", library_folder, file);
}

/// "0.3.21/SkylakeX" from OpenBLAS's own words.
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

using ArchitectureName = const char* (*)(int);

/// Starts BLIS on one thread; "0.9.0/zen3" from its own words.
std::string start_blis(void* handle) {
  void (*set_threads)(int64_t) = nullptr;
  const char* (*version)() = nullptr;
  int (*architecture)() = nullptr;
  ArchitectureName name = nullptr;
  // The environment may ask for more threads, and they would be BLIS's own.
  if (look_up(handle, "bli_thread_set_num_threads", set_threads)) set_threads(1);
  std::string text = look_up(handle, "bli_info_get_version_str", version) ? version() : "unknown";
  if (look_up(handle, "bli_arch_query_id", architecture) && look_up(handle, "bli_arch_string", name)) {
    text += fmt::format("/{}", name(architecture()));
  }
  return text;
}

/// ATLAS says its version nowhere but in the name of the file behind the link: "3.10.3" of
/// libatlas.so.3.10.3.
std::string describe_atlas(const std::string& path) {
  std::error_code error;
  const std::string file = std::filesystem::canonical(path, error).filename().string();
  const size_t at = file.find(".so.");
  return error || at == std::string::npos ? "unknown" : file.substr(at + 4);
}

/// Keeps OpenBLAS's OpenMP build on the calling thread: outside of parallel regions it would take as many
/// threads as libgomp gives.
class OneThread {
 public:
  OneThread() : before_(omp_in_parallel() != 0 ? 1 : omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

#if defined(__x86_64__)
/// AMD's processors after family 25 (Zen 3 and 4), which BLIS 0.9 takes for ones without vector units.
bool is_newer_amd() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0 || ebx != signature_AMD_ebx) return false;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return false;
  const unsigned family = (eax >> 8 & 15) + (eax >> 20 & 255);
  return family > 25;
}
#else
bool is_newer_amd() {
  return false;
}
#endif

/// The number by which a build of BLIS knows an architecture, before it is started; empty if it doesn't.
std::string blis_architecture(std::string_view wanted) {
  for (const BlasBuild& build : blis_builds) {
    void* handle = ::dlopen(path_of(build.file).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) continue;
    ArchitectureName name = nullptr;
    if (!look_up(handle, "bli_arch_string", name)) return "";
    // The generic one ends the list.
    for (int id = 0;; ++id) {
      const char* known = name(id);
      if (known == nullptr || std::string_view(known) == "generic") return "";
      if (known == wanted) return fmt::format("{}", id);
    }
  }
  return "";
}

}  // namespace

std::span<const BlasFile> known_blas() {
  return rows;
}

std::vector<LibraryVariable> blas_environment(const Machine& machine) {
  std::vector<LibraryVariable> variables;
  const bool has_avx512 =
      machine.has("avx512f") && machine.has("avx512bw") && machine.has("avx512dq") && machine.has("avx512vl");
  if (RACELINE_WITH_BLIS != 0 && is_newer_amd() && (has_avx512 || machine.has("avx2"))) {
    const std::string id = blis_architecture(has_avx512 ? "skx" : "haswell");
    if (!id.empty()) variables.push_back({"BLIS_ARCH_TYPE", id});
  }
  return variables;
}

BlasLibrary::Opened BlasLibrary::open(std::string_view name) {
  const auto row =
      std::find_if(std::begin(rows), std::end(rows), [&](const BlasFile& file) { return file.name == name; });
  if (row == std::end(rows)) return {std::nullopt, fmt::format("'{}' is no BLAS that Raceline knows", name)};
  if (!row->built_in) return {std::nullopt, fmt::format("{} was switched off when this was built", name)};
  std::string why;
  for (const BlasBuild& build : row->builds) {
    BlasLibrary library;
    library.name_ = std::string(row->name);
    library.files_ = {path_of(build.file)};
    if (!build.second.empty()) library.files_.push_back(path_of(build.second));
    library.inner_ = row->inner;
    library.concurrent_ = build.concurrent;
    library.handle_ = ::dlopen(library.files_[0].c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library.handle_ == nullptr) {
      if (why.empty()) why = fmt::format("no {}; Debian's package is {}", library.files_[0], build.package);
      continue;
    }
    if (!look_up(library.handle_, "cblas_sgemm", library.sgemm_) ||
        !look_up(library.handle_, "cblas_sgemv", library.sgemv_)) {
      return {std::nullopt, fmt::format("{} lacks cblas_sgemm or cblas_sgemv", library.files_[0])};
    }
    if (name == "openblas") library.version_ = describe_openblas(library.handle_);
    if (name == "blis") library.version_ = start_blis(library.handle_);
    if (name == "atlas") library.version_ = describe_atlas(library.files_.back());
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
  const OneThread one_thread;
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
  for (const std::string_view inner : inner_) {
    symbols.push_back({std::string(inner), ::dlsym(handle_, std::string(inner).c_str())});
  }
  return symbols;
}

}  // namespace raceline
