#include "raceline/model/graph_import.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/model/bind.h"
#include "raceline/model/node_import.h"
#include "raceline/model/op_table.h"
#include "raceline/model/tensor_proto.h"

namespace raceline {
namespace {

constexpr int the_model = -1;
/// Enough to see what is wrong with a model.
constexpr size_t most_lines = 1000;

bool aligned_for(const std::byte* data, DataType type) {
  return reinterpret_cast<uintptr_t>(data) % size_of(type) == 0;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string_view kind_of(const onnx::TypeProto& type) {
  if (type.has_sequence_type()) return "a sequence";
  if (type.has_optional_type()) return "an optional";
  if (type.has_map_type()) return "a map";
  if (type.has_sparse_tensor_type()) return "a sparse tensor";
  return "of no type";
}

}  // namespace

bool is_standard_domain(std::string_view domain) {
  return domain.empty() || domain == "ai.onnx";
}

int64_t standard_opset(const onnx::ModelProto& model) {
  std::set<int64_t> versions;
  for (const onnx::OperatorSetIdProto& import : model.opset_import()) {
    if (is_standard_domain(import.domain())) versions.insert(import.version());
  }
  if (versions.size() > 1) {
    throw ParseError(fmt::format("it imports the standard operators in two versions, {} and {}",
                                 *versions.begin(), *versions.rbegin()));
  }
  if (!versions.empty()) return *versions.begin();
  // Files older than IR version 3 have no opset_import and mean version 1.
  constexpr int64_t first_ir_with_opsets = 3;
  if (model.ir_version() < first_ir_with_opsets || model.opset_import().empty()) return 1;
  throw ParseError("it does not import the standard operators");
}

std::string describe(const onnx::NodeProto& node, int index) {
  return node.name().empty() ? fmt::format("node {} ({})", index, node.op_type())
                             : fmt::format("node '{}' ({})", node.name(), node.op_type());
}

GraphImport::GraphImport(const OnnxFile& file, const Evaluator& evaluate,
                         const std::unordered_set<std::string>& needed)
    : file_(file),
      needed_(needed),
      source_(file.model().graph()),
      opset_(standard_opset(file.model())),
      mapping_(file.map_again()),
      external_(file.path()),
      known_(graph_, evaluate),
      refused_nodes_(static_cast<size_t>(source_.node_size())) {}

void GraphImport::collect_names() {
  for (int index = 0; index < source_.initializer_size(); ++index) {
    const std::string& name = source_.initializer(index).name();
    reserved_.insert(name);
    if (!initializers_.emplace(name, index).second) {
      throw GraphError(fmt::format("two initializers of the model are named '{}'", name));
    }
  }
  for (const onnx::ValueInfoProto& input : source_.input()) reserved_.insert(input.name());
  for (const onnx::NodeProto& node : source_.node()) {
    reserved_.insert(node.name());
    reserved_.insert(node.output().begin(), node.output().end());
    note_uses(node);
  }
  for (const onnx::ValueInfoProto& output : source_.output()) used_.insert(output.name());
}

/// All that can be said without shapes: ops, opsets and attributes that are not known.
void GraphImport::check_nodes() {
  for (const onnx::ValueInfoProto& input : source_.input()) {
    if (initializers_.contains(input.name())) continue;
    if (!input.type().has_tensor_type()) {
      refusals_[the_model].push_back(
          fmt::format("input '{}': it is {}, no tensor", input.name(), kind_of(input.type())));
      continue;
    }
    try {
      data_type_from_onnx(input.type().tensor_type().elem_type(), fmt::format("input '{}'", input.name()));
    } catch (const UnsupportedError& error) {
      refusals_[the_model].emplace_back(error.what());
    }
  }
  for (const onnx::SparseTensorProto& sparse : source_.sparse_initializer()) {
    refusals_[the_model].push_back(fmt::format("initializer '{}': it is sparse", sparse.values().name()));
  }
  for (at_ = 0; at_ < source_.node_size(); ++at_) {
    const onnx::NodeProto& node = source_.node(at_);
    check_node(node, file_.opset_of(node, opset_));
  }
}

bool GraphImport::check_node(const onnx::NodeProto& node, int64_t opset) {
  if (!is_standard_domain(node.domain())) {
    refuse(node, opset, {}, fmt::format("ops of domain '{}' are not known", node.domain()));
    return false;
  }
  const OnnxOp* op = find_onnx_op(node.op_type(), opset);
  if (op == nullptr) {
    refuse(node, opset, {}, why_unknown(node.op_type(), opset));
    return false;
  }
  bool fine = true;
  const auto known = words(op->attributes);
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    const char* why = nullptr;
    if (!attribute.ref_attr_name().empty()) {
      why = "it refers to an attribute of a function";
    } else if (std::find(known.begin(), known.end(), attribute.name()) == known.end()) {
      why = "the attribute is not known";
    }
    if (why != nullptr) refuse(node, opset, attribute.name(), why);
    fine = fine && why == nullptr;
  }
  return fine;
}

void GraphImport::note_uses(const onnx::NodeProto& node) {
  used_.insert(node.input().begin(), node.input().end());
  const auto note_graph = [&](const onnx::GraphProto& graph) {
    for (const onnx::NodeProto& inner : graph.node()) note_uses(inner);
    for (const onnx::ValueInfoProto& output : graph.output()) used_.insert(output.name());
  };
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) note_graph(attribute.g());
    for (const onnx::GraphProto& graph : attribute.graphs()) note_graph(graph);
  }
}

