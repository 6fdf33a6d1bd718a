// Building, rewriting and checking graphs.
#include <fstream>
#include <functional>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/graph/rewrite.h"
#include "tests/graph/graph_maker.h"

namespace raceline {
namespace {

using test::GraphMaker;

/// The text of the GraphError that f throws; empty when it throws none.
std::string refusal(const std::function<void()>& f) {
  try {
    f();
    return {};
  } catch (const GraphError& error) {
    return error.what();
  }
}

#define EXPECT_REFUSED(statement, text)                             \
  do {                                                              \
    const std::string why = refusal([&] { statement; });            \
    EXPECT_NE(why.find(text), std::string::npos) << "got: " << why; \
  } while (false)

TEST(Graph, RefusesWhatCannotBe) {
  Graph graph;
  const TensorDesc desc{DataType::f32, {1, 3, 8, 8}};
  const ValueId x = graph.add_input("x", desc);
  graph.add_node("relu", OpKind::unary, UnaryParams{}, {x}, {"y"});
  EXPECT_REFUSED(graph.add_input("x", desc), "named 'x'");
  EXPECT_REFUSED(graph.add_input("", desc), "no name");
  EXPECT_REFUSED(graph.add_node("relu", OpKind::unary, UnaryParams{}, {x}), "used twice");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, NoParams{}, {x}), "parameters belong to another op");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, UnaryParams{}, {x, x}), "2 operands given");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, UnaryParams{}, {7}), "operand 7 does not exist");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, UnaryParams{}, {-2}), "operand -2 does not exist");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, UnaryParams{}, {absent}), "operand 0 (input) is missing");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, UnaryParams{}, {x}, {"b", "c"}), "2 outputs asked for");
  EXPECT_REFUSED(graph.add_node("a", OpKind::unary, UnaryParams{}, {x}, {"y"}), "named 'y'");
  EXPECT_REFUSED(graph.add_node("a", OpKind::conv3d, ConvParams{}, {x, x}), "node 'a' (conv3d)");
  EXPECT_REFUSED(graph.mark_output(9, "out"), "'out' is no value");
  const std::byte byte{};
  EXPECT_REFUSED(graph.add_constant_view("w", desc, {&byte, 1}), "768 bytes");
}

TEST(Graph, RefusesFusionsThatAreNoLayer) {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  const ValueId a = g.relu("a", g.conv3x3("conv_a", x, 2));
  const ValueId b = g.conv3x3("conv_b", a, 2);
  g.output(g.add("sum", {g.relu("b1", b), g.relu("b2", b)}));
  Graph& graph = g.graph();
  const auto fusion = [&](const std::vector<std::string>& names) {
    Fusion fusion;
    for (const std::string& name : names) fusion.nodes.push_back(graph.find_node(name));
    graph.add_fusion(fusion);
  };
  EXPECT_EQ(refusal([&] { fusion({"conv_a", "a"}); }), "");
  EXPECT_REFUSED(fusion({"conv_a"}), "fewer than two");
  EXPECT_REFUSED(fusion({"conv_b", "b1"}), "another use");
  EXPECT_REFUSED(fusion({"conv_a", "b1"}), "do not follow");
  EXPECT_REFUSED(fusion({"conv_a", "nothing"}), "does not exist");
  EXPECT_REFUSED(fusion({"a", "conv_b"}), "neither a unary function");
}

/// conv, perhaps a function, a pooling: as one layer, or why not.
std::string pooled_layer(const PoolParams& pool, std::optional<UnaryParams> before = {}) {
  GraphMaker g;
  std::vector<NodeId> nodes = {0};
  ValueId v = g.conv3x3("conv", g.input("x", {1, 2, 7, 9}), 3);
  if (before) {
    nodes.push_back(1);
    v = g.node("function", OpKind::unary, *before, {v});
  }
  nodes.push_back(nodes.back() + 1);
  g.output(g.node("pool", OpKind::max_pool, pool, {v}));
  Graph& graph = g.graph();
  const std::string why = refusal([&] { graph.add_fusion({nodes}); });
  return why.empty() ? graph.layer(graph.fusions()[0]).key() : why;
}

