#include <gtest/gtest.h>

#include "raceline/predict/accuracy.h"
#include "raceline/predict/hardware.h"
#include "raceline/predict/least_squares.h"
#include "tests/predict/support.h"

namespace raceline {
namespace {

TEST(Accuracies, AreThoseOfTheDefinitions) {
  const std::vector<double> measured{100, 200, 400, 1000}, predicted{110, 190, 400, 800};
  const Accuracy a = accuracy(predicted, measured);
  EXPECT_EQ(a.rows, 4u);
  EXPECT_NEAR(a.mae_us, (10 + 10 + 0 + 200) / 4.0, 1e-9);
  EXPECT_NEAR(a.mape, (10 + 5 + 0 + 20) / 4.0, 1e-9);
  EXPECT_NEAR(a.rmse_us, std::sqrt((100 + 100 + 40000) / 4.0), 1e-9);
  const double mean = 425;
  const double spread = 325 * 325 + 225 * 225 + 25 * 25 + 575 * 575;
  EXPECT_NEAR(a.r2, 1 - 40200 / spread, 1e-9) << mean;
  EXPECT_NEAR(a.within_5, 50, 1e-9);
  EXPECT_NEAR(a.within_10, 75, 1e-9);
  EXPECT_NEAR(a.within_15, 75, 1e-9);
  EXPECT_NEAR(a.bias, 100 * (std::pow(1.1 * 0.95 * 1 * 0.8, 0.25) - 1), 1e-9);
  EXPECT_NEAR(a.rank, 1, 1e-12);
  EXPECT_TRUE(std::isnan(accuracy(std::vector<double>{1}, std::vector<double>{2}).r2));
  const std::vector<double> tied{1, 1, 2}, other{1, 2, 3};
  EXPECT_NEAR(accuracy(tied, other).rank, 1.5 / std::sqrt(1.5 * 2), 1e-9);
}

TEST(Shares, SayBetweenWhatTheyLie) {
  const Share some = share_of(8, 10);  // as statistics packages give Wilson's interval
  EXPECT_NEAR(some.percent, 80, 1e-9);
  EXPECT_NEAR(some.low, 49.02, 0.01);
  EXPECT_NEAR(some.high, 94.33, 0.01);
  EXPECT_NEAR(share_of(10, 10).high, 100, 1e-9);
  EXPECT_LT(share_of(900, 1000).high - share_of(900, 1000).low, 4);
}

TEST(LeastSquares, FindTheMinimumThatIsNotNegative) {
  // y = 3 a + 0 b - 2 c + noise: the third price cannot be negative, and the best of the others is found.
  Random random(5);
  NormalEquations equations(3);
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
  for (int row = 0; row < 200; ++row) {
    rows.push_back({random.uniform(), random.uniform(), random.uniform()});
    targets.push_back(3 * rows.back()[0] - 2 * rows.back()[2] + 0.01 * random.normal());
    equations.add(rows.back(), targets.back());
  }
  const auto squares = [&](const std::vector<double>& c) {
    double sum = 0;
    for (size_t row = 0; row < rows.size(); ++row) {
      double error = targets[row];
      for (size_t column = 0; column < 3; ++column) error -= c[column] * rows[row][column];
      sum += error * error;
    }
    return sum;
  };
  const std::vector<double> found = equations.solve_non_negative();
  for (const double each : found) EXPECT_GE(each, 0);
  EXPECT_EQ(found[2], 0);
  // No step of any size in any allowed direction is better.
  for (int step = 0; step < 1000; ++step) {
    std::vector<double> other = found;
    for (double& each : other) each = std::max(0.0, each + 0.1 * random.normal());
    EXPECT_GE(squares(other), squares(found) - 1e-9);
  }
  const std::vector<double> free = equations.solve(0);
  EXPECT_NEAR(free[0], 3, 0.02);
  EXPECT_NEAR(free[2], -2, 0.02);
}

TEST(LeastSquares, ColumnsThatSayTheSameDoNoHarm) {
  NormalEquations equations(3);
  for (int row = 1; row < 20; ++row) {
    const std::vector<double> x{1, static_cast<double>(row), 2.0 * row};
    equations.add(x, 4 + 6.0 * row);
  }
  for (const std::vector<double>& c : {equations.solve(0), equations.solve_non_negative()}) {
    for (const double row : {3.0, 100.0}) EXPECT_NEAR(c[0] + c[1] * row + c[2] * 2 * row, 4 + 6 * row, 1e-6);
  }
}

TEST(LinearPriors, FindTheRuleThatTimesFollow) {
  const std::vector<LayerFacts> train = some_convs(300, 1), test = some_convs(100, 2);
  std::vector<double> us;
  for (const LayerFacts& layer : train) us.push_back(rule_us(layer));
  const LinearPrior prior = LinearPrior::fit(train, us, some_hardware());
  for (const LayerFacts& layer : test) {
    EXPECT_NEAR(prior.predict(layer, some_hardware()) / rule_us(layer), 1, 1e-3);
  }
  // Prices can be read: 5 us of every call, 100 us a megabyte.
  EXPECT_NEAR(prior.prices_us()[0], 5, 0.1);
  bool found = false;
  for (const std::string& line : prior.describe())
    found = found || line.starts_with("bytes in: 100 us/MB") || line.starts_with("bytes in: 99.9");
  EXPECT_TRUE(found);
}

TEST(Intervals, HoldAsOftenAsTheySay) {
  Random random(11);
  double held = 0;
  constexpr int draws = 200;
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<double> guesses(200, 100), times;
    for (size_t row = 0; row < guesses.size(); ++row) times.push_back(100 * std::exp(0.2 * random.normal()));
    const double factor = Conformal::fit(guesses, times).factor(0.9);
    for (int row = 0; row < 50; ++row) {
      const double time = 100 * std::exp(0.2 * random.normal());
      held += time >= 100 / factor && time <= 100 * factor ? 1 : 0;
    }
  }
  EXPECT_NEAR(held / (draws * 50), 0.9, 0.02);
  const std::vector<double> few{1, 2, 3};
  EXPECT_TRUE(std::isinf(Conformal::fit(few, few).factor(0.9))) << "three rows say nothing of 90 %";
}

TEST(Accelerators, AreKnownByWholeWordsOfTheirNames) {
  for (const auto& [name, sheet] : {std::pair{"GTX1080Ti", "GTX1080Ti"},
                                    {"NVIDIA GeForce GTX 1080 Ti", "GTX1080Ti"},
                                    {"Tesla V100-SXM2-16GB", "V100"},
                                    {"Tesla P100-PCIE-16GB", "P100"},
                                    {"fwd_fp32_gfx900_56cu", "gfx900"},
                                    {"fwd_fp32_gfx906_64cu", "gfx906"}}) {
    const std::optional<Hardware> found = data_sheet_of(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->name, sheet);
  }
  for (const char* name : {"Quadro P1000", "GTX 1080", "cpu", "", "V1000", "NVIDIA H200"})
    EXPECT_FALSE(data_sheet_of(name)) << name;
}

TEST(Facts, OfAConvolutionAreItsProductAndTraffic) {
  const LayerFacts f = facts_of(
      LayerDesc::parse("conv2d 2x64x56x56 128x64x3x3* 128* stride=2x2 pads_begin=1x1 pads_end=1x1 +relu"));
  EXPECT_EQ(f.type, "conv");
  EXPECT_EQ(f.m, 2 * 28 * 28);
  EXPECT_EQ(f.n, 128);
  EXPECT_EQ(f.k, 64 * 9);
  EXPECT_EQ(f.in_bytes, 4.0 * 2 * 64 * 56 * 56);
  EXPECT_EQ(f.out_bytes, 4.0 * 2 * 128 * 28 * 28);
  EXPECT_EQ(f.weight_bytes, 4.0 * (128 * 64 * 9 + 128));
  EXPECT_EQ(f.padding, 1);
  EXPECT_EQ(f.activation, 1);
  EXPECT_EQ(f.bias, 1);
  const std::vector<double> raw = features_of(FeatureSet::raw, f, some_hardware());
  EXPECT_EQ(raw, (std::vector<double>{2, 56, 56, 3, 3, 64, 128, 2, 2, 1, 1, 1}));
}

TEST(Facts, AreNumbersForEveryTypeAndAsManyAsTheirNames) {
  for (const char* key :
       {"conv2d 1x8x9x9 8x1x3x3* - group=8", "max_pool 1x8x9x9 kernel=2x2 stride=2x2",
        "average_pool 1x8x9x9 kernel=9x9", "gemm 4x32 10x32* trans_b=1",
        "softmax 1x10 first_axis=1 end_axis=2", "unary 1x8x9x9 kind=relu", "binary 1x8x9x9 1x8x9x9 kind=add",
        "concat 1x8x9x9 1x4x9x9 axis=1", "matmul 2x8x9 2x9x5", "lrn 1x8x9x9", "reshape 1x8x9x9 dims=1x648",
        "transpose 1x8x9x9 perm=0x2x3x1", "reduce 1x8x9x9 kind=mean axes=2x3"}) {
    SCOPED_TRACE(key);
    LayerDesc layer;
    try {
      layer = LayerDesc::parse(key);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
      continue;
    }
    const LayerFacts facts = facts_of(layer);
    for (const FeatureSet set : {FeatureSet::raw, FeatureSet::counted, FeatureSet::engineered}) {
      const std::vector<double> row = features_of(set, facts, some_hardware());
      EXPECT_EQ(row.size(), feature_names(set, facts.type).size());
      for (const double each : row) EXPECT_TRUE(std::isfinite(each));
    }
    EXPECT_EQ(work_of(facts, some_hardware()).size(), work_names().size());
    for (const double each : work_of(facts, some_hardware())) EXPECT_TRUE(std::isfinite(each) && each >= 0);
    EXPECT_EQ(range_features(facts).size(), range_names().size());
  }
}

}  // namespace
}  // namespace raceline
