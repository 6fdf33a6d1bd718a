#include "raceline/runtime/memory_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "raceline/base/random.h"

namespace raceline {
namespace {

/// Empty when no two buffers overlap while both are alive.
std::string overlap(std::span<const Lifetime> buffers, const MemoryPlan& plan) {
  for (size_t a = 0; a < buffers.size(); ++a) {
    if (plan.offsets[a] % arena_alignment != 0) return "offset not aligned";
    if (plan.offsets[a] + buffers[a].bytes > plan.arena_bytes) return "outside the arena";
    for (size_t b = 0; b < a; ++b) {
      const bool together = buffers[a].first <= buffers[b].last && buffers[b].first <= buffers[a].last;
      const bool apart = plan.offsets[a] + buffers[a].bytes <= plan.offsets[b] ||
                         plan.offsets[b] + buffers[b].bytes <= plan.offsets[a];
      if (together && !apart && buffers[a].bytes > 0 && buffers[b].bytes > 0) {
        return "buffers " + std::to_string(a) + " and " + std::to_string(b);
      }
    }
  }
  return "";
}

TEST(MemoryPlan, RandomBuffersNeverOverlapWhileAlive) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<Lifetime> buffers(static_cast<size_t>(random.below(80)));
    for (Lifetime& buffer : buffers) {
      buffer.bytes = static_cast<size_t>(random.below(8) == 0 ? 0 : random.below(5000));
      buffer.first = static_cast<int32_t>(random.below(60));
      buffer.last = buffer.first + static_cast<int32_t>(random.below(random.below(4) == 0 ? 60 : 5));
    }
    const MemoryPlan plan = plan_memory(buffers);
    EXPECT_EQ(overlap(buffers, plan), "");
    EXPECT_GE(plan.arena_bytes, plan.peak_live_bytes);
  }
}

TEST(MemoryPlan, ManyBuffersTakeTheFastWayAndDoNotOverlap) {
  Random random(7);
  std::vector<Lifetime> buffers(6000);
  for (size_t i = 0; i < buffers.size(); ++i) {
    buffers[i] = {static_cast<size_t>(1 + random.below(4000)), static_cast<int32_t>(i),
                  static_cast<int32_t>(i + 1 + static_cast<size_t>(random.below(4)))};
  }
  EXPECT_EQ(overlap(buffers, plan_memory(buffers)), "");
}

TEST(MemoryPlan, NothingNeedsNoMemory) {
  EXPECT_EQ(plan_memory({}).arena_bytes, 0u);
  const Lifetime empty[] = {{0, 0, 5}, {0, 2, 3}};
  EXPECT_EQ(plan_memory(empty).arena_bytes, 0u);
}

TEST(MemoryPlan, BuffersThatNeverMeetShareOnePlace) {
  const Lifetime buffers[] = {{1000, 0, 1}, {900, 2, 3}, {1000, 4, 4}};
  const MemoryPlan plan = plan_memory(buffers);
  EXPECT_EQ(plan.arena_bytes, 1024u);
  EXPECT_EQ(plan.peak_live_bytes, 1024u);
}

/// Activations of networks as they stand in the zoo: bytes of each op's output and the op that reads it last.
struct NetworkShape {
  std::string name;
  std::vector<Lifetime> buffers;
};

size_t bytes_of(int64_t channels, int64_t side) {
  return static_cast<size_t>(channels * side * side * 4);
}

