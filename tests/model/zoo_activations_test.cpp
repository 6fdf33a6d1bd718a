// The zoo's random networks say something: activations of natural size from the first layer to the last, and
// outputs that tell images apart. Minutes of the reference for the large ones, which carry the label "long".
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "raceline/model/zoo/zoo.h"
#include "tests/model/testing.h"

namespace raceline::testing {
namespace {

constexpr uint64_t image_seed = 20;

Tensor normal_images(const Shape& shape) {
  Random random(image_seed);
  Tensor tensor({DataType::f32, shape});
  for (int64_t i = 0; i < shape.elements(); ++i)
    tensor.data<float>()[i] = static_cast<float>(random.normal());
  return tensor;
}

double root_mean_square(const Tensor& tensor) {
  const int64_t count = tensor.desc().shape.elements();
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += double{tensor.data<float>()[i]} * tensor.data<float>()[i];
  return std::sqrt(sum / static_cast<double>(count));
}

/// Computes a graph of one input node by node, and looks at each f32 result.
template <class Look>
std::vector<Tensor> compute(const Graph& graph, const Tensor& input, const Look& look) {
  Reference reference;
  const Evaluator evaluate = reference.evaluator();
  std::vector<Tensor> values(graph.values().size());
  std::vector<size_t> uses_left(values.size());
  for (size_t id = 0; id < values.size(); ++id)
    uses_left[id] = graph.consumers(static_cast<ValueId>(id)).size();
  for (size_t index = 0; index < graph.nodes().size(); ++index) {
    const Node& node = graph.nodes()[index];
    std::vector<TensorView> operands;
    for (const ValueId id : node.inputs) {
      if (id == absent) {
        operands.emplace_back();
      } else if (graph.is_constant(id)) {
        operands.push_back(graph.constant(id));
      } else {
        operands.push_back(id == graph.inputs()[0] ? input.view() : values[static_cast<size_t>(id)].view());
      }
    }
    std::vector<Tensor> results = evaluate(graph.layer(static_cast<NodeId>(index)), operands);
    for (size_t slot = 0; slot < results.size(); ++slot) {
      const auto id = static_cast<size_t>(node.outputs[slot]);
      values[id] = std::move(results[slot]);
      if (values[id].desc().type == DataType::f32) look(node, values[id]);
    }
    for (const ValueId id : node.inputs) {
      if (id == absent || --uses_left[static_cast<size_t>(id)] > 0 || graph.is_output(id)) continue;
      values[static_cast<size_t>(id)] = {};
    }
  }
  std::vector<Tensor> outputs;
  for (const Graph::Output& output : graph.outputs())
    outputs.push_back(std::move(values[static_cast<size_t>(output.value)]));
  return outputs;
}

/// Two images through a network: every activation finite and neither tiny nor huge, no probability near one,
/// outputs that differ among themselves and between the images.
void expect_natural(std::string_view name) {
  SCOPED_TRACE(name);
  const TempFolder folder;
  const auto path = folder / "net.onnx";
  write_zoo(name, path, {.batch = 2});
  Reference reference;
  const Graph graph = OnnxModel::load(path).build({}, reference.evaluator());
  bool probabilities = false;
  double least = std::numeric_limits<double>::max(), most = 0;
  const Tensor images = normal_images(graph.desc(graph.inputs()[0]).shape);
  const std::vector<Tensor> outputs = compute(graph, images, [&](const Node& node, const Tensor& tensor) {
    const double size = root_mean_square(tensor);
    EXPECT_TRUE(std::isfinite(size)) << node.name;
    probabilities = node.op == OpKind::softmax;
    if (probabilities) return;
    least = std::min(least, size);
    most = std::max(most, size);
  });
  EXPECT_GT(least, 0.1);
  EXPECT_LT(most, 10);
  for (const Tensor& output : outputs) {
    const int64_t half = output.desc().shape.elements() / 2;
    const float* first = output.data<float>();
    const auto [low, high] = std::minmax_element(first, first + half);
    double difference = 0;
    for (int64_t i = 0; i < half; ++i)
      difference = std::max(difference, std::abs(double{first[i]} - first[half + i]));
    const double largest = std::max(std::abs(double{*low}), std::abs(double{*high}));
    EXPECT_GT(*high - *low, 0.5 * largest) << "all outputs are much the same";
    EXPECT_GT(difference, 0.01 * largest) << "two images give the same";
    if (probabilities) {
      EXPECT_LT(*high, 0.9);
    }
  }
}

class ZooActivations : public ::testing::TestWithParam<const char*> {};

TEST_P(ZooActivations, StayOfNaturalSize) {
  expect_natural(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Small, ZooActivations,
                         ::testing::Values("lenet5", "lenet5_caffe", "squeezenet", "resnet32", "mobilenet_v1",
                                           "mobilenet_v2", "mobilefacenet", "shufflenet_v2",
                                           "efficientnet_b0"),
                         [](const auto& info) { return std::string(info.param); });
INSTANTIATE_TEST_SUITE_P(DISABLED_Long, ZooActivations,
                         ::testing::Values("alexnet", "alexnet_one_tower", "vgg16", "vgg19", "googlenet",
                                           "inception_v3", "resnet18", "resnet50", "densenet121",
                                           "mobilenet_v1_ssd", "unet"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace raceline::testing
