#include <algorithm>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/kernels/builtin.h"
#include "raceline/runtime/plan_set.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

Plan small_plan() {
  Plan plan;
  plan.model = "tiny \"net\"\n";
  plan.graph_key = "00112233445566ff";
  plan.machine = "ffeeddccbbaa9988";
  plan.strategy = "exact";
  plan.threads = 4;
  plan.fusion = false;
  plan.without_passes = {"fold_bias", "remove_identity"};
  plan.shapes = {{"x", "1x3x8x8"}, {"mask", "4:i64"}};
  plan.expected_us = 12.1;
  plan.lower_bound_us = 0.1 + 0.2;
  plan.steps = {{.covers = {"conv1"}, .primitive = "conv2d.native.direct.nhwc@cpu", .expected_us = 10},
                {.covers = {"conv2", "relu2"},
                 .primitive = "conv2d.onednn.brgconv@cpu",
                 .threads = 2,
                 .expected_us = 1e-7}};
  plan.conversions = {{"x", {}, {{}, Layout::nhwc}, "reorder.reference.loops@cpu", 2, 1}};
  return plan;
}

constexpr std::string_view golden = R"json({
  "conversions": [
    {"expected_us": 2, "from": "cpu:nchw", "primitive": "reorder.reference.loops@cpu", "tensor": "x", "threads": 1, "to": "cpu:nhwc"}
  ],
  "expected_us": 12.1,
  "format": "raceline-plan/1",
  "fusion": false,
  "graph_key": "00112233445566ff",
  "lower_bound_us": 0.30000000000000004,
  "machine": "ffeeddccbbaa9988",
  "model": "tiny \"net\"\n",
  "shapes": {
    "mask": "4:i64",
    "x": "1x3x8x8"
  },
  "steps": [
    {"covers": ["conv1"], "expected_us": 10, "primitive": "conv2d.native.direct.nhwc@cpu", "threads": 0},
    {"covers": ["conv2", "relu2"], "expected_us": 1e-07, "primitive": "conv2d.onednn.brgconv@cpu", "threads": 2}
  ],
  "strategy": "exact",
  "threads": 4,
  "without_passes": ["fold_bias", "remove_identity"]
}
)json";

TEST(PlanJson, AConversionThatDoesNotSayItsThreadsHasThePlans) {
  std::string text(golden);
  text.erase(text.find(", \"threads\": 1"), std::string_view(", \"threads\": 1").size());
  EXPECT_EQ(Plan::from_json(text).conversions[0].threads, 0);
}

TEST(PlanJson, IsSortedWithALineForEachStep) {
  EXPECT_EQ(small_plan().to_json(), golden);
}

TEST(PlanJson, ReadsBackWhatItWrote) {
  EXPECT_EQ(Plan::from_json(golden), small_plan());
  EXPECT_EQ(Plan::from_json(Plan().to_json()), Plan());
}

TEST(PlanJson, RandomPlansMakeTheRoundTrip) {
  const PrimitiveRegistry registry = builtin_primitives();
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Graph graph = random_graph(random);
    Plan plan = random_plan(graph, registry, random);
    for (PlanStep& step : plan.steps) step.expected_us = random.uniform(0, 1e6);
    plan.expected_us = random.uniform();
    const Plan again = Plan::from_json(plan.to_json());
    EXPECT_EQ(again, plan);
    EXPECT_EQ(again.to_json(), plan.to_json());
  }
}

/// The golden text with the first `old` replaced.
std::string edited(std::string_view old, std::string_view replacement) {
  std::string text(golden);
  const size_t at = text.find(old);
  if (at == std::string::npos) throw Error("the golden plan holds no '" + std::string(old) + "'");
  return text.replace(at, old.size(), replacement);
}

