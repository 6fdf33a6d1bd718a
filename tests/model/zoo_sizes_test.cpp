// The zoo's networks have the sizes that are published for them, and the structure of their papers.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "raceline/base/hash.h"
#include "raceline/model/zoo/zoo.h"
#include "tests/model/testing.h"

namespace raceline::testing {
namespace {

/// What is published of a network: parameters that are trained, multiply-adds of one image. Papers round, and
/// differ in which small layers they count; 0 stands for what is not published.
struct Published {
  std::string_view name;
  double parameters, parameters_within;
  double multiply_adds, multiply_adds_within;
  std::string_view source;
};

// torchvision: num_params and GFLOPS (which are multiply-adds) of its tables of pre-trained weights, to the
// last digit where nothing differs. Its GoogLeNet has batch-norm and its Inception v3 counts the auxiliary
// head, so others are quoted for these.
const Published published[] = {
    {"lenet5", 61706, 0, 0, 0, "LeNet-5 of d2l.ai (dense layers of 120, 84 and 10 on 28x28)"},
    {"lenet5_caffe", 431080, 0, 2.293e6, 1e-3, "BVLC Caffe, examples/mnist/lenet.prototxt, from its shapes"},
    {"alexnet", 60965224, 0, 727e6, 0.01, "BVLC Caffe's AlexNet; convnet-burden"},
    {"alexnet_one_tower", 61100840, 0, 0.71e9, 0.01, "torchvision"},
    {"squeezenet", 1235496, 0, 0.35e9, 0.01, "torchvision, squeezenet1_1"},
    {"vgg16", 138357544, 0, 15.47e9, 1e-3, "torchvision"},
    {"vgg19", 143667240, 0, 19.63e9, 1e-3, "torchvision"},
    {"googlenet", 6998552, 0, 1.5e9, 0.06, "BVLC Caffe's GoogLeNet; the paper, section 1"},
    {"inception_v3", 23834568, 0, 5.71e9, 1e-3, "torchvision, the parameters without the auxiliary head"},
    {"resnet18", 11689512, 0, 1.81e9, 3e-3, "torchvision"},
    {"resnet32", 464154, 0, 69e6, 0.01, "github.com/akamaster/pytorch_resnet_cifar10; 0.46 M in the paper"},
    {"resnet50", 25557032, 0, 4.09e9, 1e-3, "torchvision"},
    {"densenet121", 7978856, 0, 2.83e9, 2e-3, "torchvision"},
    {"mobilenet_v1", 4.2e6, 0.01, 569e6, 1e-3, "the paper, table 4"},
    {"mobilenet_v1_ssd", 6.8e6, 0.01, 1.2e9, 0.04, "the MobileNet paper, table 13"},
    {"mobilenet_v2", 3504872, 0, 300e6, 0.01, "torchvision; the paper, table 4"},
    {"mobilefacenet", 0.99e6, 0.02, 221e6, 0.01, "the paper, tables 2 and 3"},
    {"shufflenet_v2", 2278604, 0, 146e6, 0.01, "torchvision; the paper, table 8"},
    {"efficientnet_b0", 5288548, 0, 0.39e9, 0.011, "torchvision; the paper, table 2"},
    {"unet", 31030658, 0, 48.1e9, 1e-3, "from the shapes of figure 1 of the paper, for this input"},
};

TEST(ZooSizes, AreThosePublished) {
  std::set<std::string_view> checked;
  for (const Published& row : published) {
    SCOPED_TRACE(std::string(row.name) + ": " + std::string(row.source));
    const auto net = std::find_if(zoo().begin(), zoo().end(),
                                  [&](const ZooNet& candidate) { return candidate.name == row.name; });
    ASSERT_NE(net, zoo().end());
    const ZooSize size = zoo_size(*net);
    EXPECT_NEAR(size.parameters, row.parameters, row.parameters_within * row.parameters);
    if (row.multiply_adds > 0) {
      EXPECT_NEAR(size.flops / 2, row.multiply_adds, row.multiply_adds_within * row.multiply_adds);
    }
    checked.insert(row.name);
  }
  for (const ZooNet& net : zoo()) EXPECT_TRUE(checked.contains(net.name)) << net.name;
}

Graph graph_of(const TempFolder& folder, std::string_view name, const ZooOptions& options = {}) {
  const auto path = folder / (std::string(name) + ".onnx");
  write_zoo(name, path, options);
  return OnnxModel::load(path).build({}, Reference().evaluator());
}

std::map<OpKind, int> counts_of(const Graph& graph) {
  std::map<OpKind, int> counts;
  for (const Node& node : graph.nodes()) ++counts[node.op];
  return counts;
}

/// Layers that figures and names of papers count.
struct Structure {
  std::string_view name;
  int convolutions, dense;
  std::vector<std::pair<std::string, Shape>> outputs;  ///< an empty name stands for any
};

const Structure structures[] = {
    {"lenet5", 2, 3, {{"", {2, 10}}}},
    {"lenet5_caffe", 2, 2, {{"", {2, 10}}}},
    {"squeezenet", 26, 0, {{"", {2, 1000}}}},
    {"googlenet", 57, 1, {{"", {2, 1000}}}},
    {"inception_v3", 94, 1, {{"", {2, 1000}}}},
    {"resnet18", 20, 1, {{"", {2, 1000}}}},
    {"resnet32", 31, 1, {{"", {2, 10}}}},
    {"resnet50", 53, 1, {{"", {2, 1000}}}},
    {"densenet121", 120, 1, {{"", {2, 1000}}}},
    {"mobilenet_v1", 27, 1, {{"", {2, 1000}}}},
    {"mobilenet_v1_ssd", 47, 0, {{"boxes", {2, 1917, 4}}, {"scores", {2, 1917, 91}}}},
    {"mobilenet_v2", 52, 1, {{"", {2, 1000}}}},
    {"mobilefacenet", 50, 0, {{"", {2, 128}}}},
    {"shufflenet_v2", 56, 1, {{"", {2, 1000}}}},
    {"efficientnet_b0", 81, 1, {{"", {2, 1000}}}},
    {"unet", 19, 0, {{"", {2, 2, 256, 256}}}},
};

TEST(ZooStructure, HasTheLayersAndOutputsOfThePapers) {
  const TempFolder folder;
  for (const Structure& wanted : structures) {
    SCOPED_TRACE(wanted.name);
    const Graph graph = graph_of(folder, wanted.name, {.batch = 2});
    std::map<OpKind, int> counts = counts_of(graph);
    EXPECT_EQ(counts[OpKind::conv2d], wanted.convolutions);
    EXPECT_EQ(counts[OpKind::gemm], wanted.dense);
    ASSERT_EQ(graph.outputs().size(), wanted.outputs.size());
    for (size_t index = 0; index < wanted.outputs.size(); ++index) {
      const auto& [name, shape] = wanted.outputs[index];
      EXPECT_EQ(graph.desc(graph.outputs()[index].value).shape, shape);
      if (!name.empty()) {
        EXPECT_EQ(graph.outputs()[index].name, name);
      }
    }
  }
}

TEST(ZooStructure, UNetHasTheTwentyThreeConvolutionsOfItsPaper) {
  const TempFolder folder;
  std::map<OpKind, int> counts = counts_of(graph_of(folder, "unet"));
  EXPECT_EQ(counts[OpKind::conv2d] + counts[OpKind::conv_transpose], 23);
  EXPECT_EQ(counts[OpKind::concat], 4);
}

TEST(ZooFiles, TheSameNameSeedAndBatchGiveTheSameBytes) {
  const TempFolder folder;
  const auto bytes = [&](std::string_view name, const ZooOptions& options) {
    const auto path = folder / "net.onnx";
    write_zoo(name, path, options);
    const MappedFile file(path);
    return hash_bytes(file.bytes());
  };
  for (const ZooNet& net : zoo()) {
    if (zoo_size(net).parameters > 10e6) continue;  // one code writes them all
    SCOPED_TRACE(net.name);
    EXPECT_EQ(bytes(net.name, {.seed = 3}), bytes(net.name, {.seed = 3}));
    EXPECT_NE(bytes(net.name, {.seed = 3}), bytes(net.name, {.seed = 4}));
    EXPECT_NE(bytes(net.name, {.seed = 3}), bytes(net.name, {.batch = 2, .seed = 3}));
  }
}

TEST(ZooFiles, HoldNoMoreThanTheParametersAndTheStatistics) {
  const TempFolder folder;
  for (const std::string_view name : {"lenet5", "mobilenet_v2", "mobilefacenet", "resnet32"}) {
    SCOPED_TRACE(name);
    const auto path = folder / "net.onnx";
    write_zoo(name, path);
    const auto net = std::find_if(zoo().begin(), zoo().end(),
                                  [&](const ZooNet& candidate) { return candidate.name == name; });
    const auto size = static_cast<double>(std::filesystem::file_size(path));
    EXPECT_GT(size, 4 * zoo_size(*net).parameters);
    EXPECT_LT(size, 4 * zoo_size(*net).parameters * 1.1 + 50e3);
  }
}

}  // namespace
}  // namespace raceline::testing
