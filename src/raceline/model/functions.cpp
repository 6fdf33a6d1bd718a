#include "raceline/model/functions.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/graph_import.h"
#include "raceline/model/onnx_fields.h"
#include "raceline/model/wire.h"

namespace raceline {
namespace {

using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::NodeProto;
using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

/// Calls within calls, and graphs within graphs. Each is a level of recursion.
constexpr size_t most_nested = 100;
/// What all bodies together may become: a file of a few kilobytes could else fill any memory.
constexpr int64_t most_nodes = 200'000;
constexpr size_t most_bytes = size_t{1} << 28;

// node_overload, function_default and function_overload came to ONNX after the release of the message classes
// that we are built with.
using namespace onnx_field;

/// The bodies of a message's fields of that number.
template <class Message>
std::vector<std::string> fields(const Message& message, uint32_t number) {
  const std::string text = message.SerializeAsString();
  const auto bytes = std::as_bytes(std::span(text));
  std::vector<std::string> bodies;
  WireReader reader(bytes, bytes);
  while (const auto field = reader.next()) {
    if (field->number != number || field->type != WireType::bytes) continue;
    bodies.emplace_back(reinterpret_cast<const char*>(field->body.data()), field->body.size());
  }
  return bodies;
}

template <class Message>
std::string overload(const Message& message, uint32_t number) {
  const auto given = fields(message, number);
  return given.empty() ? std::string() : given.back();
}

void rename_graph(GraphProto& graph, const RenameValue& rename) {
  const auto replace = [&](std::string* name) {
    if (!name->empty()) *name = rename(*name);
  };
  for (auto& input : *graph.mutable_input()) replace(input.mutable_name());
  for (auto& output : *graph.mutable_output()) replace(output.mutable_name());
  for (auto& tensor : *graph.mutable_initializer()) replace(tensor.mutable_name());
  for (auto& node : *graph.mutable_node()) rename_values(node, rename);
}

template <class Visit>
void for_each_subgraph(NodeProto& node, Visit&& visit) {
  for (AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) visit(*attribute.mutable_g());
    for (GraphProto& graph : *attribute.mutable_graphs()) visit(graph);
  }
}

/// Names that values of a graph have, in its subgraphs too.
void collect(const GraphProto& graph, std::unordered_set<std::string>& names) {
  for (const auto& input : graph.input()) names.insert(input.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const NodeProto& node : graph.node()) {
    names.insert(node.output().begin(), node.output().end());
    for (const AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) collect(attribute.g(), names);
      for (const GraphProto& inner : attribute.graphs()) collect(inner, names);
    }
  }
}

struct Function {
  const FunctionProto* body = nullptr;
  std::string name;  ///< for messages
  int64_t opset = 0;
  std::vector<AttributeProto> defaults;
  bool active = false;  ///< one of its calls is being replaced
};

class Inliner {
 public:
  explicit Inliner(onnx::ModelProto& model) : opset_(standard_opset(model)) {
    collect(model.graph(), names_);
    for (const FunctionProto& body : model.functions()) {
      Function function{.body = &body,
                        .name = fmt::format("{}:{}", body.domain(), body.name()),
                        .opset = opset_of(body),
                        .defaults = {}};
      for (const std::string& text : fields(body, function_default)) {
        if (!function.defaults.emplace_back().ParseFromString(text)) {
          throw ParseError(fmt::format("function '{}': a default that is no attribute", function.name));
        }
      }
      called_.insert({domain_of(body.domain()), body.name()});
      if (!functions_
               .emplace(Key{domain_of(body.domain()), body.name(), overload(body, function_overload)},
                        std::move(function))
               .second) {
        throw ParseError(fmt::format("function '{}:{}' is given twice", body.domain(), body.name()));
      }
    }
  }

