// Recurrent layers are unrolled, or refused for a stated reason. tests/cli/test_real_files.py has their
// numbers.
#include <algorithm>

#include "tests/model/one_node.h"

namespace raceline {
namespace {

using namespace testing;

OneNode lstm(int64_t steps) {
  OneNode node(14, "LSTM");
  node.input("x", {steps, 2, 3}).weights("w", {1, 16, 3}).weights("r", {1, 16, 4}).outputs({"y"});
  return node;
}

TEST(Recurrent, OneProductForAllInputsAndOneAStep) {
  const Graph graph = lstm(5).build();
  graph.verify();
  EXPECT_EQ(graph.desc(graph.find_value("y")).shape, (Shape{5, 1, 2, 4}));
  EXPECT_EQ(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                          [](const Node& node) { return node.op == OpKind::gemm; }),
            6);
}

TEST(Recurrent, OutputsThatNobodyWantsAreNotMade) {
  OneNode node = lstm(3);
  const Graph graph = node.outputs({"", "last", "cell"}).build();
  EXPECT_EQ(graph.desc(graph.find_value("last")).shape, (Shape{1, 2, 4}));
  EXPECT_EQ(graph.desc(graph.find_value("cell")).shape, (Shape{1, 2, 4}));
}

TEST(Recurrent, RefusesWhatItCannotDo) {
  const auto refused = [](auto&& node) { return thrown<UnsupportedError>([&] { node.build(); }); };
  EXPECT_TRUE(contains(refused(lstm(100'000)), "100000 steps make more than"));
  EXPECT_TRUE(contains(refused(lstm(0)), "no elements"));
  EXPECT_TRUE(contains(refused(lstm(5).none().ints("lengths", {5, 3})), "different lengths"));
  EXPECT_TRUE(contains(refused(lstm(5).none().none().none().none().weights("p", {1, 12})), "peepholes"));
  EXPECT_TRUE(contains(refused(lstm(5).attributes({{"layout", int64_t{1}}})), "'layout'"));
  EXPECT_TRUE(contains(refused(lstm(5).attributes({{"direction", std::string("up")}})), "'direction'"));
  EXPECT_TRUE(contains(refused(lstm(5).attributes({{"clip", 1.0f}})), "'clip'"));
}

TEST(Recurrent, ShapesThatDoNotFitAreErrors) {
  const auto failed = [](auto&& node) { return thrown<GraphError>([&] { node.build(); }); };
  EXPECT_TRUE(contains(failed(lstm(5).weights("b", {1, 31})), "operand 3 is 1x31; 1x32 wanted"));
  EXPECT_TRUE(
      contains(failed(lstm(5).attributes({{"direction", std::string("bidirectional")}})), "operand 1"));
  EXPECT_TRUE(contains(failed(lstm(5).attributes({{"hidden_size", int64_t{5}}})), "hidden_size"));
  OneNode flat(14, "GRU");
  EXPECT_TRUE(
      contains(failed(flat.input("x", {5, 3}).weights("w", {12, 3}).weights("r", {12, 4})), "rank 3"));
}

}  // namespace
}  // namespace raceline
