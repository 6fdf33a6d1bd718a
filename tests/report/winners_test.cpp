#include "raceline/report/winners.h"

#include <gtest/gtest.h>

#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

class WinnersTest : public ::testing::Test {
 protected:
  WinnersTest() {
    registry_.set_source("now");
    add("slowest", Layout::nchw, "1.0");
    add("alone", Layout::nchw, "2.0");
    add("ours", Layout::nchw, "");
    add("ours", Layout::nhwc, "");
    peaks_.fma_gflops = 100;
    peaks_.ram_gbs = peaks_.l3_gbs = peaks_.l2_gbs = 10;
  }

  void add(const std::string& library, Layout layout, const std::string& version) {
    PrimitiveInfo info = stand_in_info(OpKind::unary, library, layout, layout);
    info.library_version = version;
    registry_.add(std::make_unique<StandIn>(info, pretence_, 1));
  }

  /// A row whose samples lie around `us`, all disturbed alike.
  CostRow row(const std::string& library, Layout layout, double us, const char* layer = relu) {
    const std::string name = stand_in_info(OpKind::unary, library, layout, layout).name();
    CostRow made;
    made.key = {layer, name, registry_.at(name).revision(), "machine", 1, false, "session"};
    for (int i = 0; i < 12; ++i) made.samples_us.push_back(us * (1 + 0.05 * (i % 4)));
    return made;
  }

  Winners find(const std::vector<CostRow>& rows) {
    return find_winners(rows, registry_, Machine::detect(), peaks_);
  }

  static constexpr const char* relu = "unary 1x16x10x10 kind=relu";
  static constexpr const char* other = "unary 1x32x10x10 kind=relu";
  Pretence pretence_;
  PrimitiveRegistry registry_;
  Peaks peaks_;
};

TEST_F(WinnersTest, the_fastest_wins_and_is_held_against_the_next_family) {
  const Winners found = find({row("ours", Layout::nchw, 2), row("ours", Layout::nhwc, 2.1),
                              row("alone", Layout::nchw, 3), row("slowest", Layout::nchw, 6)});
  ASSERT_EQ(found.layers.size(), 1u);
  const LayerWinner& winner = found.layers[0];
  EXPECT_EQ(winner.primitive, "unary.ours.pretend.nchw@cpu");
  EXPECT_EQ(winner.rival, "unary.alone.pretend.nchw@cpu");
  EXPECT_NEAR(winner.lead.median, 1.5, 1e-9);
  EXPECT_TRUE(winner.is_clear);
  EXPECT_EQ(found.best_library, "alone") << "our own kernels are no library to compare with";
  EXPECT_NEAR(winner.library_us / winner.us, 1.5, 1e-9);
}

TEST_F(WinnersTest, a_lead_within_the_noise_is_not_clear) {
  CostRow shaken = row("alone", Layout::nchw, 2.1);
  for (size_t i = 0; i < shaken.samples_us.size(); i += 2) shaken.samples_us[i] *= 0.9;
  const Winners found = find({row("ours", Layout::nchw, 2), shaken});
  EXPECT_FALSE(found.layers.at(0).is_clear);
  EXPECT_LT(found.layers.at(0).lead.low, 1.03);
}

TEST_F(WinnersTest, families_are_counted_over_all_layers_and_layouts) {
  const Winners found =
      find({row("ours", Layout::nchw, 5), row("ours", Layout::nhwc, 2), row("alone", Layout::nchw, 3),
            row("ours", Layout::nchw, 5, other), row("alone", Layout::nchw, 1, other)});
  ASSERT_EQ(found.families.size(), 2u);
  for (const FamilyRecord& record : found.families) {
    EXPECT_EQ(record.layers, 2);
    EXPECT_EQ(record.wins, 1);
    EXPECT_EQ(record.clear_wins, 1);
    EXPECT_EQ(record.best_layer, record.family == "unary.ours.pretend" ? relu : other);
    EXPECT_NEAR(record.best_lead, record.family == "unary.ours.pretend" ? 1.5 : 5, 1e-9);
  }
}

TEST_F(WinnersTest, rows_of_other_revisions_and_unknown_primitives_are_left_out) {
  CostRow old = row("ours", Layout::nchw, 1);
  old.key.revision = "before";
  CostRow unknown = row("ours", Layout::nchw, 1);
  unknown.key.primitive = "unary.gone.pretend.nchw@cpu";
  CostRow failed = row("ours", Layout::nchw, 1);
  failed.state = CostState::failed;
  const Winners found = find({old, unknown, failed, row("alone", Layout::nchw, 3)});
  ASSERT_EQ(found.layers.size(), 1u);
  EXPECT_EQ(found.layers[0].primitive, "unary.alone.pretend.nchw@cpu");
  EXPECT_TRUE(found.layers[0].rival.empty());
  EXPECT_FALSE(found.layers[0].is_clear);
}

TEST_F(WinnersTest, the_nearer_of_both_roofs_is_the_share_of_the_peak) {
  // 1600 elements: 12,800 bytes read and written in 2.56 us are 5 GB/s, half of what the caches give.
  const Winners found = find({row("ours", Layout::nchw, 2.56)});
  EXPECT_NEAR(found.layers.at(0).gbs, 5, 0.01);
  EXPECT_NEAR(found.layers.at(0).share_of_peak, 0.5, 0.01);
}

}  // namespace
}  // namespace raceline
