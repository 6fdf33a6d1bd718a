#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

constexpr std::string_view machine = "0011223344556677";

/// x -> conv1 -> relu1 -> add1(relu1, x) -> y, with conv1+relu1 as a fusion; stand-in primitives in two
/// layouts.
class PlanCheck : public ::testing::Test {
 protected:
  PlanCheck() {
    const TensorDesc desc{DataType::f32, {1, 4, 6, 6}};
    Random random(3);
    const ValueId x = graph_.add_input("x", desc);
    const ValueId w = graph_.add_constant("w", random_tensor({DataType::f32, {4, 4, 1, 1}}, random));
    graph_.add_node("conv1", OpKind::conv2d, ConvParams{}, {x, w});
    graph_.add_node("relu1", OpKind::unary, UnaryParams{UnaryKind::relu}, {value("conv1:0")});
    graph_.add_node("add1", OpKind::binary, BinaryParams{BinaryKind::add}, {value("relu1:0"), x});
    graph_.mark_output(value("add1:0"), "y");
    graph_.add_fusion({{0, 1}});

    const auto run = [](const KernelArgs&) { return Status::ok(); };
    for (const OpKind op : {OpKind::conv2d, OpKind::unary, OpKind::binary}) {
      add_test_primitive(registry_, {.op = op, .library = "reference", .run = run});
      add_test_primitive(
          registry_,
          {.op = op, .library = "fast", .input = Layout::nhwc, .output = Layout::nhwc, .run = run});
      add_test_primitive(registry_, {.op = op, .library = "never", .refusal = "only on Sundays", .run = run});
    }
    add_test_reorder(registry_);

    plan_ = Plan::reference(graph_, registry_);
    plan_.machine = machine;
    plan_.steps[0] = {
        .covers = {"conv1", "relu1"}, .primitive = "conv2d.fast.plain.nhwc@cpu", .expected_us = 5};
    plan_.steps.erase(plan_.steps.begin() + 1);
    plan_.conversions = {{"x", nchw, nhwc, reorder}, {"relu1:0", nhwc, nchw, reorder}};
  }

  ValueId value(std::string_view name) const { return graph_.find_value(name); }
  std::string refusal() const {
    return message_of<PlanError>([&] { plan_.check(graph_, registry_, machine); });
  }
  /// The plan is refused for this reason, and fits after a repair that says what it did.
  void expect_refused(std::string_view reason) {
    EXPECT_TRUE(contains(refusal(), reason));
    const RepairedPlan repaired = repair_plan(plan_, graph_, registry_, machine);
    EXPECT_NO_THROW(repaired.plan.check(graph_, registry_, machine));
    EXPECT_FALSE(repaired.changes.empty());
    EXPECT_NO_THROW(Plan::from_json(repaired.plan.to_json()).check(graph_, registry_, machine));
    // Nothing is left to be done.
    EXPECT_TRUE(repair_plan(repaired.plan, graph_, registry_, machine).changes.empty());
  }

  const Interface nchw{}, nhwc{{}, Layout::nhwc}, blocked{{}, Layout::nchw16c};
  const std::string reorder = "reorder.reference.loops.nchw@cpu";
  Graph graph_;
  PrimitiveRegistry registry_;
  Plan plan_;
};

TEST_F(PlanCheck, APlanThatFitsPassesAndNeedsNoRepair) {
  EXPECT_NO_THROW(plan_.check(graph_, registry_, machine));
  EXPECT_NO_THROW(plan_.check(graph_, registry_, ""));
  const RepairedPlan repaired = repair_plan(plan_, graph_, registry_, machine);
  EXPECT_EQ(repaired.plan, plan_);
  EXPECT_TRUE(repaired.changes.empty());
}

