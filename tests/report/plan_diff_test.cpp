#include "raceline/report/plan_diff.h"

#include <gtest/gtest.h>

namespace raceline {
namespace {

constexpr const char* direct = "conv2d.onednn.jit.nhwc@cpu";
constexpr const char* gemm = "conv2d.openblas.gemm.im2col.nchw@cpu";
constexpr const char* relu = "unary.native.loop.nchw@cpu";

Interface interface(const char* text) {
  return Interface::parse(text);
}

Plan fused_plan() {
  Plan plan;
  plan.model = "net";
  plan.graph_key = "00112233445566ff";
  plan.shapes = {{"data", "1x3x8x8"}};
  plan.expected_us = 15;
  plan.steps = {{{"conv1", "relu1"}, direct, 0, 10}, {{"pool1"}, "max_pool.native.loop.nhwc@cpu", 0, 3}};
  plan.conversions = {
      {"data", interface("cpu:nchw"), interface("cpu:nhwc"), "reorder.native.t.nchw-nhwc@cpu", 2}};
  return plan;
}

Plan apart_plan() {
  Plan plan = fused_plan();
  plan.expected_us = 21;
  plan.steps = {{{"conv1"}, gemm, 0, 12}, {{"relu1"}, relu, 0, 2}, fused_plan().steps[1]};
  plan.conversions = {
      {"relu1", interface("cpu:nchw"), interface("cpu:nhwc"), "reorder.native.t.nchw-nhwc@cpu", 4}};
  return plan;
}

TEST(PlanDiff, a_plan_equals_itself) {
  const PlanDifference difference = diff_plans(fused_plan(), fused_plan());
  EXPECT_TRUE(difference.equal());
  EXPECT_TRUE(difference.same_graph);
  EXPECT_EQ(difference.layers.size(), 2u);
}

TEST(PlanDiff, steps_that_fuse_differently_stand_against_each_other) {
  const PlanDifference difference = diff_plans(fused_plan(), apart_plan());
  EXPECT_FALSE(difference.equal());
  ASSERT_EQ(difference.layers.size(), 2u);
  const LayerDifference& first = difference.layers[0];
  EXPECT_EQ(first.nodes, (std::vector<std::string>{"conv1", "relu1"}));
  EXPECT_EQ(first.a.size(), 1u);
  EXPECT_EQ(first.b.size(), 2u);
  EXPECT_FALSE(first.same_work());
  EXPECT_DOUBLE_EQ(first.a_us(), 10);
  EXPECT_DOUBLE_EQ(first.b_us(), 14);
  EXPECT_TRUE(difference.layers[1].equal());
}

TEST(PlanDiff, conversions_come_and_go_and_sums_add_up) {
  const PlanDifference difference = diff_plans(fused_plan(), apart_plan());
  ASSERT_EQ(difference.conversions.size(), 2u);
  EXPECT_TRUE(difference.conversions[0].a && !difference.conversions[0].b) << "data's goes";
  EXPECT_TRUE(!difference.conversions[1].a && difference.conversions[1].b) << "relu1's comes";
  EXPECT_DOUBLE_EQ(difference.a.steps_us + difference.a.conversions_us, 15);
  EXPECT_DOUBLE_EQ(difference.b.steps_us, 17);
  EXPECT_DOUBLE_EQ(difference.b.conversions_us, 4);
}

TEST(PlanDiff, another_expected_time_alone_is_a_difference_but_no_other_work) {
  Plan slower = fused_plan();
  slower.steps[0].expected_us = 11;
  const PlanDifference difference = diff_plans(fused_plan(), slower);
  EXPECT_FALSE(difference.equal());
  EXPECT_TRUE(difference.layers[0].same_work());
  EXPECT_FALSE(difference.layers[0].equal());
}

TEST(PlanDiff, plans_of_different_graphs_are_said_to_be_and_nodes_of_one_stand_alone) {
  Plan other = fused_plan();
  other.graph_key = "ff66554433221100";
  other.steps[1].covers = {"pool7"};
  const PlanDifference difference = diff_plans(fused_plan(), other);
  EXPECT_FALSE(difference.same_graph);
  ASSERT_EQ(difference.layers.size(), 3u);
  EXPECT_TRUE(difference.layers[1].b.empty());
  EXPECT_TRUE(difference.layers[2].a.empty());
  ASSERT_EQ(difference.properties.size(), 1u);
  EXPECT_EQ(difference.properties[0].what, "graph");
}

TEST(PlanDiff, bindings_are_paired_by_their_shapes) {
  Plan large = apart_plan();
  large.shapes = {{"data", "4x3x8x8"}};
  Plan larger = large;
  larger.shapes = {{"data", "8x3x8x8"}};
  const PlanPairs found = pair_plans({{fused_plan(), large}}, {{large, larger, fused_plan()}});
  EXPECT_EQ(found.pairs, (std::vector<std::pair<size_t, size_t>>{{0, 2}, {1, 0}}));
  EXPECT_TRUE(found.only_a.empty());
  EXPECT_EQ(found.only_b, (std::vector<size_t>{1}));
  EXPECT_EQ(pair_plans({{fused_plan()}}, {{large}}).pairs.size(), 1u) << "two single plans are a pair";
}

TEST(PlanDiff, layouts_are_read_off_names) {
  EXPECT_EQ(layouts_of(direct), "nhwc");
  EXPECT_EQ(layouts_of("reorder.native.t.nchw-nhwc@cpu:1"), "nchw-nhwc");
  EXPECT_EQ(layouts_of("deferred"), "");
}

}  // namespace
}  // namespace raceline
