#include "raceline/search/problem.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/search/strategy.h"
#include "random_problem.h"
#include "synthetic_nets.h"

namespace raceline {
namespace {

constexpr std::string_view small = R"({"format": "raceline-problem/1",
 "layers": [
  {"name": "input", "choices": [{"primitive": "", "cost_us": 0, "inputs": [], "outputs": ["cpu:nchw"]}]},
  {"name": "conv1", "choices": [
    {"primitive": "conv2d.onednn.brgconv", "cost_us": 41.5, "inputs": ["cpu:nhwc"], "outputs": ["cpu:nhwc"],
     "weights_bytes": 36864, "workspace_bytes": 0},
    {"primitive": "conv2d.reference.direct", "cost_us": 900, "inputs": ["cpu:nchw"], "outputs": ["cpu:nchw"]}]},
  {"name": "add", "choices": [
    {"primitive": "add.native.simd", "cost_us": 2, "inputs": ["cpu:nchw", "cpu:nchw"], "outputs": ["cpu:nchw"]}]}],
 "tensors": [
  {"producer": [0, 0], "consumers": [[1, 0], [2, 1]], "conversion_us": {"cpu:nchw": {"cpu:nhwc": 8.5}}},
  {"producer": [1, 0], "consumers": [[2, 0]], "conversion_us": {"cpu:nhwc": {"cpu:nchw": 8.25, "opencl:nchw": 30.0}}}]}
)";

