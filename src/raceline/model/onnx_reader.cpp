#include "raceline/model/onnx_reader.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/model/bind.h"
#include "raceline/model/graph_import.h"
#include "raceline/model/onnx_file.h"
#include "raceline/model/op_table.h"
#include "raceline/model/tensor_proto.h"

namespace raceline {
namespace {

std::string dim_text(const onnx::TensorShapeProto::Dimension& dim) {
  if (dim.has_dim_value() && dim.dim_value() >= 0) return fmt::format("{}", dim.dim_value());
  return dim.dim_param().empty() ? "?" : dim.dim_param();
}

/// Inputs that are tensors of a type that we have; build() lists the others.
std::vector<OnnxInput> read_inputs(const onnx::GraphProto& graph) {
  std::unordered_set<std::string> initializers;
  for (const onnx::TensorProto& tensor : graph.initializer()) initializers.insert(tensor.name());
  std::vector<OnnxInput> inputs;
  for (const onnx::ValueInfoProto& info : graph.input()) {
    if (initializers.contains(info.name()) || !info.type().has_tensor_type()) continue;
    const onnx::TypeProto::Tensor& type = info.type().tensor_type();
    OnnxInput input;
    input.name = info.name();
    try {
      input.type = data_type_from_onnx(type.elem_type(), "input");
    } catch (const UnsupportedError&) {
      continue;
    }
    input.ranked = type.has_shape();
    for (const auto& dim : type.shape().dim()) input.dims.push_back(dim_text(dim));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

/// Ops whose results are there for a later stage only: what they read decides no shape of the first.
bool is_sized(std::string_view op) {
  return op == "NonZero" || op == "NonMaxSuppression" || op == "Compress" || op == "Unique";
}

/// Walks backwards from the operands that must be known; Shape and Size need no value. Either branch of an If
/// may be taken.
void need_values(const OnnxFile& file, const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                 int64_t around, std::unordered_set<std::string>& needed) {
  for (int index = nodes.size() - 1; index >= 0; --index) {
    const onnx::NodeProto& node = nodes[index];
    const int64_t opset = file.opset_of(node, around);
    const OnnxOp* op = is_standard_domain(node.domain()) ? find_onnx_op(node.op_type(), opset) : nullptr;
    if (op == nullptr || op->name == "Shape" || op->name == "Size") continue;
    bool whole = false;
    for (const std::string& output : node.output()) whole = whole || needed.contains(output);
    whole = whole && !is_sized(op->name);
    for (int operand = 0; operand < node.input_size(); ++operand) {
      const bool listed = operand < 32 && (op->values >> operand & 1) != 0;
      if ((whole || listed) && !node.input(operand).empty()) needed.insert(node.input(operand));
    }
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (!attribute.has_g()) continue;
      for (const onnx::ValueInfoProto& output : attribute.g().output()) {
        if (whole) needed.insert(output.name());
      }
      need_values(file, attribute.g().node(), opset, needed);
    }
  }
}

}  // namespace

struct OnnxModel::State {
  explicit State(const std::filesystem::path& path) : file(path) {}
  OnnxFile file;
  int64_t opset = 0;
  std::vector<OnnxInput> inputs;
  std::unordered_set<std::string> needed;  ///< names of values that decide shapes
  std::vector<std::string> shape_arguments;

  /// Names the file in errors of its content.
  template <class Build>
  Stage in_file(Build&& build) const {
    try {
      return build();
    } catch (const ParseError& error) {
      throw ParseError(fmt::format("'{}': {}", file.path().string(), error.what()));
    }
  }
};

OnnxModel::OnnxModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
OnnxModel::~OnnxModel() = default;
OnnxModel::OnnxModel(OnnxModel&&) noexcept = default;
OnnxModel& OnnxModel::operator=(OnnxModel&&) noexcept = default;

OnnxModel OnnxModel::load(const std::filesystem::path& path) {
  auto state = std::make_unique<State>(path);
  try {
    state->opset = standard_opset(state->file.model());
    state->file.inline_functions();
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(fmt::format("'{}': {}", path.string(), error.what()));
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", path.string(), error.what()));
  }
  const onnx::GraphProto& graph = state->file.model().graph();
  state->inputs = read_inputs(graph);
  need_values(state->file, graph.node(), state->opset, state->needed);
  for (const OnnxInput& input : state->inputs) {
    // An image from which some shape follows is no argument: the net is to run on it by its plan.
    const bool small = !input.ranked || input.dims.size() <= 1;
    if (small && state->needed.contains(input.name)) state->shape_arguments.push_back(input.name);
  }
  return OnnxModel(std::move(state));
}

std::span<const OnnxInput> OnnxModel::inputs() const {
  return state_->inputs;
}

std::vector<std::string> OnnxModel::outputs() const {
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& output : state_->file.model().graph().output())
    names.push_back(output.name());
  return names;
}

int64_t OnnxModel::opset() const {
  return state_->opset;
}

std::string OnnxModel::name() const {
  return state_->file.model().graph().name();
}

std::vector<std::string> OnnxModel::shape_arguments() const {
  return state_->shape_arguments;
}

bool OnnxModel::fits(const Bindings& bindings, const std::map<std::string, Shape>& shapes) const {
  return shapes_fit(state_->inputs, bindings, shapes);
}

std::vector<TensorDesc> OnnxModel::resolve(const Bindings& bindings) const {
  const std::vector<Shape> shapes = bind_shapes(state_->inputs, bindings, {});
  std::vector<TensorDesc> descs;
  for (size_t index = 0; index < shapes.size(); ++index) {
    descs.push_back({state_->inputs[index].type, shapes[index]});
  }
  return descs;
}

Stage OnnxModel::first_stage(const Bindings& bindings, const Evaluator& evaluate) {
  return state_->in_file([&] {
    GraphImport import(state_->file, evaluate, state_->needed);
    return import.first_stage(state_->inputs, bindings, state_->shape_arguments);
  });
}

Stage OnnxModel::later_stage(const StageInputs& given, const Evaluator& evaluate) {
  return state_->in_file([&] {
    GraphImport import(state_->file, evaluate, state_->needed);
    return import.later_stage(given);
  });
}

Graph OnnxModel::build(const Bindings& bindings, const Evaluator& evaluate) {
  Stage stage = first_stage(bindings, evaluate);
  if (!stage.is_last()) {
    throw UnsupportedError(fmt::format("'{}' cannot be one graph:\n  {}", state_->file.path().string(),
                                       join(stage.waiting, "\n  ")));
  }
  return std::move(stage.graph);
}

}  // namespace raceline
