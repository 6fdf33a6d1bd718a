// Density classes of weights: by element, by block, of shared weights, and that dense ones cost little.
#include "raceline/graph/density.h"

#include <gtest/gtest.h>

#include "raceline/base/random.h"
#include "raceline/graph/passes/passes.h"
#include "tests/graph/graph_maker.h"
#include "tests/graph/stand_in.h"

namespace raceline {
namespace {

using test::GraphMaker;

/// A graph of one convolution or gemm with these weights, after all passes.
LayerDesc layer_with(OpKind op, const OpParams& params, const Shape& x, const Shape& w,
                     const std::vector<float>& weights) {
  GraphMaker g;
  const ValueId data = g.input("x", x);
  const ValueId constant = g.graph().add_constant("w", Tensor::of<float>(w, std::span(weights)));
  g.output(g.node("y", op, params, {data, constant}));
  const Graph graph = run_passes(g.take(), test::stand_in);
  return graph.layer(NodeId{0});
}

std::vector<float> weights_with(int64_t count, const std::vector<int64_t>& present) {
  std::vector<float> weights(static_cast<size_t>(count));
  for (const int64_t at : present) weights[static_cast<size_t>(at)] = 0.5f;
  return weights;
}

TEST(Density, IsTheLargestClassThatHolds) {
  const auto class_of = [](int64_t present) {
    std::vector<int64_t> places;
    for (int64_t i = 0; i < present; ++i) places.push_back(5 * i % 64);
    return density_of({1, 1, 64, 0, 0, 1}, weights_with(64, places).data()).elements;
  };
  EXPECT_EQ(class_of(64), 0);
  EXPECT_EQ(class_of(33), 0);
  EXPECT_EQ(class_of(32), 1);
  EXPECT_EQ(class_of(17), 1);
  EXPECT_EQ(class_of(16), 2);
  EXPECT_EQ(class_of(7), 3);
  EXPECT_EQ(class_of(1), 6);
  EXPECT_EQ(class_of(0), no_density);
}

TEST(Density, StandsInTheKeyOfALayerWithConstantWeights) {
  // One filter of 16 is not zero: a sixteenth of the elements, but each lies in a block of its own.
  std::vector<int64_t> one_filter;
  for (int64_t i = 0; i < 12; ++i) one_filter.push_back(3 * 12 + i);
  EXPECT_EQ(
      layer_with(OpKind::conv2d, ConvParams{}, {1, 3, 4, 4}, {16, 3, 2, 2}, weights_with(192, one_filter))
          .key(),
      "conv2d 1x3x4x4 16x3x2x2*4");
  // One input element of twelve meets all filters.
  std::vector<int64_t> one_input;
  for (int64_t filter = 0; filter < 16; ++filter) one_input.push_back(filter * 12 + 7);
  EXPECT_EQ(
      layer_with(OpKind::conv2d, ConvParams{}, {1, 3, 4, 4}, {16, 3, 2, 2}, weights_with(192, one_input))
          .key(),
      "conv2d 1x3x4x4 16x3x2x2*3/3");
  // A gemm's outputs are columns, or rows where B is transposed.
  std::vector<int64_t> one_row;
  for (int64_t column = 0; column < 32; ++column) one_row.push_back(2 * 32 + column);
  EXPECT_EQ(layer_with(OpKind::gemm, GemmParams{}, {1, 8}, {8, 32}, weights_with(256, one_row)).key(),
            "gemm 1x8 8x32*3/3");
  EXPECT_EQ(
      layer_with(OpKind::gemm, GemmParams{.trans_b = true}, {1, 32}, {8, 32}, weights_with(256, one_row))
          .key(),
      "gemm 1x32 8x32*3 trans_b=1");
  EXPECT_EQ(layer_with(OpKind::gemm, GemmParams{}, {1, 8}, {8, 4}, std::vector<float>(32, 1)).key(),
            "gemm 1x8 8x4*");
}

TEST(Density, OfBlocksEndsAtAGroup) {
  // Two groups of 8 filters: a block holds 8, not 16.
  std::vector<float> weights(16 * 4);
  for (int64_t filter = 0; filter < 8; ++filter) weights[static_cast<size_t>(filter * 4 + 1)] = 1;
  const auto grid = WeightGrid::of(OpKind::conv2d, ConvParams{.group = 2}, {16, 1, 2, 2});
  ASSERT_TRUE(grid);
  EXPECT_EQ(density_of(*grid, weights.data()), (Density{3, 3}));
}

TEST(Density, OfSharedWeightsIsThatOfTheDenserUse) {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 16});
  std::vector<float> weights(256);
  for (size_t i = 0; i < 16; ++i) weights[32 + i] = 1;
  const ValueId w =
      g.graph().add_constant("w", Tensor::of<float>({16, 16}, std::span(std::as_const(weights))));
  const ValueId y = g.node("rows", OpKind::gemm, GemmParams{}, {x, w});
  g.output(g.node("columns", OpKind::gemm, GemmParams{.trans_b = true}, {y, w}));
  const Graph graph = run_passes(g.take(), test::stand_in);
  for (const NodeId id : {NodeId{0}, NodeId{1}}) {
    EXPECT_EQ(graph.layer(id).inputs[1].density, 4);
    EXPECT_EQ(graph.layer(id).inputs[1].block_density, 0);
  }
}

TEST(Density, OfLargeWeightsIsTheSameWhetherOrNotASampleLooksDense) {
  // 60 % of the elements: the sample cannot tell for sure, and the class is 0 either way. 40 %: class 1.
  for (const double share : {0.4, 0.6, 0.9}) {
    Random random(5);
    std::vector<float> weights(int64_t{1} << 16);
    for (float& weight : weights) weight = random.uniform() < share ? 1.0f : 0.0f;
    EXPECT_EQ(density_of({1, 256, 256, 0, 256, 1}, weights.data()),
              (Density{share < 0.5 ? uint8_t{1} : uint8_t{0}, 0}));
  }
}

}  // namespace
}  // namespace raceline