TEST_F(PlanCheck, APooledConvolutionWantsAPrimitiveForBoth) {
  Graph graph;
  Random random(3);
  const ValueId x = graph.add_input("x", {DataType::f32, {1, 4, 6, 6}});
  const ValueId w = graph.add_constant("w", random_tensor({DataType::f32, {4, 4, 1, 1}}, random));
  graph.add_node("conv", OpKind::conv2d, ConvParams{}, {x, w});
  graph.add_node("pool", OpKind::max_pool, PoolParams{.kernel = {2, 2}, .stride = {2, 2}},
                 {graph.find_value("conv:0")});
  graph.mark_output(graph.find_value("pool:0"), "y");
  graph.add_fusion({{0, 1}});
  for (const OpKind op : {OpKind::conv2d_max_pool, OpKind::max_pool}) {
    const auto run = [](const KernelArgs&) { return Status::ok(); };
    add_test_primitive(registry_, {.op = op, .library = "reference", .run = run});
  }
  Plan plan = Plan::reference(graph, registry_);
  plan.steps = {{.covers = {"conv", "pool"}, .primitive = "conv2d.reference.plain.nchw@cpu"}};
  const std::string why = message_of<PlanError>([&] { plan.check(graph, registry_, ""); });
  EXPECT_TRUE(contains(why, "computes conv2d, wanted is one for conv2d_max_pool"));
  const Plan repaired = repair_plan(plan, graph, registry_, "").plan;
  ASSERT_EQ(repaired.steps.size(), 1u);
  EXPECT_EQ(repaired.steps[0].primitive, "conv2d_max_pool.reference.plain.nchw@cpu");
}

TEST_F(PlanCheck, TheReferencePlanFitsAnyMachine) {
  const Plan reference = Plan::reference(graph_, registry_);
  EXPECT_NO_THROW(reference.check(graph_, registry_, machine));
  EXPECT_EQ(reference.steps.size(), 3u);
  EXPECT_TRUE(reference.conversions.empty());
  EXPECT_EQ(reference.machine, "");
  EXPECT_EQ(reference.strategy, "reference");
  EXPECT_EQ(reference.shapes, (std::map<std::string, std::string>{{"x", "1x4x6x6"}}));
}

TEST_F(PlanCheck, AConversionMayStartFromAnother) {
  plan_.conversions[0] = {"x", blocked, nhwc, reorder};
  plan_.conversions.push_back({"x", nchw, blocked, reorder});
  EXPECT_NO_THROW(plan_.check(graph_, registry_, machine));
}

TEST_F(PlanCheck, AnotherGraphIsRefusedWithTheDifference) {
  plan_.graph_key = "feedfeedfeedfeed";
  expect_refused("made for another graph: the plan's key is feedfeedfeedfeed, this graph's is " +
                 graph_.key());
  plan_.shapes["x"] = "8x4x6x6";
  expect_refused("input 'x' is 1x4x6x6 here, the plan is for 8x4x6x6");
  plan_.fusion = false;
  EXPECT_TRUE(contains(refusal(), "fusion off"));
}

TEST_F(PlanCheck, AnotherMachineIsRefusedAndItsTimesAreDropped) {
  plan_.machine = "7766554433221100";
  expect_refused("made for another machine: the plan's is 7766554433221100, this one is 0011223344556677");
  EXPECT_NO_THROW(plan_.check(graph_, registry_, ""));
  const RepairedPlan repaired = repair_plan(plan_, graph_, registry_, machine);
  EXPECT_EQ(repaired.plan.machine, machine);
  EXPECT_EQ(repaired.plan.expected_us, 0);
  EXPECT_EQ(repaired.plan.steps[0].primitive, plan_.steps[0].primitive);
  EXPECT_EQ(repaired.plan.conversions.size(), 2u);
}

TEST_F(PlanCheck, NodesAreCoveredOnce) {
  Plan good = plan_;
  plan_.steps.pop_back();
  expect_refused("node 'add1' is covered by no step");
  plan_ = good;
  plan_.steps.push_back({.covers = {"relu1"}, .primitive = "unary.reference.plain.nchw@cpu"});
  expect_refused("node 'relu1' is covered 2 times, by the steps 'conv1+relu1', 'relu1'");
  plan_ = good;
  plan_.steps[1].covers = {"add2"};
  expect_refused("step 'add2': no node 'add2' in the graph; the nearest are add1");
  plan_ = good;
  plan_.steps[1].covers = {};
  expect_refused("it covers no node");
}

