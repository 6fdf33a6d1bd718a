#include "raceline/dataset/layer_model.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/dataset/layer_nodes.h"
#include "raceline/model/npy.h"
#include "raceline/model/onnx_writer.h"
#include "raceline/profile/operands.h"

namespace raceline {
namespace {

constexpr int64_t opset = 13;
constexpr const char* first_operand = "x0";  ///< of the first layer

/// Names of initializers that hold what ONNX takes as operands.
std::vector<std::string> add_operands(OnnxWriter& writer, const NodeText& node, const std::string& prefix) {
  std::vector<std::string> names;
  if (node.skip_one) names.insert(names.end(), {"", ""});
  const auto name = [&] { return names.emplace_back(fmt::format("{}_{}", prefix, names.size())); };
  for (const std::vector<int64_t>& values : node.integers) {
    const Shape shape{static_cast<int64_t>(values.size())};
    writer.initializer(name(), Tensor::of<int64_t>(shape, values));
  }
  for (const float value : node.floats) {
    writer.initializer(name(), Tensor::of<float>(Shape{}, std::array{value}));
  }
  return names;
}

/// A model as it is written: layer after layer.
class Writing {
 public:
  Writing(std::filesystem::path folder, uint64_t seed)
      : folder_(std::move(folder)), seed_(seed), writer_("layer", opset) {
    files_.model = folder_ / "layer.onnx";
  }

  /// Adds the layer, on the values that are given for its first operands, and its own for the others. All
  /// names of the layer begin with the prefix; the result's is returned.
  std::string add(const LayerDesc& layer, const std::string& prefix, const std::vector<std::string>& given,
                  bool is_last) {
    if (const std::string why = why_no_onnx(layer); !why.empty())
      throw UnsupportedError(fmt::format("layer '{}': {}", layer.key(), why));
    std::vector<std::string> names = add_own_operands(layer, prefix, given);
    const std::vector<NodeText> nodes = nodes_of(layer);
    const std::string residual = layer.has_residual() ? names.back() : "";
    if (layer.has_residual()) names.pop_back();
    std::string result;
    for (size_t index = 0; index < nodes.size(); ++index) {
      result = is_last && index + 1 == nodes.size() ? "y" : fmt::format("{}t{}", prefix, index);
      const bool adds = index > 0 && layer.epilogue[index - 1].kind == EpilogueStep::Kind::add;
      if (adds) names.push_back(residual);
      const std::vector<std::string> more =
          add_operands(writer_, nodes[index], fmt::format("{}p{}", prefix, index));
      names.insert(names.end(), more.begin(), more.end());
      writer_.node(nodes[index].op, names, {result}, nodes[index].attributes);
      names = {result};
    }
    if (is_last) writer_.output("y", layer.outputs[0].shape, layer.outputs[0].type);
    return result;
  }

  LayerFiles write() && {
    writer_.write(files_.model);
    return std::move(files_);
  }

 private:
  std::vector<std::string> add_own_operands(const LayerDesc& layer, const std::string& prefix,
                                            const std::vector<std::string>& given) {
    std::vector<Tensor> operands = random_operands(layer, seed_);
    std::vector<std::string> names;
    for (size_t index = 0; index < layer.inputs.size(); ++index) {
      const OperandDesc& operand = layer.inputs[index];
      if (!operand.present) {
        names.emplace_back();
        continue;
      }
      if (index < given.size()) {
        names.push_back(given[index]);
        continue;
      }
      names.push_back(fmt::format("{}{}{}", prefix, operand.constant ? "w" : "x", index));
      if (operand.constant) {
        writer_.initializer(names.back(), std::move(operands[index]));
        continue;
      }
      writer_.input(names.back(), operand.desc.shape, operand.desc.type);
      const std::filesystem::path file = folder_ / fmt::format("{}.npy", names.back());
      write_npy(file, operands[index].view());
      files_.inputs[names.back()] = file;
    }
    return names;
  }

  std::filesystem::path folder_;
  uint64_t seed_;
  OnnxWriter writer_;
  LayerFiles files_;
};

}  // namespace

std::string why_no_onnx(const LayerDesc& layer) {
  for (const NodeText& node : nodes_of(layer)) {
    if (!node.why.empty()) return node.why;
  }
  const auto own = [](const OperandDesc& operand) { return operand.scale == 0; };
  for (const OperandDesc& operand : layer.inputs) {
    if (!own(operand)) return "quantised operands are not measured";
  }
  return {};
}

LayerFiles write_layer_model(const LayerDesc& layer, uint64_t seed, const std::filesystem::path& folder) {
  Writing writing(folder, seed);
  writing.add(layer, "", {}, true);
  return std::move(writing).write();
}

LayerFiles write_pair_model(const LayerPair& pair, uint64_t seed, const std::filesystem::path& folder) {
  Writing writing(folder, seed);
  std::vector<std::string> given{writing.add(pair.first, "", {}, false)};
  if (pair.is_gate()) given.push_back(first_operand);
  writing.add(pair.second, "second_", given, true);
  return std::move(writing).write();
}

}  // namespace raceline
