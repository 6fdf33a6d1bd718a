// libgomp's pool is the only one: whatever library runs, after whichever, no thread is added.
#include <filesystem>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <omp.h>

#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/profile/layer_run.h"
#include "raceline/profile/operands.h"

namespace raceline {
namespace {

constexpr int threads = 4;

std::set<std::string> threads_of_process() {
  std::set<std::string> ids;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    ids.insert(task.path().filename());
  return ids;
}

TEST(OnePool, NoLibraryAddsAThreadWhenAllRunInTurn) {
  const PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device(Machine::detect());
  const auto queue = device.make_queue(threads);
  queue->bind();
  int team = 0;
#pragma omp parallel num_threads(threads)
#pragma omp single
  team = omp_get_num_threads();
  ASSERT_EQ(team, threads);
  const std::set<std::string> pool = threads_of_process();
  std::map<std::string, int> runs;  // by library
  for (const char* key :
       {"conv2d 1x32x28x28 64x32x3x3* 64* pads_begin=1x1 pads_end=1x1", "conv2d 1x64x28x28 64x64x1x1* 64*",
        "gemm 8x512 512x256* 256*", "max_pool 1x64x56x56 kernel=2x2 stride=2x2",
        "softmax 16x1000 first_axis=1 end_axis=2"}) {
    SCOPED_TRACE(key);
    const LayerDesc layer = LayerDesc::parse(key);
    LayerBuffers buffers(device, layer, random_operands(layer, 1));
    std::vector<std::pair<const Primitive*, LayerRun>> all;
    for (const Primitive* primitive : registry.candidates(layer))
      all.emplace_back(primitive, LayerRun(*primitive, layer, buffers, threads));
    ASSERT_GT(all.size(), 1u);
    // Neighbours in the registry are of one library: by strides, those of different ones follow each other.
    for (const size_t stride : {size_t{1}, size_t{7}, size_t{11}}) {
      for (size_t index = 0; index < all.size(); ++index) {
        auto& [primitive, run] = all[index * stride % all.size()];
        ASSERT_TRUE(run.produce(*queue).is_ok()) << primitive->name();
        ASSERT_TRUE(run.run(*queue).is_ok()) << primitive->name();
        ++runs[primitive->info().library];
        ASSERT_EQ(threads_of_process(), pool) << primitive->name() << " changed the threads of the process";
      }
    }
  }
  for (const char* library : {"onednn", "openblas", "native", "reference"})
    EXPECT_GT(runs[library], 0) << library << " took no part";
}

}  // namespace
}  // namespace raceline