  void expand(Nodes& nodes, int64_t opset) {
    std::vector<NodeProto*> old(static_cast<size_t>(nodes.size()));
    nodes.ExtractSubrange(0, nodes.size(), old.data());
    // Owned from here on, whatever is thrown below.
    std::vector<std::unique_ptr<NodeProto>> owned(old.begin(), old.end());
    for (auto& node : owned) expand(std::move(node), nodes, opset);
  }
  NodeOpsets take_opsets() { return std::move(opsets_); }

 private:
  struct Key {
    std::string domain, name, overload;
    auto operator<=>(const Key&) const = default;
  };

  static std::string domain_of(const std::string& domain) {
    return is_standard_domain(domain) ? std::string() : domain;
  }

  int64_t opset_of(const FunctionProto& function) const {
    for (const onnx::OperatorSetIdProto& import : function.opset_import()) {
      if (is_standard_domain(import.domain())) return import.version();
    }
    return opset_;
  }

  Function* find(const NodeProto& node) {
    std::string domain = domain_of(node.domain());
    if (!called_.contains({domain, node.op_type()})) return nullptr;
    const auto found = functions_.find(Key{std::move(domain), node.op_type(), overload(node, node_overload)});
    return found == functions_.end() ? nullptr : &found->second;
  }

  /// Appends the node, or what it calls. `opset` is that of the function or model in which it stands.
  void expand(std::unique_ptr<NodeProto> node, Nodes& out, int64_t opset) {
    for_each_subgraph(*node, [&](GraphProto& graph) {
      if (++graphs_ > most_nested) throw UnsupportedError("subgraphs are nested too deeply");
      expand(*graph.mutable_node(), opset);
      --graphs_;
    });
    Function* function = find(*node);
    if (function != nullptr) return call(*function, *node, out);
    if (opset != opset_) opsets_.emplace(node.get(), opset);
    out.AddAllocated(node.release());
  }

  void call(Function& function, const NodeProto& node, Nodes& out) {
    const FunctionProto& body = *function.body;
    if (function.active) throw ParseError(fmt::format("function '{}' calls itself", function.name));
    if (nested_ == most_nested) {
      throw UnsupportedError(
          fmt::format("function '{}' is called within {} others", function.name, most_nested));
    }
    if (node.input_size() > body.input_size() || node.output_size() > body.output_size()) {
      throw ParseError(fmt::format("function '{}' of {} inputs and {} outputs is called with {} and {}",
                                   function.name, body.input_size(), body.output_size(), node.input_size(),
                                   node.output_size()));
    }
    function.active = true;
    ++nested_;
    const std::string prefix =
        fmt::format("{}.{}/", node.name().empty() ? node.op_type() : node.name(), ++calls_);
    std::unordered_map<std::string, std::string> renamed;
    for (int index = 0; index < body.input_size(); ++index) {
      renamed[body.input(index)] = index < node.input_size() ? node.input(index) : std::string();
    }
    std::vector<std::pair<std::string, std::string>> passed_on = bind_outputs(body, node, renamed);
    const RenameValue rename = [&](const std::string& name) {
      const auto [entry, is_new] = renamed.try_emplace(name);
      if (is_new) {
        charge(prefix.size() + name.size(), function);
        entry->second = free_name(prefix + name);
      }
      return entry->second;
    };
    for (const NodeProto& inner : body.node()) {
      auto copy = std::make_unique<NodeProto>(inner);
      if (!copy->name().empty()) copy->set_name(prefix + copy->name());
      set_attributes(*copy, function, node);
      rename_values(*copy, rename);
      charge(copy->ByteSizeLong(), function);
      if (++made_ > most_nodes) refuse_size(function);
      expand(std::move(copy), out, function.opset);
    }
    for (const auto& [from, to] : passed_on) {
      auto identity = std::make_unique<NodeProto>();
      identity->set_op_type("Identity");
      identity->add_input(rename(from));
      identity->add_output(to);
      out.AddAllocated(identity.release());
    }
    --nested_;
    function.active = false;
  }

