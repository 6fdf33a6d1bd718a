// The measuring function on a clock of its own.
#include "raceline/profile/measure.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/device/cpu_device.h"
#include "raceline/profile/paired_ratio.h"
#include "raceline/profile/store.h"
#include "raceline/profile/timing_lock.h"

namespace raceline {
namespace {

/// Time that passes only when somebody says so.
struct FalseTime {
  double now_us = 0;
  Clock clock() {
    return [this] { return now_us; };
  }
  Contender takes(std::string name, double us) {
    return {std::move(name),
            [this, us](Queue&) {
              now_us += us;
              return Status::ok();
            },
            {}};
  }
};

class MeasureTest : public testing::Test {
 protected:
  MeasureResult run(std::vector<Contender> contenders) {
    options.clock = time.clock();
    Sentinel sentinel(time.clock(), 1, [this](int) { time.now_us += sentinel_us(); });
    return measure(contenders, *queue, sentinel, options);
  }

  FalseTime time;
  MeasureOptions options;
  std::function<double()> sentinel_us = [] { return 20.0; };
  CpuDevice device{Machine{}};
  std::unique_ptr<Queue> queue = device.make_queue(1);
};

TEST_F(MeasureTest, EveryContenderGivesOneSampleARoundAndAllAreKept) {
  const MeasureResult result = run({time.takes("a", 100), time.takes("b", 300)});
  EXPECT_EQ(result.rounds, options.rounds);
  EXPECT_EQ(result.disturbed, 0);
  for (const Measurement& one : result.contenders) {
    EXPECT_EQ(one.samples_us.size(), static_cast<size_t>(options.rounds));
    EXPECT_EQ(one.batch, 1);
  }
  EXPECT_DOUBLE_EQ(result.contenders[0].best_us(), 100);
  EXPECT_DOUBLE_EQ(result.contenders[1].best_us(), 300);
}

TEST_F(MeasureTest, ShortCallsAreRepeatedAndASampleIsOfOneCall) {
  const MeasureResult result = run({time.takes("short", 0.25), time.takes("long", 10)});
  EXPECT_EQ(result.contenders[0].batch, 40);
  EXPECT_NEAR(result.contenders[0].best_us(), 0.25, 1e-9);
  EXPECT_EQ(result.contenders[1].batch, 1);
}

TEST_F(MeasureTest, AClockThatStandsStillIsReportedAndNotDividedBy) {
  const MeasureResult result = run({time.takes("nothing", 0), time.takes("something", 50)});
  EXPECT_NE(result.contenders[0].why.find("clock did not move"), std::string::npos)
      << result.contenders[0].why;
  EXPECT_TRUE(result.contenders[0].samples_us.empty());
  EXPECT_EQ(result.contenders[1].samples_us.size(), static_cast<size_t>(options.rounds));
}

TEST_F(MeasureTest, OutliersDoNotMoveTheDecidingStatistic) {
  int calls = 0;
  Contender disturbed{"disturbed",
                      [&](Queue&) {
                        time.now_us += ++calls % 3 == 0 ? 5000 : 100;
                        return Status::ok();
                      },
                      {}};
  const MeasureResult result = run({disturbed});
  const auto& samples = result.contenders[0].samples_us;
  EXPECT_EQ(std::count(samples.begin(), samples.end(), 5000), 4);
  EXPECT_DOUBLE_EQ(percentile(samples, 0.1), 100);
}

TEST_F(MeasureTest, RoundsInWhichTheMachineIsSlowAreMadeUpFor) {
  int timed = 0;
  sentinel_us = [&timed] {
    const int round = timed++ / 3;  // three runs a round
    return round == 2 || round == 5 ? 30.0 : 20.0;
  };
  const MeasureResult result = run({time.takes("a", 100)});
  EXPECT_EQ(result.disturbed, 2);
  EXPECT_EQ(result.rounds, options.rounds + 2);
  EXPECT_EQ(result.contenders[0].samples_us.size(), static_cast<size_t>(options.rounds + 2));
}

TEST_F(MeasureTest, AMachineThatStaysSlowEndsTheRepeatsAndBecomesTheRule) {
  int timed = 0;
  const auto work = [&](int) { time.now_us += timed++ < 3 ? 20 : 40; };
  Sentinel sentinel(time.clock(), 1, work);
  sentinel.time_us();
  options.clock = time.clock();
  const std::vector<Contender> contenders{time.takes("a", 100)};
  const MeasureResult first = measure(contenders, *queue, sentinel, options);
  EXPECT_EQ(first.disturbed, options.max_repeats + 1);
  EXPECT_EQ(first.contenders[0].samples_us.size(), static_cast<size_t>(first.rounds));
  const MeasureResult second = measure(contenders, *queue, sentinel, options);
  EXPECT_EQ(second.disturbed, 0);
  EXPECT_EQ(second.rounds, options.rounds);
}

TEST_F(MeasureTest, ACrowdedMachineIsWaitedForBeforeARoundAndTheRoundIsNotDisturbed) {
  const double until_us = 1e6;
  const auto work = [&](int threads) { time.now_us += threads > 1 && time.now_us < until_us ? 40 : 20; };
  Sentinel sentinel(time.clock(), 2, work, [&] {
    time.now_us += 50'000;
    return true;
  });
  options.clock = time.clock();
  const std::vector<Contender> contenders{time.takes("a", 100)};
  const MeasureResult result = measure(contenders, *queue, sentinel, options);
  EXPECT_GT(time.now_us, until_us);
  EXPECT_EQ(result.disturbed, 0);
  EXPECT_EQ(result.rounds, options.rounds);
}

TEST_F(MeasureTest, AMachineThatStaysCrowdedIsTakenAsItIsInTheEnd) {
  int pauses = 0;
  const auto work = [&](int threads) { time.now_us += threads > 1 ? 40 : 20; };
  Sentinel sentinel(time.clock(), 2, work, [&] { return pauses < 50 && ++pauses > 0; });
  options.clock = time.clock();
  const std::vector<Contender> contenders{time.takes("a", 100)};
  const MeasureResult first = measure(contenders, *queue, sentinel, options);
  EXPECT_EQ(pauses, 50);
  EXPECT_GT(first.disturbed, 0);
  const MeasureResult second = measure(contenders, *queue, sentinel, options);
  EXPECT_EQ(pauses, 50);
  EXPECT_EQ(second.disturbed, 0);
}

TEST_F(MeasureTest, WhoExceedsTheLimitIsTimedNoFurther) {
  options.limit_us = [](size_t i, std::span<const double> best) { return i == 0 ? best[1] : best[0]; };
  const MeasureResult result =
      run({time.takes("fast", 100), time.takes("slow", 126), time.takes("near", 124)});
  EXPECT_FALSE(result.contenders[0].dropped);
  EXPECT_TRUE(result.contenders[1].dropped);
  EXPECT_EQ(result.contenders[1].samples_us.size(), static_cast<size_t>(options.drop_after));
  EXPECT_FALSE(result.contenders[2].dropped);
  EXPECT_EQ(result.contenders[2].samples_us.size(), static_cast<size_t>(options.rounds));
}

TEST_F(MeasureTest, WhoIsFarBehindAndSlowIsTimedOnceMoreAtMost) {
  options.limit_us = [](size_t i, std::span<const double> best) { return i == 0 ? best[1] : best[0]; };
  std::vector<Contender> contenders{time.takes("fast", 4000), time.takes("known", 9000),
                                    time.takes("unknown", 9000), time.takes("near", 7000)};
  for (Contender& contender : contenders) contender.known_us = 9000;
  contenders[2].known_us = 0;
  const MeasureResult result = run(std::move(contenders));
  EXPECT_EQ(result.contenders[0].samples_us.size(), static_cast<size_t>(options.rounds));
  EXPECT_EQ(result.contenders[1].samples_us.size(), 1u);
  EXPECT_EQ(result.contenders[2].samples_us.size(), static_cast<size_t>(options.drop_after));
  EXPECT_EQ(result.contenders[3].samples_us.size(), static_cast<size_t>(options.drop_after));
}

TEST_F(MeasureTest, SlowContendersGetTheLeastNumberOfRounds) {
  const MeasureResult result = run({time.takes("a", options.enough_us)});
  EXPECT_EQ(result.rounds, options.min_rounds);
  EXPECT_FALSE(result.stopped);
}

TEST_F(MeasureTest, AFailingCallEndsItsContenderOnly) {
  int calls = 0;
  Contender failing{"failing",
                    [&](Queue&) {
                      time.now_us += 100;
                      return ++calls < 5 ? Status::ok() : Status::failed("no more");
                    },
                    {}};
  const MeasureResult result = run({failing, time.takes("b", 100)});
  EXPECT_EQ(result.contenders[0].why, "no more");
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(result.contenders[1].samples_us.size(), static_cast<size_t>(options.rounds));
}

TEST_F(MeasureTest, StopKeepsTheSamplesTaken) {
  int asked = 0;
  options.stop = [&] { return ++asked > 6; };  // two warm-ups, four rounds
  const MeasureResult result = run({time.takes("a", 100), time.takes("b", 100)});
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.contenders[0].samples_us.size(), 4u);
}

TEST_F(MeasureTest, HooksRunOutsideTheClock) {
  int rounds = 0, samples = 0;
  options.before_round = [&] {
    ++rounds;
    time.now_us += 1e4;
  };
  Contender one = time.takes("a", 100);
  one.known_us = 1e5;  // no warm-up
  one.before_sample = [&](Queue&) {
    ++samples;
    time.now_us += 1e4;
  };
  const MeasureResult result = run({one});
  EXPECT_EQ(rounds, options.rounds);
  EXPECT_EQ(samples, options.rounds);
  EXPECT_DOUBLE_EQ(percentile(result.contenders[0].samples_us, 1), 100);
}

TEST_F(MeasureTest, OrderChangesFromRoundToRound) {
  std::string order;
  std::vector<Contender> contenders;
  for (const char name : {'a', 'b', 'c'}) {
    Contender one{std::string(1, name),
                  [&, name](Queue&) {
                    order += name;
                    time.now_us += 100;
                    return Status::ok();
                  },
                  {}};
    one.known_us = 1e5;
    contenders.push_back(one);
  }
  run(contenders);
  ASSERT_EQ(order.size(), 3u * static_cast<size_t>(options.rounds));
  int changes = 0;
  for (size_t round = 1; round < order.size() / 3; ++round) {
    std::string three = order.substr(round * 3, 3);
    if (three != order.substr(round * 3 - 3, 3)) ++changes;
    std::sort(three.begin(), three.end());
    EXPECT_EQ(three, "abc");
  }
  EXPECT_GT(changes, 3);
}

TEST(PairedRatio, CancelsWhatBothSidesShare) {
  Random random(7);
  std::vector<double> a, b;
  for (int i = 0; i < 60; ++i) {
    const double machine = random.uniform(1, 5);  // far more than the 10 % that are looked for
    a.push_back(machine * 1.1 * random.uniform(0.99, 1.01));
    b.push_back(machine * random.uniform(0.99, 1.01));
  }
  const PairedRatio ratio = paired_ratio(a, b, 1);
  EXPECT_NEAR(ratio.median, 1.1, 0.01);
  EXPECT_GT(ratio.low, 1.08);
  EXPECT_LT(ratio.high, 1.12);
  EXPECT_LE(ratio.low, ratio.median);
  EXPECT_GE(ratio.high, ratio.median);
  const PairedRatio again = paired_ratio(a, b, 1);
  EXPECT_EQ(ratio.low, again.low);
  EXPECT_EQ(ratio.high, again.high);
}

TEST(PairedRatio, IntervalHoldsTheTruthAboutAsOftenAsItSays) {
  Random random(3);
  int held = 0;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> a, b;
    for (int i = 0; i < 25; ++i) {
      a.push_back(std::exp(0.1 * random.normal()));
      b.push_back(1);
    }
    const PairedRatio ratio = paired_ratio(a, b, static_cast<uint64_t>(trial), 500);
    if (ratio.low <= 1 && 1 <= ratio.high) ++held;
  }
  EXPECT_GE(held, 176);  // 190 expected; 176 is four standard deviations below
}