TEST(PlanJson, BadFilesAreRefusedWithThePlaceNamed) {
  struct Case {
    std::string text, wanted;
  };
  const Case cases[] = {
      {"", "line 1: not JSON"},
      {"{\n\n  nonsense", "line 3: not JSON"},
      {std::string(golden) + "x", "not JSON"},
      {std::string(100000, '['), "not JSON"},
      {"\xff\xfe", "not JSON"},
      {"[]", "wanted an object with \"format\": \"raceline-plan/1\""},
      {"{}", "wanted an object with \"format\""},
      {edited("raceline-plan/1", "raceline-plan/2"),
       "at format: wanted \"raceline-plan/1\", given \"raceline-plan/2\""},
      {edited("\"raceline-plan/1\"", "1"), "at format: wanted \"raceline-plan/1\", given 1"},
      {edited("\"strategy\"", "\"stratgy\""), "unknown key 'stratgy'; the nearest is 'strategy'"},
      {edited("\"strategy\": \"exact\",", ""), "the key 'strategy' is missing"},
      {edited("\"fusion\": false", "\"fusion\": 0"), "at fusion: wanted true or false, given 0"},
      {edited("\"fusion\": false", "\"fusion\": false, \"fusion\": true"), "the key 'fusion' is given twice"},
      {edited("\"threads\": 4", "\"threads\": 0"),
       "at threads: wanted a whole number from 1 to 4096, given 0"},
      {edited("\"threads\": 4", "\"threads\": 4.5"),
       "at threads: wanted a whole number from 1 to 4096, given 4.5"},
      {edited("\"threads\": 4", "\"threads\": 18446744073709551615"), "at threads: wanted a whole number"},
      {edited("\"threads\": 2", "\"threads\": -1"),
       "at steps[1].threads: wanted a whole number from 0 to 4096"},
      {edited("12.1", "-12.1"), "at expected_us: wanted microseconds, not negative, given -12.1"},
      {edited("12.1", "1e999"), "not JSON"},
      {edited("12.1", "null"), "at expected_us: wanted microseconds, not negative, given null"},
      {edited("[\"conv1\"]", "[]"), "at steps[0].covers: a step covers at least one node"},
      {edited("[\"conv1\"]", "[7]"), "at steps[0].covers[0]: wanted a string, given 7"},
      {edited("[\"conv1\"]", "\"conv1\""), "at steps[0].covers: wanted a list, given \"conv1\""},
      {edited("\"conv2d.native.direct.nhwc@cpu\"", "{}"),
       "at steps[0].primitive: wanted a string, given an object"},
      {edited("\"covers\": [\"conv1\"], ", ""), "at steps[0]: the key 'covers' is missing"},
      {edited("\"from\": \"cpu:nchw\"", "\"from\": \"cpu:ncwh\""),
       "at conversions[0].from: 'cpu:ncwh' is no interface"},
      {edited("\"from\": \"cpu:nchw\"", "\"from\": \"tpu:nchw\""), "at conversions[0].from:"},
      {edited("\"1x3x8x8\"", "\"1x3xx8\""), "at shapes.x:"},
      {edited("\"1x3x8x8\"", "3"), "at shapes.x: wanted a string such as 1x3x224x224, given 3"},
      {edited("\"1x3x8x8\"", "\"1x99999999999999999999\""), "at shapes.x:"},
      {edited("\"1x3x8x8\"", "\"1099511627776x1099511627776\""), "at shapes.x:"},
      {edited("[\"fold_bias\"", "[[\"fold_bias\"]"), "at without_passes[0]: wanted a string, given a list"},
  };
  for (const Case& bad : cases) {
    const std::string message = message_of<ParseError>([&] { Plan::from_json(bad.text); });
    EXPECT_TRUE(contains(message, bad.wanted)) << bad.text.substr(0, 2000);
  }
}

TEST(PlanJson, DamagedFilesNeverDoWorseThanAnError) {
  Random random(5);
  for (int repeat = 0; repeat < 3000; ++repeat) {
    std::string text(golden);
    for (int64_t change = 0; change <= random.below(4); ++change) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(text.size())));
      switch (random.below(3)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, static_cast<size_t>(random.below(20)));
          break;
        default:
          text.insert(at,
                      text.substr(static_cast<size_t>(random.below(static_cast<int64_t>(text.size()))), 15));
      }
    }
    try {
      const Plan plan = Plan::from_json(text);
      EXPECT_EQ(Plan::from_json(plan.to_json()), plan) << text;
    } catch (const ParseError&) {
    }
  }
}

TEST(PlanJson, WhatJsonCannotHoldIsRefused) {
  Plan plan = small_plan();
  plan.expected_us = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(contains(message_of<PlanError>([&] { plan.to_json(); }), "expected_us of the plan"));
  plan = small_plan();
  plan.steps[0].covers[0] = "conv\xff";
  EXPECT_TRUE(contains(message_of<PlanError>([&] { plan.to_json(); }), "is not UTF-8"));
}

TEST(PlanSetJson, OnePlanIsWrittenAsEverSeveralAsAList) {
  const PlanSet one{{small_plan()}};
  EXPECT_EQ(one.to_json(), small_plan().to_json());
  EXPECT_EQ(PlanSet::from_json(one.to_json()), one);
  PlanSet two{{small_plan(), small_plan()}};
  two.plans[1].shapes["x"] = "4x3x8x8";
  const std::string text = two.to_json();
  EXPECT_TRUE(contains(text, "\n  \"format\": \"raceline-plan/2\"\n}\n")) << text;
  EXPECT_EQ(PlanSet::from_json(text), two);
  EXPECT_THROW(PlanSet().to_json(), PlanError);
}

TEST(PlanSetJson, RefusesBadListsNamingThePlace) {
  const std::string one = small_plan().to_json();
  const auto list = [](const std::string& entries) {
    return R"({"format": "raceline-plan/2", "bindings": [)" + entries + "]}";
  };
  std::string broken = one;
  broken.replace(broken.rfind("\"threads\": "), 11, "\"threads\": -");
  const std::vector<std::pair<std::string, std::string>> cases{
      {list(""), "bindings: wanted 1 to"},
      {list("7"), "bindings[0]"},
      {list("{}"), "bindings[0]"},
      {list(one + "," + one), "bindings[1]: a second plan for"},
      {list(broken), "bindings[0]."},
      {list(list(one)), "bindings[0].format"},
      {R"({"format": "raceline-plan/2"})", "bindings"},
      {R"({"format": "raceline-plan/2", "bindings": 3})", "bindings"},
      {R"({"format": "raceline-plan/3", "bindings": []})", "format"},
  };
  for (const auto& [text, wanted] : cases) {
    const std::string message = message_of<ParseError>([&, &text = text] { PlanSet::from_json(text); });
    EXPECT_TRUE(contains(message, wanted)) << wanted << ": " << message;
  }
}

}  // namespace
}  // namespace raceline::testing
