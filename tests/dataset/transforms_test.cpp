#include "raceline/dataset/transforms.h"

#include <cmath>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"

namespace raceline {
namespace {

TEST(Transforms, BoxCoxFindsTheLambdaThatMakesAColumnNormal) {
  Random random(7);
  Features rows;
  for (int row = 0; row < 4000; ++row) {
    const double normal = random.normal();
    // exp of a normal column wants lambda 0, its square root's inverse 1/2, and the column itself 1.
    rows.push_back({std::exp(normal), std::pow(8 + normal, 2), 8 + normal});
  }
  const BoxCox fitted = BoxCox::fit(rows, std::vector<size_t>{0, 1, 2});
  EXPECT_NEAR(fitted.lambda[0], 0, 0.05);
  EXPECT_NEAR(fitted.lambda[1], 0.5, 0.15);
  EXPECT_NEAR(fitted.lambda[2], 1, 0.3);
  // No other lambda is likelier: the profile likelihood, written out.
  const auto likelihood = [&](double lambda) {
    double sum = 0, squares = 0, logs = 0;
    for (const auto& row : rows) {
      const double y = (std::pow(row[1], lambda) - 1) / lambda;
      sum += y;
      squares += y * y;
      logs += std::log(row[1]);
    }
    const double n = static_cast<double>(rows.size());
    return -n / 2 * std::log(squares / n - sum / n * sum / n) + (lambda - 1) * logs;
  };
  EXPECT_GT(likelihood(fitted.lambda[1]), likelihood(fitted.lambda[1] + 0.05));
  EXPECT_GT(likelihood(fitted.lambda[1]), likelihood(fitted.lambda[1] - 0.05));
}

TEST(Transforms, AreEquations8To10) {
  Features rows{{4.0, 1.0}, {9.0, 3.0}};
  BoxCox{{0}, {0.5}}.apply(rows);
  EXPECT_NEAR(rows[0][0], 2.0, 1e-12);
  EXPECT_NEAR(rows[1][0], 4.0, 1e-12);
  Features logs{{std::exp(1.0)}};
  BoxCox{{0}, {0}}.apply(logs);
  EXPECT_NEAR(logs[0][0], 1.0, 1e-12);
  const ZScore z = ZScore::fit(rows);
  z.apply(rows);
  EXPECT_EQ(rows, (Features{{-1, -1}, {1, 1}}));
  std::vector<double> labels{2};
  const ScalarMultiplication scalar{10};
  scalar.apply(labels);
  EXPECT_EQ(labels[0], 20);
  scalar.undo(labels);
  EXPECT_EQ(labels[0], 2);
}

TEST(Transforms, KnowTheTrainingRowsOnlyAndReadBack) {
  Features training{{1, 5}, {2, 5}, {4, 5}, {9, 5}};
  const Transforms fitted = Transforms::fit(training, std::vector<size_t>{0}, 10);
  EXPECT_EQ(Transforms::parse(fitted.to_text()), fitted);
  Features test{{1000, 5}};
  fitted.apply(test);
  EXPECT_TRUE(std::isfinite(test[0][0]));
  EXPECT_EQ(test[0][1], 0) << "a column of equal elements becomes 0";
  EXPECT_EQ(Transforms::parse(fitted.to_text()), fitted);
}

TEST(Transforms, BadColumnsAndTextsAreRefused) {
  EXPECT_THROW(BoxCox::fit({{0.0}}, std::vector<size_t>{0}), Error);
  EXPECT_THROW(BoxCox::fit({{1.0}}, std::vector<size_t>{1}), Error);
  EXPECT_THROW(ZScore::fit({{1, 2}, {1}}), Error);
  const Transforms fitted = Transforms::fit({{1, 5}, {2, 6}}, std::vector<size_t>{0}, 10);
  const std::string good = fitted.to_text();
  EXPECT_THROW(Transforms::parse(""), ParseError);
  EXPECT_THROW(Transforms::parse("raceline-transforms/2\n"), ParseError);
  using Edit = std::pair<std::string, std::string>;
  for (const auto& [from, to] : {Edit{"box_cox_columns 0", "box_cox_columns 7"}, Edit{"z_mean", "z_man"},
                                 Edit{"scalar 10", "scalar -1"}, Edit{"scalar 10", "scalar nan"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_THROW(Transforms::parse(bad), ParseError) << bad;
  }
}

}  // namespace
}  // namespace raceline
