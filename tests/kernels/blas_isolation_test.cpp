// Several BLAS live in one process, and each must keep to itself: a BLAS in the global scope captures the
// inner calls of the others (BLIS's cblas_sgemm was seen to end in OpenBLAS's sgemm_).
#include <filesystem>
#include <map>
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
    std::set<std::string> own;
    for (const std::string& file : opened.library->files()) own.insert(real_path(file));
    for (const BlasLibrary::Symbol& symbol : opened.library->symbols()) {
      ASSERT_NE(symbol.address, nullptr) << row.name << ": " << symbol.name;
      Dl_info info{};
      ASSERT_NE(::dladdr(symbol.address, &info), 0) << row.name << ": " << symbol.name;
      EXPECT_TRUE(own.contains(real_path(info.dli_fname)))
          << row.name << ": " << symbol.name << " lies in " << info.dli_fname;
      addresses.insert(symbol.address);
      ++symbols;
    }
  }
  EXPECT_EQ(addresses.size(), symbols) << "two names share a function";
}

/// Calls use(symbol, address) for every name that a loaded object had looked up in all that is loaded: what
/// its calls from function to function really end in. Data and functions alike; the calls are bound by then,
/// since a BLAS is opened with RTLD_NOW.
template <class Use>
void for_each_binding(const link_map& object, const Use& use) {
  const ElfW(Sym)* symbols = nullptr;
  const char* strings = nullptr;
  std::vector<std::pair<ElfW(Addr), size_t>> tables = {{0, 0}, {0, 0}};
  for (const ElfW(Dyn)* entry = object.l_ld; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols = reinterpret_cast<const ElfW(Sym)*>(entry->d_un.d_ptr);
        break;
      case DT_STRTAB:
        strings = reinterpret_cast<const char*>(entry->d_un.d_ptr);
        break;
      case DT_RELA:
        tables[0].first = entry->d_un.d_ptr;
        break;
      case DT_RELASZ:
        tables[0].second = entry->d_un.d_val;
        break;
      case DT_JMPREL:
        tables[1].first = entry->d_un.d_ptr;
        break;
      case DT_PLTRELSZ:
        tables[1].second = entry->d_un.d_val;
        break;
    }
  }
  if (symbols == nullptr || strings == nullptr) return;
  for (const auto& [address, bytes] : tables) {
    const auto* relocation = reinterpret_cast<const ElfW(Rela)*>(address);
    for (size_t i = 0; i < bytes / sizeof(ElfW(Rela)); ++i) {
      const ElfW(Sym)& symbol = symbols[ELF64_R_SYM(relocation[i].r_info)];
      if (ELF64_R_SYM(relocation[i].r_info) == 0 || ELF64_ST_TYPE(symbol.st_info) == STT_TLS) continue;
      const auto* slot = reinterpret_cast<const ElfW(Addr)*>(object.l_addr + relocation[i].r_offset);
      use(strings + symbol.st_name, symbol.st_shndx != SHN_UNDEF,
          reinterpret_cast<const void*>(*slot - relocation[i].r_addend));
    }
  }
}

TEST(BlasIsolation, CallsInsideALibraryEndInItself) {
  const PrimitiveRegistry registry = builtin_primitives();
  ASSERT_FALSE(registry.all().empty());
  // Which of the files of the BLAS a file belongs to.
  std::map<std::string, std::string> owners;
  for (const BlasFile& row : known_blas()) {
    if (const auto opened = BlasLibrary::open(row.name); opened.library) {
      for (const std::string& file : opened.library->files()) owners[real_path(file)] = row.name;
    }
  }
  std::map<std::string, int> bindings;
  for (const auto& [file, owner] : owners) {
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    ASSERT_NE(handle, nullptr) << file;
    link_map* object = nullptr;
    ASSERT_EQ(::dlinfo(handle, RTLD_DI_LINKMAP, &object), 0) << file;
    for_each_binding(*object,
                     [&, &file = file, &owner = owner](const char* name, bool is_own, const void* address) {
                       Dl_info info{};
                       if (::dladdr(address, &info) == 0) return;
                       const auto target = owners.find(real_path(info.dli_fname));
                       if (target == owners.end() && !is_own) return;  // the C library, libgomp
                       ++bindings[owner];
                       const bool at_home = target != owners.end() && target->second == owner;
                       EXPECT_TRUE(at_home) << file << " uses " << name << " of " << info.dli_fname;
                     });
    ::dlclose(handle);
  }
  // Each has hundreds of them: the walk saw something.
  for (const auto& [file, owner] : owners) EXPECT_GT(bindings[owner], 100) << owner;
}

TEST(BlasIsolation, NoBlasIsInTheGlobalScope) {
  const PrimitiveRegistry registry = builtin_primitives();
  ASSERT_FALSE(registry.all().empty());
  for (const char* symbol :
       {"sgemm_", "cblas_sgemm", "sgemv_", "cblas_sgemv", "gotoblas", "bli_init", "ATL_sgemm", "sgesv_"}) {
    EXPECT_EQ(::dlsym(RTLD_DEFAULT, symbol), nullptr) << symbol;
  }
}

TEST(BlasIsolation, OnlyTheNamedFilesAreMapped) {
  const PrimitiveRegistry registry = builtin_primitives();
  ASSERT_FALSE(registry.all().empty());
  std::set<std::string> named;
  for (const BlasFile& row : known_blas()) {
    if (const auto opened = BlasLibrary::open(row.name); opened.library) {
      for (const std::string& file : opened.library->files()) named.insert(real_path(file));
    }
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
