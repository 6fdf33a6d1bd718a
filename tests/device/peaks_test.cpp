// Which levels of the memory are measured; how fast they are is the machine's business.
#include "raceline/device/peaks.h"

#include <gtest/gtest.h>

namespace raceline {
namespace {

constexpr int64_t mib = int64_t{1} << 20;

Machine machine_with(int64_t l3_bytes) {
  Machine machine = Machine::detect();  // its instructions
  machine.l2_bytes = mib / 4;
  machine.l3_bytes = l3_bytes;
  return machine;
}

TEST(Peaks, MemoryIsMeasuredHoweverLargeTheCacheIs) {
  for (const int64_t l3_bytes : {mib, 450 * mib}) {
    SCOPED_TRACE(l3_bytes);
    const Peaks peaks = measure_peaks(machine_with(l3_bytes), 1);
    EXPECT_GT(peaks.fma_gflops, 0);
    EXPECT_GT(peaks.l2_gbs, 0);
    EXPECT_GT(peaks.l3_gbs, 0);
    EXPECT_GT(peaks.ram_gbs, 0);
  }
}

}  // namespace
}  // namespace raceline
