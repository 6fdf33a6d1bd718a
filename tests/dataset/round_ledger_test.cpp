// What is promised of the rounds that a collection knows of.
#include "raceline/dataset/round_ledger.h"

#include <gtest/gtest.h>

namespace raceline {
namespace {

PlatformSample sample(double us, const std::string& primitive = "", int repeat = 0) {
  return {.sitting = "s",
          .layer = "a",
          .primitive = primitive,
          .repeat = repeat,
          .steps = {"compute"},
          .samples_us = {us},
          .taken_at = "2026-11-22T16:30:00Z"};
}

PlatformSample failure(const std::string& primitive = "") {
  return {.sitting = "s", .layer = "a", .primitive = primitive, .trouble = "ended", .why = "it ended"};
}

TEST(RoundLedgers, WantSoManyRoundsAndMoreUntilOneConfirmsTheFastest) {
  RoundLedger ledger(3, 6);
  EXPECT_TRUE(ledger.wants("a", "", 0, 0));
  for (const double us : {100.0, 130.0, 140.0}) ledger.enter(sample(us), false);
  EXPECT_FALSE(ledger.wants("a", "", 0, 2)) << "it has had the third round";
  EXPECT_TRUE(ledger.is_unconfirmed("a", 0));
  EXPECT_TRUE(ledger.wants("a", "", 0, 3));
  ledger.enter(sample(150), false);
  EXPECT_TRUE(ledger.wants("a", "", 0, 4));
  ledger.enter(sample(105), false);
  EXPECT_FALSE(ledger.is_unconfirmed("a", 0));
  EXPECT_FALSE(ledger.wants("a", "", 0, 5));
  EXPECT_TRUE(ledger.wants("a", "", 1, 0)) << "a repetition is counted apart";
  EXPECT_GT(ledger.last_round("a", 0), 0);
}

TEST(RoundLedgers, WantNoMoreThanTheMost) {
  RoundLedger ledger(3, 5);
  for (const double us : {100.0, 130.0, 150.0, 180.0, 200.0}) ledger.enter(sample(us), false);
  EXPECT_FALSE(ledger.is_unconfirmed("a", 0));
  EXPECT_FALSE(ledger.wants("a", "", 0, 5));
}

TEST(RoundLedgers, WantMoreRoundsLaterWhereFewerThanTwoWereCalm) {
  RoundLedger ledger(3, 6);
  PlatformSample disturbed = sample(100);
  disturbed.disturbed = true;
  ledger.enter(sample(100), false);
  ledger.enter(disturbed, false);
  EXPECT_FALSE(ledger.lacks_calm("a", 0)) << "the third round is to come";
  ledger.enter(disturbed, false);
  EXPECT_FALSE(ledger.is_unconfirmed("a", 0)) << "they agree";
  EXPECT_FALSE(ledger.wants("a", "", 0, 3)) << "not at once";
  EXPECT_TRUE(ledger.lacks_calm("a", 0));
  EXPECT_TRUE(ledger.wants("a", "", 0, 11));
  ledger.enter(disturbed, false);
  EXPECT_TRUE(ledger.lacks_calm("a", 0));
  ledger.enter(sample(100), false);
  EXPECT_FALSE(ledger.lacks_calm("a", 0)) << "after five rounds, two were calm";
  EXPECT_FALSE(ledger.wants("a", "", 0, 11));
}

TEST(RoundLedgers, WantNoMoreThanTwiceTheMostOnAMachineThatIsNeverCalm) {
  RoundLedger ledger(3, 4);
  PlatformSample disturbed = sample(100);
  disturbed.disturbed = true;
  for (int round = 0; round < 8; ++round) {
    EXPECT_EQ(ledger.lacks_calm("a", 0), round >= 3);
    ledger.enter(disturbed, false);
  }
  EXPECT_FALSE(ledger.lacks_calm("a", 0));
}

TEST(RoundLedgers, OfOneRoundOneIsCalmEnough) {
  RoundLedger ledger(1, 3);
  ledger.enter(sample(100), false);
  EXPECT_FALSE(ledger.lacks_calm("a", 0));
}

TEST(RoundLedgers, AFailureIsFinalUnlessItRetriesOrWasMeasuredToo) {
  RoundLedger ledger(3, 6);
  ledger.enter(failure(), true);
  EXPECT_FALSE(ledger.has_failed("a", "", 0));
  ledger.enter(failure(), false);
  EXPECT_FALSE(ledger.wants("a", "", 0, 0));
  EXPECT_TRUE(ledger.has_rounds("a", 0, 3)) << "nothing more is to be had";
  ledger.enter(sample(100), false);
  EXPECT_TRUE(ledger.wants("a", "", 0, 1));
  ledger.enter(failure(), false);
  EXPECT_TRUE(ledger.wants("a", "", 0, 1)) << "of an earlier sitting";
  ledger.enter_now(failure());
  EXPECT_FALSE(ledger.wants("a", "", 0, 1));
}

TEST(RoundLedgers, WhoHasMeasuredAPrimitiveHasBeenToldOfIt) {
  RoundLedger ledger(3, 6);
  ledger.enter(failure(asking), false);
  EXPECT_TRUE(ledger.has_failed("a", asking, 0));
  ledger.enter(sample(100, "conv.fast"), false);
  EXPECT_FALSE(ledger.has_failed("a", asking, 0));
  EXPECT_FALSE(ledger.has_rounds("a", 0, 1)) << "of what it was asked for again, nothing is known";
  ledger.set_primitives("a", {"conv.fast", "conv.slow"});
  EXPECT_TRUE(ledger.wants("a", "conv.slow", 0, 0));
  EXPECT_FALSE(ledger.has_rounds("a", 0, 1));
  ledger.enter(failure("conv.slow"), false);
  EXPECT_TRUE(ledger.has_rounds("a", 0, 1));
}

}  // namespace
}  // namespace raceline
