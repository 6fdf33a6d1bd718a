// Model-local functions: their bodies put in the place of their calls. Private to this room.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include <onnx/onnx_pb.h>

namespace raceline {

/// A new name for each name of a value; what it gives for an empty one is not used.
using RenameValue = std::function<std::string(const std::string&)>;

/// Renames all values that a node uses and gives, in its subgraphs too.
void rename_values(onnx::NodeProto& node, const RenameValue& rename);

/// Opsets of the standard operators for nodes that mean another one than the model, since the function that
/// they come from imports it.
using NodeOpsets = std::unordered_map<const onnx::NodeProto*, int64_t>;

/// Replaces every call of a function of the model, in subgraphs and in functions too, by the nodes of its
/// body, and removes the functions. Attributes that refer to the function's are replaced by those of the
/// call, by the function's defaults, or left out. Values and nodes of a body are named
/// "<call>.<number>/<name>". Nodes of the model stay where they are in memory. Throws ParseError for
/// functions that call themselves or are given twice, UnsupportedError where functions are nested too deeply
/// or make a model of unreasonable size. Source: https://onnx.ai/onnx/repo-docs/IR.html, "Functions".
NodeOpsets inline_functions(onnx::ModelProto& model);

}  // namespace raceline