TEST(Problem, TheExampleIsReadAndSolved) {
  const SelectionProblem problem = SelectionProblem::parse(small);
  ASSERT_EQ(problem.layers.size(), 3u);
  EXPECT_EQ(problem.layers[1].choices[0].weights_bytes, 36864);
  EXPECT_EQ(problem.tensors[0].consumers, (std::vector<Slot>{{1, 0}, {2, 1}}));
  const SearchAnswer answer = make_strategy("exact")->search(problem, {});
  EXPECT_EQ(answer.choice, (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(answer.cost_us, 41.5 + 2 + 8.5 + 8.25);
  const Evaluation slow = evaluate(problem, std::vector<int>{0, 1, 0});
  EXPECT_EQ(slow.cost_us, 902);
  EXPECT_EQ(slow.layers_us, 902);
  EXPECT_EQ(slow.conversions_us, 0);
}

TEST(Problem, TextGoesRoundUnchanged) {
  for (const SelectionProblem& problem : {SelectionProblem::parse(small), SelectionProblem{},
                                          test::ssd_like(3).problem(), test::random_problem(9)}) {
    const std::string text = problem.to_json();
    const SelectionProblem again = SelectionProblem::parse(text);
    EXPECT_EQ(again.to_json(), text);
    EXPECT_EQ(SelectionProblem::parse(again.to_json()), again);
  }
}

TEST(Problem, NamesMayHoldAnything) {
  SelectionProblem problem;
  problem.intern("a\"\\\n\x01\xc3\xa9");
  problem.layers = {{"\xff not UTF-8", {{"p\t", 0, {}, {0}}}}};
  const SelectionProblem again = SelectionProblem::parse(problem.to_json());
  EXPECT_EQ(again.interfaces, problem.interfaces);
  EXPECT_EQ(again.layers[0].choices[0].primitive, "p\t");
}

/// The small problem with one text exchanged for another.
std::string with(std::string_view from, std::string_view to) {
  std::string text(small);
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

void expect_refused(const std::string& text, std::string_view place) {
  try {
    SelectionProblem::parse(text);
    ADD_FAILURE() << "was taken: " << place;
  } catch (const ParseError& error) {
    EXPECT_NE(std::string(error.what()).find(place), std::string::npos)
        << "said: " << error.what() << "\nwanted: " << place;
  }
}

TEST(Problem, BadFilesAreRefusedWithThePlaceNamed) {
  const struct {
    std::string text;
    std::string_view place;
  } cases[] = {
      {"", "problem: "},
      {"{", "problem: "},
      {"[]", "problem: array instead of an object"},
      {"nul", "problem: "},
      {"{}", "problem: \"format\" is missing"},
      {with("problem/1", "problem/2"), "format: \"raceline-problem/2\" is unknown"},
      {with("\"raceline-problem/1\"", "1"), "format: number instead of a text"},
      {with("\"layers\": [", "\"layer\": ["), "problem: \"layers\" is missing"},
      {with("\"format\"", "\"more\": 1, \"format\""), "problem: unknown key \"more\""},
      {with("\"name\": \"conv1\", ", ""), "layers[1]: \"name\" is missing"},
      {with("\"name\": \"conv1\"", "\"name\": 7"), "layers[1].name: number instead of a text"},
      {with("\"cost_us\": 900", "\"cost_us\": -1"), "layers[1].choices[1].cost_us: -1 is negative"},
      {with("\"cost_us\": 900", "\"cost_us\": \"900\""),
       "layers[1].choices[1].cost_us: string instead of a number"},
      {with("\"cost_us\": 900", "\"cost_us\": null"),
       "layers[1].choices[1].cost_us: null instead of a number"},
      {with("\"cost_us\": 900", "\"cost_us\": 1e999"), "problem: "},
      {with("\"cost_us\": 900", "\"cost_us\": 1.7e308"),
       "layers[1].choices[1].cost_us: 1.7e+308 is more than 1e+30"},
      {with("\"cost_us\": 900", "\"cost_us\": NaN"), "problem: "},
      {with("\"cost_us\": 900, ", ""), "layers[1].choices[1]: \"cost_us\" is missing"},
      {with("\"cost_us\": 900", "\"cost_us\": 900, \"cost_us\": 1"),
       "layers[1].choices[1]: key \"cost_us\" stands twice"},
      {with("\"weights_bytes\": 36864", "\"weights_bytes\": -4"),
       "layers[1].choices[0].weights_bytes: -4 is negative"},
      {with("\"weights_bytes\": 36864", "\"weights_bytes\": 1.5"),
       "weights_bytes: 1.5 instead of a whole number"},
      {with("\"weights_bytes\": 36864", "\"weights_bytes\": 18446744073709551615"), "is too large"},
      {with("weights_bytes", "weight_bytes"), "layers[1].choices[0]: unknown key \"weight_bytes\""},
      {with("\"inputs\": [\"cpu:nhwc\"]", "\"inputs\": \"cpu:nhwc\""),
       "layers[1].choices[0].inputs: string instead of an array"},
      {with("\"inputs\": [\"cpu:nhwc\"]", "\"inputs\": [3]"),
       "layers[1].choices[0].inputs[0]: number instead of a text"},
      {with("\"inputs\": [\"cpu:nchw\"]", "\"inputs\": []"),
       "layers[1].choices[1].inputs: 0 inputs, the layer's first choice has 1"},
      {with("\"outputs\": [\"cpu:nchw\"]}]},\n  {\"name\": \"add\"",
            "\"outputs\": []}]},\n  {\"name\": \"add\""),
       "layers[1].choices[1].outputs: 0 outputs"},
      {with("{\"primitive\": \"add.native.simd\", \"cost_us\": 2, \"inputs\": [\"cpu:nchw\", \"cpu:nchw\"], "
            "\"outputs\": [\"cpu:nchw\"]}",
            ""),
       "layers[2]: 'add' has no choice"},
      {with("\"producer\": [1, 0]", "\"producer\": [9, 0]"), "tensors[1].producer: layer 9, there are 3"},
      {with("\"producer\": [1, 0]", "\"producer\": [-1, 0]"), "tensors[1].producer[0]: -1 is no index"},
      {with("\"producer\": [1, 0]", "\"producer\": [1, 1]"),
       "tensors[1].producer: output slot 1 of layers[1] 'conv1', which has 1"},
      {with("\"producer\": [1, 0]", "\"producer\": [0, 0]"),
       "tensors[1].producer: output slot 0 of layers[0] 'input' is wired twice"},
      {with("\"producer\": [1, 0]", "\"producer\": [1]"), "tensors[1].producer: wanted [layer, slot]"},
      {with("\"producer\": [1, 0]", "\"producer\": [1.0, 0]"),
       "tensors[1].producer[0]: 1.0 instead of a whole number"},
      {with("\"producer\": [1, 0], ", ""), "tensors[1]: \"producer\" is missing"},
      {with("[[2, 0]]", "[[2, 2]]"), "tensors[1].consumers[0]: input slot 2 of layers[2] 'add', which has 2"},
      {with("[[2, 0]]", "[[2, 1]]"),
       "tensors[1].consumers[0]: input slot 1 of layers[2] 'add' is wired twice"},
      {with("[[2, 0]]", "[]"), "layers[2]: input slot 0 of 'add' is not wired"},
      {with("[[2, 0]]", "7"), "tensors[1].consumers: number instead of an array"},
      {with("[[2, 0]]", "[7]"), "tensors[1].consumers[0]: wanted [layer, slot]"},
      {with("[[1, 0], [2, 1]]", "[[2, 1]]"), "layers[1]: input slot 0 of 'conv1' is not wired"},
      {with("8.25", "-0.5"), "tensors[1].conversion_us[\"cpu:nhwc\"][\"cpu:nchw\"]: -0.5 is negative"},
      {with("8.25", "true"),
       "tensors[1].conversion_us[\"cpu:nhwc\"][\"cpu:nchw\"]: boolean instead of a number"},
      {with("\"opencl:nchw\": 30.0", "\"cpu:nhwc\": 30.0"), "a layout to itself costs nothing"},
      {with("\"opencl:nchw\": 30.0", "\"cpu:nchw\": 30.0"),
       "tensors[1].conversion_us.cpu:nhwc: key \"cpu:nchw\" stands twice"},
      {with("{\"cpu:nhwc\": 8.5}", "3"),
       "tensors[0].conversion_us[\"cpu:nchw\"]: number instead of an object"},
      {with("{\"cpu:nchw\": {\"cpu:nhwc\": 8.5}}", "[]"),
       "tensors[0].conversion_us: array instead of an object"},
      {with("{\"cpu:nchw\": {\"cpu:nhwc\": 8.5}}", "[[[[[[[[[[]]]]]]]]]]"), "nested deeper"},
      {std::string(1'000'000, '['), "nested deeper"},
      {std::string(small) + "x", "problem: "},
  };
  for (const auto& one : cases) expect_refused(one.text, one.place);
}

TEST(Problem, CyclesAreRefused) {
  // conv1 takes what add makes.
  expect_refused(R"({"format": "raceline-problem/1", "layers": [
    {"name": "a", "choices": [{"primitive": "", "cost_us": 0, "inputs": ["x"], "outputs": ["x"]}]},
    {"name": "b", "choices": [{"primitive": "", "cost_us": 0, "inputs": ["x"], "outputs": ["x"]}]}],
    "tensors": [{"producer": [0, 0], "consumers": [[1, 0]], "conversion_us": {}},
                {"producer": [1, 0], "consumers": [[0, 0]], "conversion_us": {}}]})",
                 "layers[0]: 'a' depends on itself");
  expect_refused(R"({"format": "raceline-problem/1", "layers": [
    {"name": "a", "choices": [{"primitive": "", "cost_us": 0, "inputs": ["x"], "outputs": ["x"]}]}],
    "tensors": [{"producer": [0, 0], "consumers": [[0, 0]], "conversion_us": {}}]})",
                 "layers[0]: 'a' depends on itself");
}

