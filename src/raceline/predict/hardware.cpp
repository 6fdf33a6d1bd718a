#include "raceline/predict/hardware.h"

#include <algorithm>
#include <array>

#include "raceline/predict/archive.h"

namespace raceline {
namespace {

// NVIDIA's and AMD's data sheets: single precision at boost clock, memory, L2, multiprocessors (compute
// units).
const std::array<Hardware, 6> data_sheets{{
    {"GTX1080Ti", 11340, 484, 2.75e6, 28},
    {"V100", 15700, 900, 6e6, 80},
    {"P100", 9300, 732, 4e6, 56},
    {"K80", 4370, 240, 1.5e6, 13},  // one of its two processors
    {"M60", 4820, 160, 2e6, 16},
    {"K40", 4290, 288, 1.5e6, 15},
}};

}  // namespace

void Hardware::visit(Archive& archive) {
  archive.field("name", name);
  archive.field("gflops", gflops);
  archive.field("gb_per_s", gb_per_s);
  archive.field("cache_bytes", cache_bytes);
  archive.field("units", units);
  if (archive.reading() && !(gflops > 0 && gb_per_s > 0 && cache_bytes > 0 && units > 0)) {
    archive.refuse("gflops", "peaks and sizes are positive");
  }
}

Hardware hardware_of(std::string_view accelerator, int threads, const Machine& machine) {
  const auto found = std::find_if(data_sheets.begin(), data_sheets.end(),
                                  [&](const Hardware& each) { return accelerator.starts_with(each.name); });
  if (found != data_sheets.end()) return *found;
  // Two multiply-add units of the widest vectors at 3 GHz.
  const double lanes = machine.has("avx512f") ? 16 : machine.has("avx2") ? 8 : 4;
  const double cores = std::max(1, threads);
  return {.name = std::string(accelerator),
          .gflops = cores * lanes * 2 * 2 * 3,
          .gb_per_s = 20,
          .cache_bytes = std::max<double>(1 << 18, static_cast<double>(machine.l2_bytes)),
          .units = cores};
}

}  // namespace raceline