TEST_F(PlanCheck, OnlyFusionsOfTheGraphAreFused) {
  plan_.steps = {{.covers = {"conv1"}, .primitive = "conv2d.reference.plain.nchw@cpu"},
                 {.covers = {"relu1", "add1"}, .primitive = "unary.reference.plain.nchw@cpu"}};
  expect_refused("step 'relu1+add1': these nodes are no fusion of the graph; the nearest are conv1+relu1");
}

TEST_F(PlanCheck, PrimitivesExistAndCan) {
  plan_.steps[0].primitive = "conv2d.fest.plain.nhwc@cpu";
  expect_refused(
      "step 'conv1+relu1': no primitive 'conv2d.fest.plain.nhwc@cpu' in this build; the nearest are "
      "conv2d.fast.plain.nhwc@cpu");
  plan_.steps[0].primitive = "conv2d.never.plain.nchw@cpu";
  expect_refused("conv2d.never.plain.nchw@cpu cannot: only on Sundays");
  plan_.steps[0].primitive = "unary.fast.plain.nhwc@cpu";
  expect_refused("primitive 'unary.fast.plain.nhwc@cpu' computes unary, wanted is one for conv2d");
  // The step keeps its nodes together.
  const RepairedPlan repaired = repair_plan(plan_, graph_, registry_, machine);
  EXPECT_EQ(repaired.plan.steps[0].covers.size(), 2u);
  EXPECT_EQ(repaired.plan.steps[0].primitive, "conv2d.reference.plain.nchw@cpu");
  EXPECT_TRUE(repaired.plan.conversions.empty());
}

TEST_F(PlanCheck, MissingConversionsAreNamedWithWhatExists) {
  plan_.conversions.pop_back();
  expect_refused(
      "step 'add1' (binary.reference.plain.nchw@cpu) wants operand 0, 'relu1:0', as cpu:nchw, but it exists "
      "only as cpu:nhwc");
  plan_.conversions = {{"x", nchw, blocked, reorder}, {"relu1:0", nhwc, nchw, reorder}};
  expect_refused("wants operand 0, 'x', as cpu:nhwc, but it exists only as cpu:nchw and cpu:nchw16c");
  plan_.steps[1].primitive = "binary.fast.plain.nhwc@cpu";
  plan_.conversions = {{"x", nchw, nhwc, reorder}};
  expect_refused("graph output 'y' wants 'add1:0' as cpu:nchw, but it exists only as cpu:nhwc");
}

TEST_F(PlanCheck, ConversionsFitTheirTensors) {
  const std::vector<PlanConversion> good = plan_.conversions;
  const auto with = [&](const PlanConversion& conversion) {
    plan_.conversions = good;
    plan_.conversions.push_back(conversion);
  };
  with({"q", nchw, nhwc, reorder});
  expect_refused("conversion of 'q' from cpu:nchw to cpu:nhwc: no tensor 'q' in the graph");
  with({"w", nchw, nhwc, reorder});
  expect_refused("conversion of 'w' from cpu:nchw to cpu:nhwc: the tensor is a constant");
  with({"x", nchw, nhwc, reorder});
  expect_refused("conversion of 'x' from cpu:nchw to cpu:nhwc: the tensor exists in that interface already");
  with({"x", nchw, nchw, reorder});
  expect_refused("the tensor exists in that interface already");
  with({"x", nchw, blocked, reorder});
  expect_refused("conversion of 'x' from cpu:nchw to cpu:nchw16c: nobody uses the result");
  with({"add1:0", nhwc, blocked, reorder});
  expect_refused("conversion of 'add1:0' from cpu:nhwc to cpu:nchw16c: the tensor exists only as cpu:nchw");
  with({"conv1:0", nchw, nhwc, reorder});
  expect_refused("conversion of 'conv1:0' from cpu:nchw to cpu:nhwc: the tensor exists nowhere");
  with({"x", nchw, {{}, Layout::nhwc, DataType::i8}, reorder});
  expect_refused("reorder.reference.loops.nchw@cpu cannot: only layouts of the CPU");
  with({"x", nchw, blocked, "reorder.referense.loops.nchw@cpu"});
  expect_refused(
      "no primitive 'reorder.referense.loops.nchw@cpu' in this build; the nearest are "
      "reorder.reference.loops");
  with({"x", nchw, blocked, "unary.fast.plain.nhwc@cpu"});
  expect_refused("computes unary, wanted is one for reorder");
}