TEST(Problem, AnOutputThatNobodyTakesNeedsNoTensor) {
  SelectionProblem problem = SelectionProblem::parse(small);
  problem.layers[0].choices[0].outputs.push_back(0);
  EXPECT_NO_THROW(problem.validate());
  problem.tensors.push_back({{0, 1}, {}, {}});
  EXPECT_NO_THROW(problem.validate());
  EXPECT_EQ(make_strategy("exact")->search(problem, {}).cost_us, 60.25);
}

TEST(Problem, BadValuesAreRefusedToo) {
  const auto refused = [](const std::function<void(SelectionProblem&)>& change, std::string_view place) {
    SelectionProblem problem = SelectionProblem::parse(small);
    change(problem);
    try {
      problem.validate();
      ADD_FAILURE() << place;
    } catch (const ParseError& error) {
      EXPECT_NE(std::string(error.what()).find(place), std::string::npos) << error.what();
    }
  };
  refused([](auto& problem) { problem.layers[1].choices[0].inputs[0] = 99; }, "layers[1].choices[0].inputs");
  refused([](auto& problem) { problem.layers[1].choices[0].outputs[0] = -1; },
          "layers[1].choices[0].outputs");
  refused([](auto& problem) { problem.layers[1].choices[0].cost_us = std::nan(""); }, "is not finite");
  refused([](auto& problem) { problem.layers[1].choices[0].cost_us = impossible; }, "is not finite");
  refused([](auto& problem) { problem.tensors[0].conversions[0].from = 99; }, "tensors[0].conversion_us");
  refused([](auto& problem) { problem.tensors[0].conversions.push_back(problem.tensors[0].conversions[0]); },
          "given twice");
  refused([](auto& problem) { problem.interfaces[0] = problem.interfaces[1]; }, "stands twice");
  refused([](auto& problem) { problem.tensors[0].consumers[0].layer = -5; }, "tensors[0].consumers[0]");
}

