// Loops split over the threads of a kernel's queue: one region of libgomp, a slice of equal size for each
// thread.
#pragma once
#include <algorithm>
#include <cstdint>

#include <omp.h>

#include "raceline/kernels/common/slice.h"

namespace raceline {

/// Calls body(slice, thread) for the slices of [0, count), on `threads` threads, or on the calling one alone
/// where fewer than two would get `least` iterations. Never on some of them: libgomp ends the threads of its
/// pool that a smaller team leaves out, and starts them again for the next layer.
template <class Body>
void parallel_slices(int threads, int64_t count, int64_t grain, int64_t least, const Body& body) {
  if (threads <= 1 || count / std::max<int64_t>(1, least) < 2) {
    if (count > 0) body(Slice{0, count}, 0);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    // The system may have given fewer threads than were asked for.
    const Slice slice = slice_of(count, omp_get_thread_num(), omp_get_num_threads(), grain);
    if (slice.size() > 0) body(slice, omp_get_thread_num());
  }
}

}  // namespace raceline
