// What packing takes, on steps made up.
#include "raceline/runtime/packing.h"

#include <gtest/gtest.h>

namespace raceline {
namespace {

class PackingTest : public ::testing::Test {
 protected:
  ValueId constant(int64_t elements) {
    return graph_.add_constant(graph_.free_name("c"), Tensor({DataType::f32, {elements}}));
  }
  Graph graph_;
};

TEST_F(PackingTest, LargestComesFirstAndEqualsKeepTheirOrder) {
  EXPECT_EQ(packing_order(std::vector<size_t>{5, 0, 9, 5}), (std::vector<size_t>{2, 0, 3, 1}));
}

TEST_F(PackingTest, OneLargeConstantIsThereTwice) {
  const ValueId small = constant(10), large = constant(1000);
  const std::vector<Packing> steps{{.packed = {small}, .read = {}, .packed_bytes = 50},
                                   {.packed = {large}, .read = {}, .packed_bytes = 4100}};
  EXPECT_EQ(packing_peak(graph_, steps), 4000u + 4100u);
  EXPECT_EQ(packing_peak(graph_, std::span(steps).first(1)), 40u + 50u);
}

TEST_F(PackingTest, OfManyConstantsTheLastIsOnTopOfAllThatWasPacked) {
  std::vector<Packing> steps(10);
  for (Packing& step : steps) step = {.packed = {constant(100)}, .read = {}, .packed_bytes = 900};
  EXPECT_EQ(packing_peak(graph_, steps), 10 * 900u + 400u);
}

TEST_F(PackingTest, WhatIsReadAsItIsTakesNothingMeanwhile) {
  const std::vector<Packing> steps{{.packed = {}, .read = {constant(1000)}, .packed_bytes = 0}};
  EXPECT_EQ(packing_peak(graph_, steps), 0u);
}

TEST_F(PackingTest, ASharedConstantStaysUntilAllHavePackedIt) {
  const ValueId shared = constant(100);
  const Packing step{.packed = {shared}, .read = {}, .packed_bytes = 500};
  EXPECT_EQ(packing_peak(graph_, std::vector{step, step}), 400u + 2 * 500u);
  const Packing reader{.packed = {}, .read = {shared}, .packed_bytes = 0};
  const Packing other{.packed = {constant(10)}, .read = {}, .packed_bytes = 60};
  EXPECT_EQ(packing_peak(graph_, std::vector{step, other}), 400u + 500u);
  EXPECT_EQ(packing_peak(graph_, std::vector{step, reader, other}), 400u + 500u + 40u + 60u);
}

}  // namespace
}  // namespace raceline
