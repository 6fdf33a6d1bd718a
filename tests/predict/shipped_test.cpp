#include "raceline/predict/shipped.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

class Shipped : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    for (const char* name : {"zen-cpu.predictor.gz", "arm-cpu.predictor.gz", "notes.txt"})
      std::ofstream(folder_ / name) << "content";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("shipped" + std::to_string(::getpid()));
};

TEST_F(Shipped, PredictorsAreTheFilesOfTheFolderThatEndSo) {
  EXPECT_EQ(shipped_predictors(folder_), (std::vector<std::string>{"arm-cpu", "zen-cpu"}));
  EXPECT_TRUE(shipped_predictors(folder_ / "none").empty());
}

TEST_F(Shipped, NamesComeBeforePaths) {
  EXPECT_EQ(find_predictor("zen-cpu", folder_), folder_ / "zen-cpu.predictor.gz");
  const std::filesystem::path other = folder_ / "notes.txt";
  EXPECT_EQ(find_predictor(other.string(), folder_), other);
  EXPECT_EQ(find_predictor(other.string(), folder_ / "none"), other);
}

TEST_F(Shipped, WhatIsNeitherIsRefusedWithTheNamesThereAre) {
  for (const std::string& wrong : {std::string("intel-cpu"), std::string(), std::string(10'000, 'x')}) {
    try {
      find_predictor(wrong, folder_);
      FAIL() << wrong;
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find("arm-cpu, zen-cpu"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace raceline
