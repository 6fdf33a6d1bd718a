#include "raceline/device/reusing_device.h"

#include <set>

#include <gtest/gtest.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr size_t megabyte = size_t{1} << 20;

/// Counts, and has no more than `room` bytes.
class SmallDevice final : public Device {
 public:
  explicit SmallDevice(size_t room) : room_(room) {}
  DeviceId id() const override { return {}; }
  std::string name() const override { return "small"; }
  std::string fingerprint() const override { return "small"; }
  Memory allocate(size_t bytes) override {
    if (bytes > room_) throw IoError("out of memory");
    room_ -= bytes;
    ++allocations;
    auto* handle = new size_t(bytes);  // NOLINT(cppcoreguidelines-owning-memory): a handle is a bare pointer
    live.insert(handle);
    return {id(), handle, 0};
  }
  void release(Memory memory) noexcept override {
    auto* handle = static_cast<size_t*>(memory.handle);
    room_ += *handle;
    live.erase(handle);
    delete handle;  // NOLINT(cppcoreguidelines-owning-memory)
  }
  std::unique_ptr<Queue> make_queue(int) override { return nullptr; }

  int allocations = 0;
  std::set<void*> live;

 private:
  size_t room_;
};

TEST(ReusingDevice, GivesAReleasedBlockToTheNextWhoWantsAboutAsMuch) {
  SmallDevice small(100 * megabyte);
  ReusingDevice device(small, 50 * megabyte);
  const Memory first = device.allocate(10 * megabyte);
  device.release(first);
  EXPECT_EQ(device.kept_bytes(), 10 * megabyte);
  EXPECT_EQ(device.allocate(9 * megabyte), first);
  EXPECT_EQ(device.kept_bytes(), 0U);
  device.release(first);
  EXPECT_EQ(device.kept_bytes(), 10 * megabyte) << "a block keeps its size";
  device.release(device.allocate(2 * megabyte));
  EXPECT_EQ(small.allocations, 2) << "10 MB are not given to who wants 2";
}

TEST(ReusingDevice, KeepsNoMoreThanItMay) {
  SmallDevice small(100 * megabyte);
  ReusingDevice device(small, 12 * megabyte);
  const Memory a = device.allocate(10 * megabyte), b = device.allocate(5 * megabyte);
  device.release(a);
  device.release(b);
  EXPECT_EQ(device.kept_bytes(), 5 * megabyte);
  EXPECT_EQ(small.live.size(), 1U);
}

TEST(ReusingDevice, GivesBackWhatItKeepsBeforeMemoryIsShort) {
  SmallDevice small(16 * megabyte);
  ReusingDevice device(small, 50 * megabyte);
  device.release(device.allocate(10 * megabyte));
  const Memory all = device.allocate(15 * megabyte);
  EXPECT_EQ(device.kept_bytes(), 0U);
  EXPECT_THROW(device.allocate(2 * megabyte), IoError);
  device.release(all);
}

TEST(ReusingDevice, LeavesNothingBehind) {
  SmallDevice small(100 * megabyte);
  {
    ReusingDevice device(small, 50 * megabyte);
    device.release(device.allocate(100));
    EXPECT_TRUE(small.live.empty()) << "small blocks are not kept";
    device.release(device.allocate(7 * megabyte));
    EXPECT_EQ(small.live.size(), 1U);
  }
  EXPECT_TRUE(small.live.empty());
}

}  // namespace
}  // namespace raceline
