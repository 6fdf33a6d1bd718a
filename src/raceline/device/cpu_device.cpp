#include "raceline/device/cpu_device.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <omp.h>
#include <sched.h>
#include <sys/mman.h>

#include "raceline/base/error.h"
#include "raceline/base/system_memory.h"

namespace raceline {
namespace {

class CpuQueue final : public Queue {
 public:
  explicit CpuQueue(int threads) : threads_(std::max(1, threads)) {}
  DeviceId device() const override { return {}; }
  int threads() const override { return threads_; }
  void bind() override { omp_set_num_threads(threads_); }
  Status copy(Memory destination, Memory source, size_t bytes) override {
    std::memcpy(destination.host(), source.host(), bytes);
    return Status::ok();
  }
  Event record() override {
    using std::chrono::steady_clock;
    const auto now =
        std::chrono::duration_cast<std::chrono::nanoseconds>(steady_clock::now().time_since_epoch());
    return {static_cast<uint64_t>(now.count())};
  }
  Status wait() override { return Status::ok(); }
  double elapsed_us(Event from, Event to) const override {
    return static_cast<double>(to.id - from.id) * 1e-3;
  }

 private:
  int threads_;
};

/// Of the calling thread; none where the system does not say.
std::vector<int> allowed_cores() {
  std::vector<int> cores;
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  return cores;
}

}  // namespace

Memory CpuDevice::allocate(size_t bytes) {
  // Large blocks ask for large pages: an arena of 12 MB would else take 3,000 entries of the TLB. Not for an
  // end that fills less than half of one: packed weights are many blocks.
  constexpr size_t large_page = size_t{2} << 20;
  want_memory(bytes, "a block of the CPU's memory");
  const size_t alignment = bytes >= large_page ? large_page : 64;
  void* memory = std::aligned_alloc(alignment, bytes / alignment * alignment + alignment);
  if (memory != nullptr && alignment == large_page) {
    ::madvise(memory, (bytes + large_page / 2) / large_page * large_page, MADV_HUGEPAGE);
  }
  if (memory == nullptr) throw IoError(fmt::format("out of memory: {} bytes wanted on the CPU", bytes));
  return {id(), memory, 0};
}

void CpuDevice::release(Memory memory) noexcept {
  std::free(memory.handle);
}

std::unique_ptr<Queue> CpuDevice::make_queue(int threads) {
  return std::make_unique<CpuQueue>(threads);
}

bool pin_threads(int threads) {
  // Asked once: a thread that is pinned is allowed its own core alone.
  static const std::vector<int> cores = allowed_cores();
  if (cores.empty()) return false;
  bool pinned = true;
#pragma omp parallel num_threads(threads) reduction(&& : pinned)
  {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    CPU_SET(cores[static_cast<size_t>(omp_get_thread_num()) % cores.size()], &mine);
    pinned = ::sched_setaffinity(0, sizeof mine, &mine) == 0;
  }
  return pinned;
}

}  // namespace raceline
