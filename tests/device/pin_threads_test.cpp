// What is promised of threads that are bound to cores.
#include <array>

#include <gtest/gtest.h>
#include <omp.h>
#include <sched.h>

#include "raceline/device/cpu_device.h"

namespace raceline {
namespace {

constexpr int threads = 2;

/// The cores that each thread of a team may use.
std::array<cpu_set_t, threads> affinities() {
  std::array<cpu_set_t, threads> found{};
#pragma omp parallel num_threads(threads)
  ::sched_getaffinity(0, sizeof(cpu_set_t), &found[static_cast<size_t>(omp_get_thread_num())]);
  return found;
}

TEST(PinnedThreads, StayOnTheirCoresWhenTheyArePinnedAgain) {
  const std::array<cpu_set_t, threads> before = affinities();
  if (!pin_threads(threads)) GTEST_SKIP() << "the system does not bind threads";
  const std::array<cpu_set_t, threads> first = affinities();
  ASSERT_TRUE(pin_threads(threads));
  const std::array<cpu_set_t, threads> again = affinities();
  for (size_t thread = 0; thread < first.size(); ++thread) {
    EXPECT_EQ(CPU_COUNT(&first[thread]), 1);
    EXPECT_TRUE(CPU_EQUAL(&first[thread], &again[thread])) << "thread " << thread;
  }
#pragma omp parallel num_threads(threads)
  ::sched_setaffinity(0, sizeof(cpu_set_t), &before[static_cast<size_t>(omp_get_thread_num())]);
}

}  // namespace
}  // namespace raceline
