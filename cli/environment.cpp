#include "cli/environment.h"

#include <cstdlib>

#include "raceline/base/text.h"

namespace raceline::cli {

void set_library_environment(const Machine& machine) {
  // OpenBLAS 0.3.21 knows no AMD processor newer than Zen 3 and falls back to its Haswell kernels, half as
  // wide as the machine. Its AVX-512 kernels are called SkylakeX. raceline --version prints which are in use.
  bool avx512 = true;
  for (const char* set : {"avx512f", "avx512bw", "avx512dq", "avx512vl"}) avx512 = avx512 && machine.has(set);
  if (avx512 && starts_with(machine.cpu_model, "AMD")) setenv("OPENBLAS_CORETYPE", "SkylakeX", /*replace=*/0);
}

}  // namespace raceline::cli