  /// Gives the body's outputs the names of the call's. What an input gives, or one that has a name already,
  /// is returned: a pair of the body's name and the call's.
  static std::vector<std::pair<std::string, std::string>> bind_outputs(
      const FunctionProto& body, const NodeProto& node,
      std::unordered_map<std::string, std::string>& renamed) {
    std::vector<std::pair<std::string, std::string>> passed_on;
    for (int index = 0; index < node.output_size(); ++index) {
      if (node.output(index).empty()) continue;
      if (!renamed.emplace(body.output(index), node.output(index)).second) {
        passed_on.emplace_back(body.output(index), node.output(index));
      }
    }
    return passed_on;
  }

  std::string free_name(std::string name) {
    while (!names_.insert(name).second) name += '_';
    return name;
  }

  /// The value that an attribute reference has in this call; nullptr for none.
  static const AttributeProto* argument(const std::string& name, const Function& function,
                                        const NodeProto& call) {
    const auto named = [&](const AttributeProto& attribute) { return attribute.name() == name; };
    const auto given = std::find_if(call.attribute().begin(), call.attribute().end(), named);
    if (given != call.attribute().end()) return &*given;
    const auto usual = std::find_if(function.defaults.begin(), function.defaults.end(), named);
    return usual == function.defaults.end() ? nullptr : &*usual;
  }

  static void set_attributes(NodeProto& node, const Function& function, const NodeProto& call) {
    auto& attributes = *node.mutable_attribute();
    for (int index = attributes.size() - 1; index >= 0; --index) {
      const std::string refers_to = attributes[index].ref_attr_name();
      if (refers_to.empty()) continue;
      const AttributeProto* given = argument(refers_to, function, call);
      if (given == nullptr) {
        attributes.DeleteSubrange(index, 1);
        continue;
      }
      // Graphs handed on from call to call could be nested beyond what protobuf itself allows.
      if (given->has_g() || given->graphs_size() > 0) {
        throw UnsupportedError(
            fmt::format("function '{}': its attribute '{}' is a graph", function.name, refers_to));
      }
      const std::string name = attributes[index].name();
      attributes[index] = *given;
      attributes[index].set_name(name);
    }
    for_each_subgraph(node, [&](GraphProto& graph) {
      for (NodeProto& inner : *graph.mutable_node()) set_attributes(inner, function, call);
    });
  }

  void charge(size_t bytes, const Function& function) {
    bytes_ += bytes;
    if (bytes_ > most_bytes) refuse_size(function);
  }
  [[noreturn]] static void refuse_size(const Function& function) {
    throw UnsupportedError(
        fmt::format("function '{}': the functions of the model become more than {} nodes or {} bytes",
                    function.name, most_nodes, most_bytes));
  }

  int64_t opset_;
  std::map<Key, Function> functions_;
  std::set<std::pair<std::string, std::string>> called_;  ///< domains and names of all functions
  std::unordered_set<std::string> names_;
  NodeOpsets opsets_;
  size_t nested_ = 0;  ///< calls around the node at hand
  size_t graphs_ = 0;  ///< subgraphs around it
  int64_t calls_ = 0;
  int64_t made_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

void rename_values(NodeProto& node, const RenameValue& rename) {
  for (std::string& name : *node.mutable_input()) {
    if (!name.empty()) name = rename(name);
  }
  for (std::string& name : *node.mutable_output()) {
    if (!name.empty()) name = rename(name);
  }
  for_each_subgraph(node, [&](GraphProto& graph) { rename_graph(graph, rename); });
}

NodeOpsets inline_functions(onnx::ModelProto& model) {
  if (model.functions().empty()) return {};
  Inliner inliner(model);
  inliner.expand(*model.mutable_graph()->mutable_node(), standard_opset(model));
  model.clear_functions();
  return inliner.take_opsets();
}

}  // namespace raceline