TEST(PairedRatio, WhatDiffersFromTakeToTakeWidensTheInterval) {
  Random random(5);
  int held = 0, held_by_rounds = 0;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<std::vector<double>> samples;
    std::vector<double> all;
    for (int take = 0; take < 5; ++take) {
      const double setup = 0.03 * random.normal();
      std::vector<double>& own = samples.emplace_back();
      for (int round = 0; round < 6; ++round) own.push_back(std::exp(setup + 0.003 * random.normal()));
      all.insert(all.end(), own.begin(), own.end());
    }
    const std::vector<double> ones(all.size(), 1);
    std::vector<PairedSamples> takes;
    for (const std::vector<double>& own : samples) takes.push_back({own, std::span(ones).first(own.size())});
    const auto holds = [](const PairedRatio& ratio) { return ratio.low <= 1 && 1 <= ratio.high; };
    held += holds(paired_ratio(takes, static_cast<uint64_t>(trial), 300));
    held_by_rounds += holds(paired_ratio(all, ones, static_cast<uint64_t>(trial), 300));
  }
  EXPECT_GE(held, 170) << "of 200";
  EXPECT_LT(held_by_rounds, held - 20);
}

TEST(PairedRatio, RefusesSamplesThatDoNotPair) {
  const std::vector<double> two{1, 2}, one{1};
  EXPECT_THROW(paired_ratio(two, one, 1), Error);
  EXPECT_THROW(paired_ratio(one, std::span<const double>(), 1), Error);
  EXPECT_THROW(paired_ratio(std::span<const double>(), std::span<const double>(), 1), Error);
  EXPECT_THROW(paired_ratio(std::span<const PairedSamples>(), 1), Error);
}

