// Subgraphs whose place in the graph is decided when it is built: the branch of an If that is taken.
#include <unordered_map>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/graph_import.h"
#include "raceline/model/node_import.h"

namespace raceline {

void GraphImport::add_branch(const onnx::GraphProto& branch, const std::vector<std::string>& outputs,
                             int64_t opset) {
  if (branch.input_size() > 0) throw GraphError("a branch with inputs");
  if (static_cast<size_t>(branch.output_size()) < outputs.size()) {
    throw GraphError(
        fmt::format("a branch of {} outputs; {} are used", branch.output_size(), outputs.size()));
  }
  // Branches may name their values alike; what they take from the graph around them keeps its name.
  std::unordered_map<std::string, std::string> renamed;
  const auto declare = [&](const std::string& name) {
    if (name.empty()) return;
    const auto [entry, is_new] = renamed.emplace(name, fresh(name));
    if (!is_new) throw GraphError(fmt::format("'{}' is defined twice", name));
    reserved_.insert(entry->second);
  };
  const auto rename = [&](const std::string& name) {
    const auto found = renamed.find(name);
    return found == renamed.end() ? name : found->second;
  };
  for (const onnx::TensorProto& tensor : branch.initializer()) declare(tensor.name());
  for (const onnx::NodeProto& node : branch.node()) {
    for (const std::string& output : node.output()) declare(output);
  }
  for (const onnx::ValueInfoProto& output : branch.output()) used_.insert(rename(output.name()));
  for (const onnx::SparseTensorProto& sparse : branch.sparse_initializer()) {
    throw UnsupportedError(fmt::format("initializer '{}': it is sparse", sparse.values().name()));
  }
  for (const onnx::TensorProto& tensor : branch.initializer()) {
    const std::string name = rename(tensor.name());
    define(name, add_constant(name, tensor));
  }
  std::vector<onnx::NodeProto> nodes(branch.node().begin(), branch.node().end());
  for (onnx::NodeProto& node : nodes) {
    rename_values(node, rename);
    note_uses(node);
  }
  for (size_t index = 0; index < nodes.size(); ++index) {
    const int64_t own = file_.opset_of(branch.node(static_cast<int>(index)), opset);
    if (check_node(nodes[index], own)) {
      add_node(nodes[index], own);
    } else {
      poison(nodes[index]);
    }
  }
  for (size_t index = 0; index < outputs.size(); ++index) {
    if (!outputs[index].empty()) {
      define(outputs[index], find(rename(branch.output(static_cast<int>(index)).name())));
    }
  }
}

}  // namespace raceline