/// A chain of convolutions with a shortcut around every two or three, im2col workspace included.
NetworkShape residual_network(bool bottleneck) {
  NetworkShape network{bottleneck ? "resnet50" : "resnet18", {}};
  int32_t op = 0;
  network.buffers.push_back({bytes_of(64, 112), op, op + 1});
  ++op;
  const int64_t factor = bottleneck ? 4 : 1;
  const int blocks[] = {3, 4, 6, 3};
  network.buffers.push_back({bytes_of(64, 56), op, op + 3});
  ++op;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t channels = 64 << stage, side = 56 >> stage;
    for (int block = 0; block < blocks[stage]; ++block) {
      const int inner = bottleneck ? 2 : 1;
      for (int i = 0; i < inner; ++i, ++op) {
        network.buffers.push_back({bytes_of(channels, side), op, op + 1});
        network.buffers.push_back({bytes_of(channels * 9, side), op, op});  // workspace
      }
      // The block's result is read by the next block's first op and by its add.
      network.buffers.push_back({bytes_of(channels * factor, side), op, op + inner + 1});
      ++op;
    }
  }
  return network;
}

NetworkShape dense_network() {
  NetworkShape network{"densenet", {}};
  int32_t op = 0;
  const int layers[] = {6, 12, 24, 16};
  int64_t channels = 64;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t side = 56 >> stage;
    for (int layer = 0; layer < layers[stage]; ++layer) {
      network.buffers.push_back({bytes_of(channels, side), op, op + 1});  // norm
      network.buffers.push_back({bytes_of(128, side), op + 1, op + 2});   // 1x1
      network.buffers.push_back({bytes_of(32, side), op + 2, op + 3});    // 3x3
      channels += 32;
      network.buffers.push_back(
          {bytes_of(channels, side), op + 3, op + 7});  // concat, read by norm and concat
      op += 4;
    }
    channels /= 2;
  }
  return network;
}

NetworkShape inception_network() {
  NetworkShape network{"inception", {}};
  int32_t op = 0;
  int32_t input = -1;
  for (int module = 0; module < 9; ++module) {
    const int64_t side = module < 2 ? 28 : module < 7 ? 14 : 7;
    const int64_t widths[] = {64 + 32 * module, 96,  128 + 32 * module, 16,
                              32 + 8 * module,  192, 32 + 8 * module};
    const int32_t last = op + 7;
    if (input >= 0) network.buffers[static_cast<size_t>(input)].last = op + 5;
    const int32_t reads[] = {last, op + 2, last, op + 4, last, op + 6, last};
    for (int i = 0; i < 7; ++i) network.buffers.push_back({bytes_of(widths[i], side), op + i, reads[i]});
    input = static_cast<int32_t>(network.buffers.size());
    network.buffers.push_back(
        {bytes_of(widths[0] + widths[2] + widths[4] + widths[6], side), last, last + 1});
    op += 8;
  }
  return network;
}

NetworkShape mobile_network() {
  NetworkShape network{"mobilenet", {}};
  const int64_t widths[] = {32, 16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320};
  const int64_t sides[] = {112, 112, 56, 56, 28, 28, 28, 14, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7};
  int32_t op = 0;
  for (int i = 0; i + 1 < 18; ++i) {
    const bool shortcut = widths[i] == widths[i + 1];
    network.buffers.push_back({bytes_of(widths[i], sides[i]), op, op + (shortcut ? 3 : 1)});
    network.buffers.push_back({bytes_of(widths[i] * 6, sides[i]), op + 1, op + 2});
    network.buffers.push_back({bytes_of(widths[i] * 6, sides[i + 1]), op + 2, op + 3});
    op += 3;
  }
  return network;
}

TEST(MemoryPlan, ArenasOfNetworksAreWithinATenthOfWhatIsAliveAtOnce) {
  for (const NetworkShape& network : {residual_network(false), residual_network(true), dense_network(),
                                      inception_network(), mobile_network()}) {
    const MemoryPlan plan = plan_memory(network.buffers);
    EXPECT_EQ(overlap(network.buffers, plan), "") << network.name;
    EXPECT_LE(static_cast<double>(plan.arena_bytes), 1.1 * static_cast<double>(plan.peak_live_bytes))
        << network.name << ": arena " << plan.arena_bytes << ", alive at once " << plan.peak_live_bytes;
  }
}

}  // namespace
}  // namespace raceline
