#include "raceline/profile/sample_store.h"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "execute_sql.h"
#include "raceline/base/error.h"
#include "raceline/profile/store.h"

namespace raceline {
namespace {

class SampleStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "raceline-samples-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Sitting facts() {
    return {.platform = "toy",
            .accelerator = "cpu",
            .mode = "optimised",
            .threads = 2,
            .device = "d",
            .versions = "toy 1",
            .machine = "a machine",
            .what = "a test"};
  }
  static PlatformSample sample(const Sitting& sitting, int round) {
    return {.sitting = sitting.id,
            .layer = "unary 8 kind=relu",
            .primitive = "p",
            .round = round,
            .origin = "train/g",
            .steps = {"copy_in", "compute"},
            .samples_us = {1, 2, 3, 4},
            .kernels = "k",
            .disturbed = true,
            .sentinel = "work",
            .sentinel_threads = 2,
            .sentinel_us = 5,
            .taken_at = "2026-11-22T16:30:00Z"};
  }

  /// A store of one sample in a file; its sitting.
  static Sitting write_one(const std::filesystem::path& file) {
    SampleStore store = SampleStore::open(file);
    Sitting sitting = store.begin(facts());
    store.append(sample(sitting, 0));
    return sitting;
  }

  std::filesystem::path folder_;
};

TEST_F(SampleStoreTest, KeepsWhatItIsGivenBesideTheCosts) {
  const std::filesystem::path file = folder_ / "store.db";
  const Sitting sitting = write_one(file);
  EXPECT_THROW(SampleStore::open(file).append(sample(sitting, 0)), IoError) << "nothing is written over";
  EXPECT_TRUE(CostStore::open(file).rows().empty());
  const SampleStore again = SampleStore::open(file, SampleStore::Mode::read);
  ASSERT_EQ(again.sittings().size(), 1u);
  EXPECT_EQ(again.sittings()[0], sitting);
  EXPECT_EQ(again.samples(), std::vector{sample(sitting, 0)});
}

TEST_F(SampleStoreTest, SittingsOfOnePlatformAreToldFromOthers) {
  Sitting other = facts();
  other.what = "another time";
  EXPECT_TRUE(facts().same_platform(other));
  other.versions = "toy 2";
  EXPECT_FALSE(facts().same_platform(other));
}

TEST_F(SampleStoreTest, SamplesWithoutStepsAndStepsWithoutSamplesAreDamage) {
  for (const bool has_steps : {false, true}) {
    SampleStore store = SampleStore::temporary();
    PlatformSample broken = sample(store.begin(facts()), 0);
    if (has_steps) {
      broken.samples_us.clear();
    } else {
      broken.steps.clear();
    }
    store.append(broken);
    EXPECT_THROW(store.samples(), IoError);
  }
}

TEST_F(SampleStoreTest, AStoreOfVersion2GrowsItsTables) {
  const std::filesystem::path file = folder_ / "store.db";
  CostStore::open(file);
  execute_sql(file,
              "DROP TABLE sitting; DROP TABLE sample; DROP TABLE sentinel; "
              "PRAGMA user_version = 2");
  EXPECT_TRUE(SampleStore::open(file, SampleStore::Mode::read).samples().empty());
  SampleStore store = SampleStore::open(file);
  store.append(sample(store.begin(facts()), 0));
  EXPECT_EQ(store.samples().size(), 1u);
}

TEST_F(SampleStoreTest, SamplesOfVersion3HaveNoSentinelUntilTheyGetOne) {
  const std::filesystem::path file = folder_ / "store.db";
  const Sitting sitting = write_one(file);
  execute_sql(file, "DROP TABLE sentinel; PRAGMA user_version = 3");
  PlatformSample bare = sample(sitting, 0);
  bare.sentinel.clear();
  bare.sentinel_threads = 0;
  bare.sentinel_us = 0;
  const SampleStore old = SampleStore::open(file, SampleStore::Mode::read);
  EXPECT_EQ(old.samples(), std::vector{bare});
  EXPECT_TRUE(old.sentinel_times("d", "work", 2).empty());
  SampleStore store = SampleStore::open(file);
  store.append(sample(sitting, 1));
  EXPECT_EQ(store.samples(), (std::vector{bare, sample(sitting, 1)}));
}

TEST_F(SampleStoreTest, TheSentinelsTimesAreThoseOfTheMachineAndItsThreads) {
  SampleStore store = SampleStore::temporary();
  const auto add = [&](const std::string& device, const std::string& work, int threads, double us) {
    Sitting sitting = facts();
    sitting.platform = fmt::format("toy{}", us);
    sitting.device = device;
    PlatformSample one = sample(store.begin(sitting), 0);
    one.sentinel = work;
    one.sentinel_threads = threads;
    one.sentinel_us = us;
    store.append(one);
  };
  add("d", "work", 2, 6);
  add("d", "work", 2, 5);
  add("d", "work", 1, 7);
  add("d", "other", 2, 8);
  add("e", "work", 2, 9);
  EXPECT_EQ(store.sentinel_times("d", "work", 2), (std::vector<double>{5, 6})) << "of all platforms";
  SampleStore merged = SampleStore::temporary();
  EXPECT_EQ(merged.merge(store), 5);
  EXPECT_EQ(merged.sentinel_times("e", "work", 2), std::vector<double>{9});
}

}  // namespace
}  // namespace raceline
