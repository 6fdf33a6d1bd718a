// Rows to put into a store, and a folder to keep it in.
#pragma once
#include <cmath>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "raceline/profile/store.h"

namespace raceline::test {

/// A folder of its own for each test.
class StoreFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "raceline-store-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
  }
  void TearDown() override {
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path path() const { return folder_ / "costs.db"; }

  std::filesystem::path folder_;
};

inline CostRow row(int index, int samples = 12) {
  CostRow made;
  made.key = {"conv2d layer " + std::to_string(index),
              "conv2d.onednn.jit.nhwc@cpu",
              "r1",
              "machine",
              1,
              false,
              "session"};
  for (int i = 0; i < samples; ++i) made.samples_us.push_back(index + 0.1 * i);
  made.error = 1e-7;
  made.taken_at = "2026-11-22T16:30:00Z";
  return made;
}

inline void expect_same(const CostRow& a, const CostRow& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.samples_us, b.samples_us);
  EXPECT_TRUE(a.error == b.error || (std::isnan(a.error) && std::isnan(b.error)));
  EXPECT_EQ(a.why, b.why);
  EXPECT_EQ(a.taken_at, b.taken_at);
}

}  // namespace raceline::test