TEST(Graph, FusesConvolutionsWithPoolingOfWindowsThatDoNotOverlapBehindMonotonicFunctions) {
  const PoolParams pool{.kernel = {2, 3}, .stride = {2, 3}};
  const std::string layer = "conv2d_max_pool 1x2x7x9 3x2x3x3* pads_begin=1x1 pads_end=1x1 window=2x3";
  EXPECT_EQ(pooled_layer(pool), layer);
  EXPECT_EQ(pooled_layer(pool, UnaryParams{UnaryKind::relu}), layer + " +relu");
  EXPECT_EQ(pooled_layer(pool, UnaryParams{UnaryKind::leaky_relu, 0.1f}), layer + " +leaky_relu(0.1)");
  EXPECT_EQ(pooled_layer(pool, UnaryParams{UnaryKind::selu, 1.5f, 1}), layer + " +selu(1.5,1)");
  constexpr const char* refused = "such a pooling is not computed with what is before it";
  for (const UnaryParams& function : {UnaryParams{UnaryKind::leaky_relu, -0.1f}, UnaryParams{UnaryKind::abs},
                                      UnaryParams{UnaryKind::hard_swish}, UnaryParams{UnaryKind::neg}}) {
    EXPECT_NE(pooled_layer(pool, function).find(refused), std::string::npos) << to_string(function.kind);
  }
  for (const PoolParams& other :
       {PoolParams{.kernel = {2, 2}}, PoolParams{.kernel = {3, 3}, .stride = {2, 2}},
        PoolParams{.kernel = {2, 2}, .stride = {2, 2}, .pads_begin = {1, 0}},
        PoolParams{.kernel = {2, 2}, .stride = {2, 2}, .dilation = {2, 1}},
        PoolParams{.kernel = {2, 2}, .stride = {2, 2}, .ceil_mode = true}}) {
    EXPECT_NE(pooled_layer(other).find(refused), std::string::npos) << pooled_layer(other);
  }
  // 9 columns are whole windows of 3, and so are 6 rows: rounding up changes nothing then.
  EXPECT_EQ(pooled_layer({.kernel = {1, 3}, .stride = {1, 3}, .ceil_mode = true}),
            "conv2d_max_pool 1x2x7x9 3x2x3x3* pads_begin=1x1 pads_end=1x1 window=1x3");
}

TEST(Graph, SaysWhoUsesWhat) {
  GraphMaker g;
  const ValueId x = g.input("x", {3});
  const ValueId y = g.add("twice", {x, x});
  g.output(y);
  const Graph graph = g.take();
  EXPECT_EQ(graph.consumers(x).size(), 2u);
  EXPECT_EQ(graph.consumers(y).size(), 0u);
  EXPECT_TRUE(graph.is_output(y));
  EXPECT_FALSE(graph.is_output(x));
  EXPECT_EQ(graph.find_value("twice.y"), y);
  EXPECT_EQ(graph.find_node("twice"), 0);
  EXPECT_EQ(graph.find_node("x"), absent);
  EXPECT_EQ(graph.free_name("x"), "x_1");
  EXPECT_EQ(graph.free_name("z"), "z");
}

TEST(Graph, KeyChangesWithTheStructureAndNotWithTheWeights) {
  const auto build = [](uint64_t seed, int64_t channels, const char* name) {
    GraphMaker g(seed);
    g.output(g.conv3x3(name, g.input("x", {1, 2, 4, 4}), channels));
    return g.take().key();
  };
  EXPECT_EQ(build(1, 2, "conv"), build(2, 2, "conv"));
  EXPECT_NE(build(1, 2, "conv"), build(1, 3, "conv"));
  EXPECT_NE(build(1, 2, "conv"), build(1, 2, "other"));
  EXPECT_EQ(build(1, 2, "conv").size(), 16u);
}