TEST(TimingLock, IsHeldByOneAtATime) {
  const std::filesystem::path path = testing::TempDir() + "raceline_lock_test";
  int waits = 0;
  const auto give_up = [&] {
    ++waits;
    return false;
  };
  {
    const auto first = TimingLock::acquire(path, give_up);
    ASSERT_TRUE(first.has_value());
    EXPECT_FALSE(TimingLock::acquire(path, give_up).has_value());
    EXPECT_EQ(waits, 1);
  }
  EXPECT_TRUE(TimingLock::acquire(path, give_up).has_value());
  EXPECT_THROW(TimingLock::acquire(path / "not_there", give_up), IoError);
  std::filesystem::remove(path);
}

TEST(TimingTurn, IsTakenOnceAndKept) {
  const std::filesystem::path path = testing::TempDir() + "raceline_turn_test";
  const auto give_up = [] { return false; };
  {
    TimingTurn turn(path), other(path);
    ASSERT_TRUE(TimingLock::acquire(path, give_up).has_value()) << "nothing is held before it is asked for";
    EXPECT_TRUE(turn.take(give_up));
    EXPECT_TRUE(turn.take(give_up)) << "it does not wait for itself";
    EXPECT_FALSE(other.take(give_up));
  }
  EXPECT_TRUE(TimingLock::acquire(path, give_up).has_value());
  EXPECT_TRUE(TimingTurn("").take(give_up)) << "without a path there is nothing to wait for";
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace raceline
