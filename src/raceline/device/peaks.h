// What the CPU can do at best, measured in about a second: the yardstick beside every layer's GFLOP/s and
// GB/s.
#pragma once
#include "raceline/device/machine.h"

namespace raceline {

/// Of all threads together, at once.
struct Peaks {
  int threads = 1;
  double fma_gflops = 0;  ///< f32 multiply-adds, two operations each, in the widest vectors there are
  double l2_gbs = 0, l3_gbs = 0, ram_gbs = 0;  ///< reading, 10^9 bytes a second, each thread a part of its
                                               ///< own; 0 where there is no such cache, or no memory to
                                               ///< measure it with
};

/// Runs small loops: multiply-adds in registers, then sums over buffers that fit the threads' second-level
/// caches, the third only, and over one that is flushed from all of them (where no instruction flushes, one
/// that none of them holds). The best of several repetitions, since all else that runs on the machine only
/// slows them.
Peaks measure_peaks(const Machine& machine, int threads);

}  // namespace raceline