TEST(Problem, SizesThatWouldExhaustTheMachineAreRefused) {
  // Two layers of many choices: a table of all pairs would be too large.
  SelectionProblem wide;
  wide.intern("x");
  wide.layers = {{"a", std::vector<Choice>(6000, Choice{"", 0, {}, {0}})},
                 {"b", std::vector<Choice>(6000, Choice{"", 0, {0}, {}})}};
  wide.tensors = {{{0, 0}, {{1, 0}}, {}}};
  EXPECT_THROW(wide.validate(), ParseError);

  // One tensor wanted in thirty interfaces at once, each of them convertible into all others.
  SelectionProblem deep;
  deep.intern("x0");
  deep.layers = {{"a", {{"", 0, {}, {0}}}}};
  deep.tensors = {{{0, 0}, {}, {}}};
  for (int i = 1; i <= 30; ++i) {
    const int interface = deep.intern("x" + std::to_string(i));
    deep.layers.push_back({"b", {{"", 0, {interface}, {}}}});
    deep.tensors[0].consumers.push_back({i, 0});
    for (int j = 0; j < i; ++j) {
      deep.tensors[0].conversions.push_back({j, i, 1});
      deep.tensors[0].conversions.push_back({i, j, 1});
    }
  }
  EXPECT_THROW(deep.validate(), ParseError);
}

TEST(Problem, ManyPrivateInterfacesOfOneTensorAreFine) {
  // As with concatenations in place: each consumer wants a copy of its own, and few layouts convert.
  SelectionProblem problem;
  problem.intern("cpu:nchw");
  problem.intern("cpu:nhwc");
  problem.layers = {{"a", {{"", 3, {}, {0}}, {"", 1, {}, {1}}}}};
  problem.tensors = {{{0, 0}, {}, {{1, 0, 7}}}};
  for (int i = 1; i <= 40; ++i) {
    const int in_place = problem.intern("cpu:nchw>concat" + std::to_string(i));
    problem.layers.push_back({"concat", {{"", 0, {in_place}, {}}, {"", 3, {0}, {}}}});
    problem.tensors[0].consumers.push_back({i, 0});
    problem.tensors[0].conversions.push_back({0, in_place, i % 2 == 0 ? 1.0 : 5.0});
  }
  problem.validate();
  const SearchAnswer answer = make_strategy("exact")->search(problem, {});
  EXPECT_TRUE(answer.optimal);
  EXPECT_EQ(answer.cost_us, 3 + 20 * 1 + 20 * 3);
}

TEST(Problem, MangledTextNeverCrashes) {
  const std::string text = test::random_problem(21, {.private_share = 0}).to_json();
  Random random(4);
  int taken = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string mangled = text;
    for (int64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(mangled.size())));
      switch (random.below(4)) {
        case 0:
          mangled[at] = "[]{},:\"-0129e.\\ntf"[random.below(18)];
          break;
        case 1:
          mangled.erase(at, static_cast<size_t>(1 + random.below(30)));
          break;
        case 2:
          mangled.insert(at,
                         mangled.substr(static_cast<size_t>(random.below(static_cast<int64_t>(at + 1))), 40));
          break;
        default:
          mangled[at] = static_cast<char>(random.below(256));
      }
    }
    try {
      const SelectionProblem problem = SelectionProblem::parse(mangled);
      ++taken;
      for (const StrategyInfo& info : all_strategies())
        make_strategy(info.name)->search(problem, {.episodes = 20});
    } catch (const ParseError&) {
    } catch (const UnsupportedError&) {
    }
  }
  EXPECT_GT(taken, 50);
  EXPECT_LT(taken, 2900);
}

}  // namespace
}  // namespace raceline