TEST_F(PlanCheck, ConversionsThatFeedEachOtherAreRefused) {
  plan_.conversions[0] = {"x", blocked, nhwc, reorder};
  plan_.conversions.push_back({"x", nhwc, blocked, reorder});
  expect_refused("conversion of 'x' from cpu:nchw16c to cpu:nhwc: the tensor exists only as cpu:nchw");
}

TEST_F(PlanCheck, ThreadsMakeSense) {
  plan_.threads = 0;
  expect_refused("threads is 0; at least 1 is wanted");
  plan_.threads = 1;
  plan_.steps[0].threads = -3;
  expect_refused("step 'conv1+relu1': threads is -3");
}

TEST_F(PlanCheck, SeveralReasonsAreGivenAtOnceButNotHundreds) {
  plan_.machine = "7766554433221100";
  plan_.steps[0].primitive = "conv2d.never.plain.nchw@cpu";
  plan_.steps[1].primitive = "nothing";
  const std::string text = refusal();
  for (const std::string_view part : {"another machine", "only on Sundays", "no primitive 'nothing'"}) {
    EXPECT_TRUE(contains(text, part));
  }
  plan_.steps.assign(1000, {.covers = {"nowhere"}, .primitive = "nothing"});
  EXPECT_LT(refusal().size(), 3000u);
  EXPECT_TRUE(contains(refusal(), "no more than these reasons are given"));
}

TEST_F(PlanCheck, PlansOfRandomDamageAreRepaired) {
  const Interface interfaces[] = {nchw, nhwc, blocked};
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Plan damaged = plan_;
    for (int i = 0; i < 3; ++i) {
      const auto step = static_cast<size_t>(random.below(static_cast<int64_t>(damaged.steps.size())));
      switch (random.below(4)) {
        case 0:
          damaged.steps.push_back(damaged.steps[step]);
          break;
        case 1:
          damaged.steps[step].primitive = registry_.all()[static_cast<size_t>(random.below(10))]->name();
          break;
        case 2:
          damaged.steps[step].covers = {graph_.nodes()[static_cast<size_t>(random.below(3))].name};
          break;
        default: {
          const auto value = static_cast<size_t>(random.below(static_cast<int64_t>(graph_.values().size())));
          damaged.conversions.push_back({graph_.values()[value].name, interfaces[random.below(3)],
                                         interfaces[random.below(3)], reorder});
        }
      }
    }
    const RepairedPlan repaired = repair_plan(damaged, graph_, registry_, machine);
    EXPECT_NO_THROW(repaired.plan.check(graph_, registry_, machine)) << damaged.to_json();
    if (repaired.changes.empty()) {
      EXPECT_NO_THROW(damaged.check(graph_, registry_, machine));
    }
  }
}

TEST_F(PlanCheck, WithoutReferenceThereIsNoRepair) {
  PrimitiveRegistry bare;
  add_test_primitive(bare, {.op = OpKind::unary, .run = elementwise([](float x) { return x; })});
  EXPECT_TRUE(contains(message_of<UnsupportedError>([&] { repair_plan(plan_, graph_, bare, machine); }),
                       "no reference primitive for layer 'binary"));
}

}  // namespace
}  // namespace raceline::testing
