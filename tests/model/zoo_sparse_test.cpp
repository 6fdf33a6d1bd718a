// Pruned networks of the zoo: as many zeros as asked for, where they are asked for, and nothing else changed.
#include <algorithm>
#include <cmath>

#include "raceline/graph/density.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/model/zoo/prune.h"
#include "raceline/model/zoo/zoo.h"
#include "tests/model/testing.h"

namespace raceline::testing {
namespace {

Graph graph_of(const TempFolder& folder, std::string_view name, const ZooOptions& options) {
  const auto path = folder / (std::string(name) + ".onnx");
  write_zoo(name, path, options);
  Reference reference;
  return run_passes(OnnxModel::load(path).build({}, reference.evaluator()), reference.evaluator(),
                    {.fusion = false});
}

int64_t zeros_in(const TensorView& tensor) {
  const auto* data = tensor.data<const float>();
  return std::count(data, data + tensor.desc.shape.elements(), 0.0f);
}

TEST(ZooSparsity, IsTheShareOfTheWeightsOfConvolutionsAndDenseLayersAndOfNothingElse) {
  const TempFolder folder;
  for (const double share : {0.5, 0.9}) {
    const Graph graph = graph_of(folder, "lenet5_caffe", {.sparsity = share});
    int layers = 0;
    for (const Node& node : graph.nodes()) {
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!graph.is_constant(node.inputs[i])) continue;
        const TensorView tensor = graph.constant(node.inputs[i]);
        const bool weights = i == 1 && (node.op == OpKind::conv2d || node.op == OpKind::gemm);
        const double wanted =
            weights ? std::ceil(share * static_cast<double>(tensor.desc.shape.elements())) : 0;
        EXPECT_EQ(static_cast<double>(zeros_in(tensor)), wanted) << node.name << ", operand " << i;
        if (!weights) continue;
        ++layers;
        EXPECT_EQ(graph.value(node.inputs[i]).density, share < 0.9 ? 1 : 3) << node.name;
      }
    }
    EXPECT_EQ(layers, 4);
  }
}

TEST(ZooSparsity, OfBlocksLeavesWholeBlocks) {
  const TempFolder folder;
  const Graph graph = graph_of(folder, "resnet32", {.sparsity = 0.9, .sparse_blocks = true});
  for (const Node& node : graph.nodes()) {
    if (node.op != OpKind::conv2d) continue;
    EXPECT_EQ(graph.value(node.inputs[1]).density, 3) << node.name;
    EXPECT_EQ(graph.value(node.inputs[1]).block_density, 3) << node.name;
  }
}

TEST(Prune, TakesTheSmallestAndKeepsTheSumOfSquares) {
  std::vector<float> weights = {4, -1, 2, 3, -5, 1, 0.5f, -2, 6, 1};
  double before = 0, after = 0;
  for (const float weight : weights) before += weight * weight;
  prune(weights, {1, 2, 5, 0, 5, 1}, 0.5, 1);
  for (const float weight : weights) after += weight * weight;
  EXPECT_NEAR(after, before, 1e-3);
  const float scale = weights[0] / 4;
  EXPECT_GT(scale, 1);
  // Of the two twos the first goes.
  const std::vector<float> wanted = {4, 0, 0, 3, -5, 0, 0, -2, 6, 0};
  for (size_t i = 0; i < weights.size(); ++i) EXPECT_FLOAT_EQ(weights[i], wanted[i] * scale) << i;
}

}  // namespace
}  // namespace raceline::testing