void GraphImport::add_inputs(std::span<const OnnxInput> inputs, const Bindings& bindings,
                             const std::vector<std::string>& shape_arguments) {
  const std::vector<Shape> shapes = bind_shapes(inputs, bindings, shape_arguments);
  for (size_t index = 0; index < inputs.size(); ++index) {
    const OnnxInput& input = inputs[index];
    const auto value = bindings.values.find(input.name);
    if (value == bindings.values.end()) {
      define(input.name, graph_.add_input(input.name, {input.type, shapes[index]}));
    } else {
      define(input.name, graph_.add_constant(input.name, with_layout(value->second, Layout::nchw)));
    }
  }
}

void GraphImport::add_node(const onnx::NodeProto& node, int64_t opset) {
  std::string name = node.name();
  if (name.empty()) name = fresh(lower(node.op_type()));
  if (graph_.find_node(name) != absent) name = fresh(name);
  const OnnxOp& op = *find_onnx_op(node.op_type(), opset);
  try {
    NodeImport import(*this, node, op, opset, std::move(name));
    op.import(import);
  } catch (const Deferred& reason) {
    defer(node, opset, op, &reason);
  } catch (const Poisoned& poisoned) {
    if (poisoned.deferred) {
      defer(node, opset, op, nullptr);
    } else {
      poison(node);
    }
  } catch (const Refused& refused) {
    refuse(node, opset, refused.attribute, refused.why);
    poison(node);
  } catch (const UnsupportedError& error) {
    refuse(node, opset, {}, error.what());
    poison(node);
  } catch (const GraphError& error) {
    const bool named = starts_with(error.what(), "node '");
    if (refusals_.empty()) {
      throw GraphError(named ? error.what() : fmt::format("{}: {}", describe(node, at_), error.what()));
    }
    poison(node);  // what was refused before may be the cause
  }
}

ValueId GraphImport::find(const std::string& name) {
  if (const auto found = values_.find(name); found != values_.end()) {
    if (found->second < 0) throw Poisoned{.deferred = found->second == deferred};
    return found->second;
  }
  const auto initializer = initializers_.find(name);
  if (initializer == initializers_.end()) {
    throw GraphError(fmt::format("'{}' is used, but no input, initializer or earlier node gives it", name));
  }
  const ValueId value = add_constant(name, source_.initializer(initializer->second));
  values_.emplace(name, value);
  return value;
}

void GraphImport::define(const std::string& name, ValueId value) {
  if (name.empty()) return;
  if (initializers_.contains(name) || !values_.emplace(name, value).second) {
    throw GraphError(fmt::format("'{}' is defined twice", name));
  }
}

std::string GraphImport::fresh(const std::string& stem) {
  // One counter for each stem: a model of many unnamed nodes must not cost their square.
  std::string name = stem;
  while (reserved_.contains(name) || graph_.find_value(name) != absent || graph_.find_node(name) != absent) {
    name = fmt::format("{}_{}", stem, ++suffixes_[stem]);
  }
  return name;
}

ValueId GraphImport::add_constant(std::string name, const onnx::TensorProto& tensor) {
  const std::string what = fmt::format("constant '{}'", name);
  const auto bytes = mapped(tensor, what);
  if (bytes) {
    const TensorDesc desc = desc_of(tensor, what);
    if (aligned_for(bytes->data(), desc.type) && holds(desc, *bytes)) {
      return graph_.add_constant_view(std::move(name), desc, *bytes);
    }
  }
  return graph_.add_constant(std::move(name), to_tensor(tensor, what, bytes));
}

Tensor GraphImport::copy(const onnx::TensorProto& tensor, std::string_view what) {
  return to_tensor(tensor, what, mapped(tensor, what));
}

std::optional<std::span<const std::byte>> GraphImport::mapped(const onnx::TensorProto& tensor,
                                                              std::string_view what) {
  if (is_external(tensor)) return external_.bytes(tensor, desc_of(tensor, what), what);
  const auto raw = file_.left_in_file(tensor);
  if (!raw) return std::nullopt;
  return mapping_.bytes().subspan(static_cast<size_t>(raw->data() - file_.bytes().data()), raw->size());
}

void GraphImport::poison(const onnx::NodeProto& node) {
  for (const std::string& output : node.output()) {
    if (!output.empty()) values_[output] = poisoned;
  }
}

void GraphImport::refuse(const onnx::NodeProto& node, int64_t opset, std::string_view attribute,
                         std::string_view why) {
  refused_nodes_[static_cast<size_t>(at_)] = true;
  refusals_[at_].push_back(fmt::format("{}, opset {}{}: {}", describe(node, at_), opset,
                                       attribute.empty() ? "" : fmt::format(", attribute '{}'", attribute),
                                       why));
}

void GraphImport::throw_refused() const {
  std::vector<std::string> lines;
  size_t more = 0;
  for (const auto& [node, reasons] : refusals_) {
    for (const std::string& line : reasons) {
      if (lines.size() < most_lines) {
        lines.push_back("  " + line);
      } else {
        ++more;
      }
    }
  }
  if (more > 0) lines.push_back(fmt::format("  and {} more", more));
  throw UnsupportedError(fmt::format("'{}' cannot be done:\n{}", file_.path().string(), join(lines, "\n")));
}

}  // namespace raceline
