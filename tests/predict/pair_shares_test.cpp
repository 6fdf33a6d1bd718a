#include "raceline/predict/pair_shares.h"

#include <gtest/gtest.h>

#include "raceline/dataset/layer_pair.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

class PairSharesTest : public testing::Test {
 protected:
  void add(const std::string& name, double us, int repeat = 0) {
    DatasetRow row;
    row.layer = name;
    row.type = type_of_name(name);
    row.repeat = repeat;
    row.p10.fill({.pre_us = 1, .exe_us = us, .post_us = 1});
    rows_.rows.push_back(row);
  }
  /// `count` pairs whose second layer takes this share of its time behind the first.
  void add_pairs(const PairKind& kind, size_t count, double share) {
    SampleReport report;
    const SampleOptions options{.most_tensor_bytes = 4e6, .most_expected_us = 1000, .machine = {}};
    const std::vector<LayerPair> pairs = sample_pairs(kind, 2 * count, {}, options, report);
    ASSERT_GE(pairs.size(), count);
    for (size_t index = 0; index < count; ++index) {
      const double first_us = 100 + 10 * static_cast<double>(index), second_us = 20;
      add(pairs[index].first.key(), first_us);
      add(pairs[index].second.key(), second_us);
      add(pairs[index].name(), first_us + share * second_us);
    }
  }
  PairShares fit() const { return PairShares::fit(rows_, PhaseModel::resperfnet); }

  Dataset rows_;
};

TEST_F(PairSharesTest, AreWhatALayerAddsToTheTimeOfTheOneBeforeIt) {
  add_pairs({"conv", "add"}, 8, 0.1);
  add_pairs({"conv", "lrn"}, 8, 1.5);
  const PairShares shares = fit();
  EXPECT_NEAR(shares.share("conv", "add"), 0.1, 1e-9);
  EXPECT_NEAR(shares.share("conv", "lrn"), 1.5, 1e-9);
  EXPECT_EQ(shares.share("add", "conv"), 1);
  EXPECT_EQ(shares.kinds().size(), 2u);
  EXPECT_EQ(shares.to_string(), "conv+add 0.10, conv+lrn 1.50");
}

TEST_F(PairSharesTest, AreNotLedAstrayByASlowRow) {
  add_pairs({"conv", "add"}, 9, 0.1);
  rows_.rows.back().p10.fill({.pre_us = 1, .exe_us = 5000, .post_us = 1});
  EXPECT_NEAR(fit().share("conv", "add"), 0.1, 1e-9);
}

TEST_F(PairSharesTest, AreNotBelowNothing) {
  add_pairs({"conv", "add"}, 8, -0.5);
  EXPECT_EQ(fit().share("conv", "add"), 0);
}

TEST_F(PairSharesTest, OfTooFewPairsDoNotCount) {
  add_pairs({"conv", "add"}, PairShares::least - 1, 0.1);
  EXPECT_EQ(fit().share("conv", "add"), 1);
  EXPECT_EQ(fit().to_string(), "");
}

TEST_F(PairSharesTest, LeaveOutliersPrimitivesAndWhatTookNoTimeOut) {
  add_pairs({"conv", "add"}, 6, 0.1);
  const std::vector<DatasetRow> good = rows_.rows;
  for (DatasetRow row : good) {
    row.p10.fill({.pre_us = 1, .exe_us = 1, .post_us = 1});
    row.outlier = true;
    rows_.rows.push_back(row);
    row.outlier = false;
    row.primitive = "one";
    rows_.rows.push_back(row);
    row.primitive.clear();
    row.p10.fill({});
    rows_.rows.push_back(row);
  }
  EXPECT_NEAR(fit().share("conv", "add"), 0.1, 1e-9);
  EXPECT_EQ(fit().kinds().begin()->second.pairs, 6u);
}

TEST_F(PairSharesTest, WantBothLayersAlone) {
  add_pairs({"conv", "add"}, 8, 0.1);
  std::erase_if(rows_.rows, [](const DatasetRow& row) { return row.type == "add"; });
  EXPECT_TRUE(fit().kinds().empty());
}

}  // namespace
}  // namespace raceline
