// What is promised of telling calm rounds from others.
#include "raceline/dataset/calm.h"

#include <gtest/gtest.h>

namespace raceline {
namespace {

TEST(Calms, AreUpToTheDriftAboveTheFirstQuartile) {
  Calm calm(0.03);
  EXPECT_TRUE(calm.is_calm(1e9)) << "nothing is known yet";
  for (const double us : {130.0, 100.0, 90.0, 0.0, 140.0}) calm.learn(us);
  EXPECT_EQ(calm.reference_us(), 100) << "0 says nothing";
  EXPECT_TRUE(calm.is_calm(103));
  EXPECT_FALSE(calm.is_calm(103.1));
}

TEST(Calms, AMachineThatIsCrowdedForLongIsStillKnownToBe) {
  Calm calm(0.03);
  for (int i = 0; i < 400; ++i) calm.learn(100);
  for (int i = 0; i < 1000; ++i) calm.learn(150);
  EXPECT_FALSE(calm.is_calm(150));
  EXPECT_TRUE(calm.is_calm(101));
}

}  // namespace
}  // namespace raceline
