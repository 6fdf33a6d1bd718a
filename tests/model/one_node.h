// One ONNX node, written to a file and read back: what the tests of the op table look at.
#pragma once
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "raceline/base/text.h"
#include "tests/model/testing.h"

namespace raceline::testing {

using Names = std::vector<std::string>;
using Attributes = std::vector<OnnxAttribute>;

struct NodeInput {
  std::string name;
  TensorDesc desc;
};

/// One ONNX node of the given inputs and integer constants, imported; the text of the graph's nodes.
class OneNode {
 public:
  OneNode(int64_t opset, std::string op) : opset_(opset), op_(std::move(op)) {}
  OneNode& input(const std::string& name, const Shape& shape, DataType type = DataType::f32) {
    inputs_.push_back({name, {type, shape}});
    operands_.push_back(name);
    return *this;
  }
  OneNode& weights(const std::string& name, const Shape& shape) {
    constants_.emplace_back(name, random_tensor(shape, 5));
    operands_.push_back(name);
    return *this;
  }
  OneNode& ints(const std::string& name, std::vector<int64_t> values) {
    constants_.emplace_back(name, integers(std::move(values)));
    operands_.push_back(name);
    return *this;
  }
  OneNode& constant(const std::string& name, Tensor tensor) {
    constants_.emplace_back(name, std::move(tensor));
    operands_.push_back(name);
    return *this;
  }
  OneNode& none() {
    operands_.emplace_back();
    return *this;
  }
  OneNode& attributes(Attributes attributes) {
    attributes_ = std::move(attributes);
    return *this;
  }
  OneNode& outputs(Names names) {
    outputs_ = std::move(names);
    return *this;
  }

  Graph build() {
    const TempFolder folder;
    OnnxWriter writer("one", opset_);
    for (const NodeInput& input : inputs_) writer.input(input.name, input.desc.shape, input.desc.type);
    for (auto& [name, tensor] : constants_) {
      Tensor copy(tensor.desc());
      std::memcpy(copy.bytes().data(), tensor.bytes().data(), copy.bytes().size());
      writer.initializer(name, std::move(copy));
    }
    writer.node(op_, operands_, outputs_, attributes_, "n");
    for (const std::string& output : outputs_) {
      if (!output.empty()) writer.output(output, Shape{});
    }
    writer.write(folder / "one.onnx");
    return OnnxModel::load(folder / "one.onnx").build({}, reference_.evaluator());
  }
  /// One line a node: name, outputs, op, operands, parameters.
  std::string nodes() {
    const Graph graph = build();
    graph.verify();
    std::string lines;
    const std::string text = graph.to_string();
    for (const std::string_view line : split(text, '\n')) {
      if (starts_with(line, "node ")) lines += std::string(line.substr(5)) + "\n";
    }
    return lines;
  }

 private:
  int64_t opset_;
  std::string op_;
  std::vector<NodeInput> inputs_;
  std::vector<std::pair<std::string, Tensor>> constants_;
  Names operands_;
  Attributes attributes_;
  Names outputs_ = {"y"};
  Reference reference_;
};

}  // namespace raceline::testing