TEST(Graph, GivesBackConstants) {
  GraphMaker g;
  const ValueId w = g.constant("w", {10});
  Graph graph = g.take();
  EXPECT_EQ(graph.constant_bytes(), 40u);
  graph.release_constant(w);
  EXPECT_EQ(graph.constant_bytes(), 0u);
  EXPECT_REFUSED(graph.constant(w), "'w' has been released");
}

TEST(Graph, WithoutAnOutputIsRefusedByVerify) {
  GraphMaker g;
  const ValueId x = g.input("x", {3});
  EXPECT_REFUSED(g.graph().verify(), "no output");
  g.output(x);
  EXPECT_EQ(refusal([&] { g.graph().verify(); }), "");
}

TEST(Rewriter, MovesConstantsAndDropsThoseNobodyUses) {
  GraphMaker g;
  const ValueId w = g.constant("w", {1000});
  g.constant("unused", {1000});
  g.output(g.add("y", {g.input("x", {1000}), w}));
  Graph source = g.take();
  const void* bytes = source.constant(w).memory.host();
  Rewriter rewriter(std::move(source));
  rewriter.copy(0);
  EXPECT_EQ(rewriter.source().constant(w).memory.host(), bytes);  // still there to be read
  const Graph graph = rewriter.finish();
  EXPECT_EQ(graph.constant(graph.find_value("w")).memory.host(), bytes);
  EXPECT_EQ(graph.constant_bytes(), 4000u);
  EXPECT_EQ(graph.find_value("unused"), absent);
}

TEST(Rewriter, KeepsViewsAndWhatTheyLieIn) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("raceline_rewriter_{}", ::getpid());
  write_file(path, std::string(64, '\0'));
  Graph source;
  MappedFile file(path);
  const auto bytes = file.bytes().first(16);
  const ValueId w = source.add_constant_view("w", {DataType::f32, {4}}, bytes);
  source.keep(std::move(file));
  const ValueId x = source.add_input("x", {DataType::f32, {4}});
  source.mark_output(source.node(source.add_node("y", OpKind::binary, BinaryParams{}, {x, w})).outputs[0],
                     "y");
  Rewriter rewriter(std::move(source));
  rewriter.copy(0);
  std::filesystem::remove(path);
  const Graph graph = rewriter.finish();
  const TensorView view = graph.constant(graph.find_value("w"));
  EXPECT_EQ(static_cast<const void*>(view.memory.host()), bytes.data());
  EXPECT_EQ(view.data<const float>()[3], 0);
}

/// Pages of mapped files that are in memory, of this process.
int64_t resident_file_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  return shared * ::sysconf(_SC_PAGESIZE);
}

TEST(Rewriter, LeavesNothingOfAFileInMemoryThatWasOnlyRead) {
  constexpr int64_t bytes = int64_t{16} << 20;
  const auto path = std::filesystem::temp_directory_path() / fmt::format("raceline_pages_{}", ::getpid());
  write_file(path, std::string(bytes, '\1'));
  Graph source;
  MappedFile file(path);
  std::filesystem::remove(path);
  const ValueId w = source.add_constant_view("w", {DataType::u8, {bytes}}, file.bytes());
  source.keep(std::move(file));
  source.mark_output(w, "y");
  const auto sum = [](const TensorView& view) {
    return std::accumulate(view.data<const uint8_t>(), view.data<const uint8_t>() + bytes, int64_t{0});
  };
  const int64_t before = resident_file_bytes();
  EXPECT_EQ(sum(source.constant(w)), bytes);
  EXPECT_GT(resident_file_bytes() - before, bytes / 2);
  const Graph graph = Rewriter(std::move(source)).finish();
  EXPECT_LT(resident_file_bytes() - before, bytes / 2);
  EXPECT_EQ(sum(graph.constant(graph.find_value("w"))), bytes);
}

}  // namespace
}  // namespace raceline
