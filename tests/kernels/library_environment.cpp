// The tests of kernels run what programs run: the libraries' kernels for the instruction sets of this
// machine.
#include <cstdlib>

#include <gtest/gtest.h>

#include "raceline/kernels/common/blas_library.h"

namespace raceline {
namespace {

class LibraryEnvironment final : public testing::Environment {
 public:
  void SetUp() override {
    for (const LibraryVariable& variable : blas_environment(Machine::detect())) {
      ::setenv(variable.name.c_str(), variable.value.c_str(), 0);
    }
  }
};

[[maybe_unused]] const auto* const environment = testing::AddGlobalTestEnvironment(new LibraryEnvironment);

}  // namespace
}  // namespace raceline
