// A run allocates nothing: this program's malloc counts. What a library asks for inside is told apart by who
// called, and listed.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <ranges>
#include <span>
#include <thread>

#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "raceline/kernels/builtin.h"
#include "tests/runtime/support.h"
#include "tests/runtime/zoo_net.h"

// Sanitizers bring a malloc of their own, and only glibc has these names.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RACELINE_COUNTS_MALLOC 1
#else
#define RACELINE_COUNTS_MALLOC 0
#endif

namespace {

constexpr int most_frames = 16;

/// The stack of an allocation, and where in the function that asked for it the call returns to.
struct Caller {
  void* asked;
  void* frames[most_frames];
  int count;
};

std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};
std::atomic<bool> recording{false};
std::atomic<size_t> recorded{0};
Caller callers[4096];  // the first ones; there is no memory to be asked for here
thread_local bool inside = false;

[[maybe_unused]] void count(void* asked) {
  if (!counting.load(std::memory_order_relaxed) || inside) return;
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (!recording.load(std::memory_order_relaxed)) return;
  const size_t place = recorded.fetch_add(1, std::memory_order_relaxed);
  if (place >= std::size(callers)) return;
  inside = true;
  callers[place].asked = asked;
  callers[place].count = ::backtrace(callers[place].frames, most_frames);
  inside = false;
}

}  // namespace

#if RACELINE_COUNTS_MALLOC
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* calloc(size_t number, size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_calloc(number, bytes);
}
void* realloc(void* memory, size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  count(__builtin_return_address(0));
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#endif

namespace raceline::testing {
namespace {

/// The shared object that asked: the first on the stack above malloc and the languages' run-time libraries;
/// "raceline" for this program. Recorded return addresses lie behind the calls.
std::string who(const Caller& caller) {
  Dl_info self{};
  ::dladdr(reinterpret_cast<void*>(&who), &self);
  // Before the one that asked there are only the counting malloc and what of it wasn't inlined.
  const std::span frames(caller.frames, static_cast<size_t>(caller.count));
  for (void* frame : std::ranges::subrange(std::ranges::find(frames, caller.asked), frames.end())) {
    Dl_info info{};
    if (::dladdr(static_cast<char*>(frame) - 1, &info) == 0) return "generated code";
    if (info.dli_fbase == self.dli_fbase) return "raceline";
    const std::string name = std::filesystem::path(info.dli_fname).filename();
    if (!name.starts_with("libc.") && !name.starts_with("libstdc++") && !name.starts_with("libgcc_s"))
      return name;
  }
  return "unknown";
}

/// Bytes of this process that lie in memory and belong to no file.
int64_t resident_bytes() {
  long size = 0, resident = 0, shared = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld %ld", &size, &resident, &shared) != 3) {
    ADD_FAILURE() << "/proc/self/statm cannot be read";
  }
  if (file != nullptr) std::fclose(file);
  return (resident - shared) * ::sysconf(_SC_PAGESIZE);
}

/// Runs the network by each library; nothing may be ours, nothing may grow. Prints what libraries ask for.
void expect_runs_that_neither_allocate_nor_grow(std::string_view net, int runs) {
  const PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device(Machine{});
  Graph graph = zoo_graph(net, registry, device);
  Random random(1);
  const std::vector<Tensor> inputs = random_inputs(graph, random);
  const std::vector<Tensor> outputs = empty_outputs(graph);
  const auto libraries = libraries_of(graph, registry);
  EXPECT_GE(libraries.size(), 1u);
  for (const std::string& library : libraries) {
    SCOPED_TRACE(fmt::format("{} by {}", net, library));
    const Plan plan = plan_by_library(graph, registry, library);
    Session session(graph, plan, registry, device, {.threads = 1});
    const std::vector<TensorView> input_views = views_of(inputs), output_views = views_of(outputs);
    for (int i = 0; i < 10; ++i) session.run(input_views, output_views);
    std::memset(callers, 0, sizeof callers);  // its pages are here before memory is looked at
    const int64_t before = resident_bytes();
    allocations = 0;
    recorded = 0;
    recording = counting = true;
    for (int i = 0; i < runs; ++i) session.run(input_views, output_views);
    recording = counting = false;
    const int64_t grown = resident_bytes() - before;
    std::map<std::string, int64_t> owners;
    for (size_t i = 0; i < std::min(recorded.load(), std::size(callers)); ++i) ++owners[who(callers[i])];
    EXPECT_EQ(owners["raceline"], 0);
    EXPECT_EQ(owners["unknown"], 0);
    std::erase_if(owners, [](const auto& owner) { return owner.second == 0; });
    fmt::print("{} by {}: {} runs, {} allocations of libraries, {} KiB grown\n", net, library, runs,
               allocations.load(), grown / 1024);
    for (const auto& [owner, times] : owners) {
      fmt::print("  {}: {:.1f} % of the first {}\n", owner,
                 100.0 * static_cast<double>(times) /
                     static_cast<double>(std::min(recorded.load(), std::size(callers))),
                 std::min(recorded.load(), std::size(callers)));
    }
    // Room for what the system's allocator keeps at hand; a tensor a run would be far more.
    EXPECT_LT(grown, 1 << 20);
  }
}

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

TEST(Allocation, TheCallerOfAnAllocationIsKnown) {
  if (!RACELINE_COUNTS_MALLOC) GTEST_SKIP() << "the sanitizer's malloc cannot be counted";
  void* frames[4];
  ::backtrace(frames, 4);  // its first call allocates
  recorded = 0;
  recording = counting = true;
  { const std::vector<int> some(100); }
  std::free(std::malloc(10));
  std::free(std::aligned_alloc(64, 64));
  recording = counting = false;
  ASSERT_EQ(recorded, 3u);
  for (const Caller& caller : std::span(callers).first(3)) EXPECT_EQ(who(caller), "raceline");
}

TEST(Allocation, AThousandRunsOfLeNetByEachLibraryNeitherAllocateNorGrow) {
  if (!RACELINE_COUNTS_MALLOC) GTEST_SKIP() << "the sanitizer's malloc cannot be counted";
  expect_runs_that_neither_allocate_nor_grow("lenet5", 1000);
}

TEST(Allocation, RunsOfSqueezeNetByEachLibraryNeitherAllocateNorGrow) {
  if (!RACELINE_COUNTS_MALLOC) GTEST_SKIP() << "the sanitizer's malloc cannot be counted";
  expect_runs_that_neither_allocate_nor_grow("squeezenet", 30);
}

/// Minutes long: ./test --long.
TEST(Allocation, DISABLED_thousands_of_runs_of_larger_networks_neither_allocate_nor_grow) {
  if (!RACELINE_COUNTS_MALLOC) GTEST_SKIP() << "the sanitizer's malloc cannot be counted";
  for (const char* net : {"squeezenet", "mobilenet_v1"})
    expect_runs_that_neither_allocate_nor_grow(net, 1000);
}

}  // namespace
}  // namespace raceline::testing
