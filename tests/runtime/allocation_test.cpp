// A run allocates nothing: this program's malloc counts.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "tests/runtime/support.h"

// Sanitizers bring a malloc of their own, and only glibc has these names.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RACELINE_COUNTS_MALLOC 1
#else
#define RACELINE_COUNTS_MALLOC 0
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};

[[maybe_unused]] void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

#if RACELINE_COUNTS_MALLOC
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}
void* calloc(size_t number, size_t bytes) {
  count();
  return __libc_calloc(number, bytes);
}
void* realloc(void* memory, size_t bytes) {
  count();
  return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#endif

namespace raceline::testing {
namespace {

/// Allocations of 100 runs, after two that let the thread pool grow.
int64_t allocations_of_runs(Session& session, std::span<const TensorView> inputs,
                            std::span<const TensorView> outputs) {
  for (int i = 0; i < 2; ++i) session.run(inputs, outputs);
  allocations = 0;
  counting = true;
  for (int i = 0; i < 100; ++i) session.run(inputs, outputs);
  counting = false;
  return allocations;
}

TEST(Allocation, TheCounterSeesAllocationsOfEveryKind) {
  if (!RACELINE_COUNTS_MALLOC) GTEST_SKIP() << "the sanitizer's malloc cannot be counted";
  allocations = 0;
  counting = true;
  { const std::vector<int> some(100); }
  std::free(std::malloc(10));
  std::free(std::aligned_alloc(64, 64));
  std::thread([] { std::free(std::calloc(1, 10)); }).join();
  counting = false;
  EXPECT_GE(allocations, 4);
}

TEST(Allocation, RunsOfReferenceAndNativePrimitivesAllocateNothing) {
  if (!RACELINE_COUNTS_MALLOC) GTEST_SKIP() << "the sanitizer's malloc cannot be counted";
  const PrimitiveRegistry all = builtin_primitives();
  CpuDevice device(Machine{});
  size_t native = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    Graph graph = random_graph(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + graph.to_string());
    Plan plan = random_plan(graph, all, random);
    for (PlanStep& step : plan.steps) {
      // What a library does inside is its own affair.
      const std::string& library = all.at(step.primitive).info().library;
      if (library != "reference" && library != "native") step.primitive = "not ours";
      native += library == "native";
    }
    plan = repair_plan(plan, graph, all, "").plan;
    for (PlanConversion& conversion : plan.conversions) {
      if (all.at(conversion.primitive).info().library != "native") conversion.primitive = "not ours";
    }
    plan = repair_plan(plan, graph, all, "").plan;
    SCOPED_TRACE(plan.to_json());
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    const std::vector<Tensor> outputs = empty_outputs(graph);
    Session session(graph, plan, all, device, {.threads = 2});
    EXPECT_EQ(allocations_of_runs(session, views_of(inputs), views_of(outputs)), 0);
  }
  EXPECT_GT(native, 20u);
}

}  // namespace
}  // namespace raceline::testing
