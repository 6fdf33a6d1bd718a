#include "raceline/dataset/phases.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

/// initialise 1, issue_copy 2, copy_in 4, convert 8, issue 16, reshape_in 32, compute 64, reshape_out 128,
/// copy_out 256, hand_over 512: each sum tells its terms.
constexpr RawTimes powers{1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

TEST(Phases, AreThoseOfPerfNetRtsSixSteps) {
  EXPECT_EQ(phases_of(powers, PhaseModel::perfnetrt), (Phases{1 + 2 + 16 + 4 + 8, 32 + 64 + 128, 256 + 512}));
}

TEST(Phases, AreThoseOfResPerfNetsEquations4To6) {
  const Phases phases = phases_of(powers, PhaseModel::resperfnet);
  EXPECT_EQ(phases, (Phases{2 + 4 + 16 + 32, 64, 128 + 256 + 512}));
  // Equation 5: the kernels less both reshapings.
  EXPECT_EQ(phases.exe_us, (32 + 64 + 128) - 32 - 128);
}

TEST(Phases, BothDefinitionsAddUpToTheSameButForWhatOnlyOneOfThemHas) {
  const double all = phases_of(powers, PhaseModel::perfnetrt).total_us();
  EXPECT_EQ(all, 1023);
  EXPECT_EQ(phases_of(powers, PhaseModel::resperfnet).total_us(), all - 1 - 8);
}

TEST(Phases, OfARowAreTheTenthPercentileOverRoundsOfTheirMedians) {
  const auto run = [](double us) {
    RawTimes times{};
    times[static_cast<size_t>(RawStep::compute)] = us;
    return times;
  };
  const std::vector<std::vector<RawTimes>> rounds{{run(10), run(11), run(90)}, {run(21)}, {run(31), run(31)}};
  const PhaseLabel label = phase_label(rounds, PhaseModel::resperfnet);
  EXPECT_DOUBLE_EQ(label.p10.exe_us, 11 + 0.2 * 10);
  EXPECT_DOUBLE_EQ(label.median.exe_us, 21);
  EXPECT_DOUBLE_EQ(round_total_us(rounds[0]), 11);
}

TEST(Phases, ARowIsAnOutlierWhenNoOtherRoundConfirmsTheFastest) {
  EXPECT_TRUE(is_outlier({11, 21, 31}));
  EXPECT_FALSE(is_outlier({100, 109}));
  EXPECT_TRUE(is_outlier({100, 111}));
  // Two rounds that agree are enough: the third was disturbed.
  EXPECT_FALSE(is_outlier({300, 100, 109}));
  EXPECT_TRUE(is_outlier({111, 300, 100, 112}));
  EXPECT_FALSE(is_outlier({100}));
  // Below a microsecond clocks disagree, not the layer.
  EXPECT_FALSE(is_outlier({1, 1.9}));
}

TEST(Phases, NamesOfRawStepsReadBack) {
  for (size_t step = 0; step < raw_steps; ++step) {
    EXPECT_EQ(parse_raw_step(to_string(static_cast<RawStep>(step))), static_cast<RawStep>(step));
  }
  EXPECT_THROW(parse_raw_step("warp"), ParseError);
}

}  // namespace
}  // namespace raceline
