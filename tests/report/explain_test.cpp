#include "raceline/report/explain.h"

#include <gtest/gtest.h>

namespace raceline {
namespace {

class WhyNotTest : public ::testing::Test {
 protected:
  WhyNotTest() {
    plan_.expected_us = 100;
    plan_.conversions.resize(1);
    plan_.conversions[0].expected_us = 5;
    chosen_.step.expected_us = 20;
    chosen_.spread_us = 0.5;
  }
  std::string why(double alone_us, double plan_us, double conversions_us) const {
    return why_not(chosen_, {"other", alone_us, 0.2, plan_us, conversions_us}, plan_);
  }
  Plan plan_;
  StepExplanation chosen_;
};

TEST_F(WhyNotTest, what_is_won_alone_and_lost_in_conversions_is_told_apart) {
  EXPECT_EQ(why(17.9, 106.9, 14),
            "2.1 us faster alone, costs 9.0 us in conversions; the plan would be 6.9 us slower");
}

TEST_F(WhyNotTest, what_neighbours_lose_or_gain_is_told_apart_from_conversions) {
  EXPECT_EQ(
      why(22, 103, 2),
      "2.0 us slower alone, saves 3.0 us in conversions, costs 4.0 us at other layers; the plan would be "
      "3.0 us slower");
}

TEST_F(WhyNotTest, a_loss_below_the_spread_is_noise) {
  EXPECT_EQ(why(20.3, 100.3, 5), "0.3 us slower alone; within the noise");
}

TEST_F(WhyNotTest, what_fits_no_plan_says_so) {
  EXPECT_EQ(why(22, impossible, 0), "2.0 us slower alone, fits no plan");
}

}  // namespace
}  // namespace raceline
