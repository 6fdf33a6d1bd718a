#include "raceline/predict/transforms.h"

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

TEST(Transforms, AreEquations9And10) {
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
}

TEST(Transforms, KnowTheTrainingRowsOnly) {
  const Features training{{1, 5}, {2, 5}, {4, 5}, {9, 5}};
  const BoxCox box_cox = BoxCox::fit(training, std::vector<size_t>{0});
  const ZScore z_score = ZScore::fit(training);
  Features test{{1000, 5}};
  box_cox.apply(test);
  z_score.apply(test);
  EXPECT_TRUE(std::isfinite(test[0][0]));
  EXPECT_EQ(test[0][1], 0) << "a column of equal elements becomes 0";
  EXPECT_EQ(ZScore::fit(training), z_score);
}

TEST(Transforms, BadColumnsAreRefused) {
  EXPECT_THROW(BoxCox::fit({{0.0}}, std::vector<size_t>{0}), Error);
  EXPECT_THROW(BoxCox::fit({{1.0}}, std::vector<size_t>{1}), Error);
  EXPECT_THROW(ZScore::fit({{1, 2}, {1}}), Error);
}

}  // namespace
}  // namespace raceline
