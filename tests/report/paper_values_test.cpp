// What the papers print is in the table as they print it.
#include "raceline/report/paper_values.h"

#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace raceline {
namespace {

TEST(PaperValues, AreAsPrinted) {
  const PaperAccuracy* four = paper_accuracy("perfnetrt", "IV", "", "perfnet", "max_pool", Phase::exe);
  ASSERT_NE(four, nullptr);
  EXPECT_EQ(four->mae_ms, 0.206);
  EXPECT_EQ(four->mape_percent, 19.68);
  EXPECT_EQ(four->rmse_ms, 0.513);
  EXPECT_EQ(four->r2, 0.95);
  const PaperAccuracy* seven = paper_accuracy("resperfnet", "7", "", "resperfnet", "dense", Phase::exe);
  ASSERT_NE(seven, nullptr);
  EXPECT_EQ(seven->platform, "TensorFlow, Quadro P2000");
  EXPECT_EQ(seven->mape_percent, 13.39);
  EXPECT_EQ(seven->rmse_ms, 0.073);
  EXPECT_EQ(seven->mae_ms, 0.037);
  EXPECT_TRUE(std::isnan(seven->r2));
  EXPECT_EQ(paper_accuracy("resperfnet", "1", "TensorRT, GTX 1080 Ti", "perfnet", "conv", Phase::exe),
            nullptr);
}

TEST(PaperValues, OfATableByPhaseHaveNineLines) {
  std::map<std::string, int> lines;
  for (const PaperAccuracy& each : paper_accuracies())
    ++lines[std::string(each.paper) + " " + std::string(each.table)];
  const std::map<std::string, int> wanted{{"perfnetrt IV", 9}, {"perfnetrt V", 9},  {"resperfnet 1", 9},
                                          {"resperfnet 2", 6}, {"resperfnet 5", 9}, {"resperfnet 6", 9},
                                          {"resperfnet 7", 9}, {"resperfnet 8", 9}, {"resperfnet 9", 9}};
  EXPECT_EQ(lines, wanted);
}

// Tables 2, 5 and 9 print the same execution rows.
TEST(PaperValues, AgreeWhereThePaperPrintsThemTwice) {
  for (const char* type : {"conv", "max_pool", "dense"}) {
    for (const auto& [table, platform] :
         {std::pair("5", "TensorFlow, GTX 1080 Ti"), std::pair("9", "TensorRT, GTX 1080 Ti")}) {
      const PaperAccuracy* whole = paper_accuracy("resperfnet", table, "", "resperfnet", type, Phase::exe);
      const PaperAccuracy* brief =
          paper_accuracy("resperfnet", "2", platform, "resperfnet", type, Phase::exe);
      ASSERT_TRUE(whole != nullptr && brief != nullptr);
      EXPECT_EQ(whole->mape_percent, brief->mape_percent);
      EXPECT_EQ(whole->rmse_ms, brief->rmse_ms);
      EXPECT_EQ(whole->mae_ms, brief->mae_ms);
    }
  }
}

}  // namespace
}  // namespace raceline
