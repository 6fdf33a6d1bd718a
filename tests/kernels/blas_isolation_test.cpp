// Several BLAS live in one process, and each must keep to itself: a BLAS in the global scope captures the
// inner calls of the others (BLIS's cblas_sgemm was seen to end in OpenBLAS's sgemm_).
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>

#include "raceline/kernels/builtin.h"
#include "raceline/kernels/common/blas_library.h"

namespace raceline {
namespace {

std::string real_path(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(path, error);
  return error ? path : canonical.string();
}

/// Every shared object of the process.
std::vector<std::string> loaded_objects() {
  std::vector<std::string> paths;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        if (info->dlpi_name[0] != '\0')
          static_cast<std::vector<std::string>*>(data)->push_back(info->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

TEST(BlasIsolation, EveryFunctionLiesInItsOwnLibrary) {
  const PrimitiveRegistry registry = builtin_primitives();
  ASSERT_FALSE(registry.all().empty());
  std::set<const void*> addresses;
  size_t symbols = 0;
  for (const BlasFile& row : known_blas()) {
    const auto opened = BlasLibrary::open(row.name);
    if (!opened.library) {
      // Then the registry must say so, and hold nothing that stands on it.
      for (const auto& primitive : registry.all()) EXPECT_NE(primitive->info().blas, row.name);
      continue;
    }
    const std::string own = real_path(opened.library->path());
    for (const BlasLibrary::Symbol& symbol : opened.library->symbols()) {
      ASSERT_NE(symbol.address, nullptr) << row.name << ": " << symbol.name;
      Dl_info info{};
      ASSERT_NE(::dladdr(symbol.address, &info), 0) << row.name << ": " << symbol.name;
      EXPECT_EQ(real_path(info.dli_fname), own) << row.name << ": " << symbol.name;
      addresses.insert(symbol.address);
      ++symbols;
    }
  }
  EXPECT_EQ(addresses.size(), symbols) << "two names share a function";
}

TEST(BlasIsolation, NoBlasIsInTheGlobalScope) {
  const PrimitiveRegistry registry = builtin_primitives();
  ASSERT_FALSE(registry.all().empty());
  for (const char* symbol :
       {"sgemm_", "cblas_sgemm", "sgemv_", "cblas_sgemv", "gotoblas", "bli_init", "sgesv_"}) {
    EXPECT_EQ(::dlsym(RTLD_DEFAULT, symbol), nullptr) << symbol;
  }
}

TEST(BlasIsolation, OnlyTheNamedFilesAreMapped) {
  const PrimitiveRegistry registry = builtin_primitives();
  ASSERT_FALSE(registry.all().empty());
  std::set<std::string> named;
  for (const BlasFile& row : known_blas()) {
    if (const auto opened = BlasLibrary::open(row.name); opened.library)
      named.insert(real_path(opened.library->path()));
  }
  for (const std::string& path : loaded_objects()) {
    const std::string file = std::filesystem::path(path).filename().string();
    for (const char* prefix :
         {"libopenblas", "libblas.", "libcblas", "libatlas", "libblis", "liblapack", "libmkl", "libtorch"}) {
      const bool is_blas = file.rfind(prefix, 0) == 0;
      EXPECT_TRUE(!is_blas || named.count(real_path(path)) == 1) << path;
    }
  }
}

}  // namespace
}  // namespace raceline
