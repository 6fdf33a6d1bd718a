// Parts of tensors put together and taken apart.
#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

/// A slice that takes everything.
SliceParams whole(const Shape& shape) {
  const auto rank = static_cast<size_t>(shape.rank());
  return {std::vector<int64_t>(rank, 0),
          {shape.dims().begin(), shape.dims().end()},
          std::vector<int64_t>(rank, 1)};
}

std::vector<int64_t> first_axes(size_t count) {
  std::vector<int64_t> axes(count);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// Start, end and step of one axis as Python means them: negative ones count from the end, and what lies
/// outside is clamped.
void cut(SliceParams& params, size_t axis, int64_t start, int64_t end, int64_t step) {
  const int64_t dim = params.size[axis];
  // A longer step takes no more than its first element either.
  step = std::clamp(step, -(dim + 1), dim + 1);
  const int64_t least = step < 0 ? -1 : 0;
  const int64_t most = step < 0 ? dim - 1 : dim;
  const auto clamped = [&](int64_t at) {
    return std::clamp(at < 0 ? at + dim : at, std::min(least, most), most);
  };
  start = clamped(start);
  // A start before the first element is the first element going forwards, and no element going backwards.
  end = clamped(end);
  const int64_t distance = step > 0 ? end - start : start - end;
  const int64_t length = std::abs(step);
  params.size[axis] = distance > 0 ? (distance + length - 1) / length : 0;
  params.start[axis] = params.size[axis] > 0 ? start : 0;
  params.step[axis] = step;
}

PadMode read_mode(const NodeImport& node) {
  const std::string mode = node.attribute("mode", "constant");
  try {
    return parse_pad_mode(mode);
  } catch (const Error&) {
    node.refuse(fmt::format("'{}' is not known", mode.substr(0, 40)), "mode");
  }
}

}  // namespace

void import_concat(NodeImport& node) {
  constexpr int64_t first_without_default = 4;
  if (node.opset() >= first_without_default && !node.has_attribute("axis"))
    node.fail("attribute 'axis' is missing");
  const int64_t stated = node.attribute("axis", int64_t{1});
  std::vector<ValueId> operands;
  for (size_t index = 0; index < node.operands(); ++index) operands.push_back(node.operand(index));
  if (operands.empty()) node.fail("it has no operands");
  node.result(OpKind::concat, ConcatParams{node.axis(stated, node.shape(operands[0]).rank())}, operands);
}

void import_slice(NodeImport& node) {
  constexpr int64_t first_with_operands = 10;
  const bool by_operands = node.opset() >= first_with_operands;
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  const auto starts =
      by_operands ? node.integers(size_t{1}) : node.integers("starts").value_or(std::vector<int64_t>{});
  const auto ends =
      by_operands ? node.integers(size_t{2}) : node.integers("ends").value_or(std::vector<int64_t>{});
  std::vector<int64_t> axes = first_axes(starts.size());
  std::vector<int64_t> steps(starts.size(), 1);
  if (by_operands && node.has(3)) axes = node.integers(size_t{3});
  if (by_operands && node.has(4)) steps = node.integers(size_t{4});
  if (!by_operands) axes = node.integers("axes").value_or(axes);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    node.fail(fmt::format("{} starts, {} ends, {} axes and {} steps", starts.size(), ends.size(), axes.size(),
                          steps.size()));
  }
  axes = node.axes(std::move(axes), shape.rank());
  SliceParams params = whole(shape);
  for (size_t index = 0; index < axes.size(); ++index) {
    if (steps[index] == 0) node.fail("a step of 0");
    cut(params, static_cast<size_t>(axes[index]), starts[index], ends[index], steps[index]);
  }
  node.result(OpKind::slice, std::move(params), {x});
}

void import_split(NodeImport& node) {
  constexpr int64_t first_with_uneven_parts = 18;
  const int64_t stated_axis = node.attribute("axis", int64_t{0});
  auto parts = node.integers("split");
  const auto outputs = static_cast<int64_t>(node.outputs());
  if (outputs == 0) node.fail("it has no outputs");
  if (node.attribute("num_outputs", outputs) != outputs) {
    node.fail(fmt::format("attribute 'num_outputs' is {}; {} outputs are named",
                          node.attribute("num_outputs", outputs), outputs));
  }
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  const int64_t axis = node.axis(stated_axis, shape.rank());
  const int64_t dim = shape[static_cast<int>(axis)];
  if (node.has(1)) parts = node.integers(size_t{1});
  if (!parts) {
    const int64_t part = (dim + outputs - 1) / outputs;
    if (node.opset() < first_with_uneven_parts && part * outputs != dim) {
      node.fail(fmt::format("axis {} of {} in {} equal parts", axis, shape.to_string(), outputs));
    }
    parts.emplace();
    for (int64_t rest = dim; static_cast<int64_t>(parts->size()) < outputs; rest -= parts->back()) {
      parts->push_back(std::min(part, rest));
    }
  }
  if (static_cast<int64_t>(parts->size()) != outputs) {
    node.fail(fmt::format("{} parts for {} outputs", parts->size(), outputs));
  }
  SliceParams params = whole(shape);
  int64_t& start = params.start[static_cast<size_t>(axis)];
  for (size_t output = 0; output < parts->size(); ++output) {
    const int64_t size = (*parts)[output];
    if (size < 0 || size > dim - start) node.fail(fmt::format("part {} of {} elements", output, size));
    params.size[static_cast<size_t>(axis)] = size;
    node.result(OpKind::slice, params, {x}, output == 0 ? std::string() : std::to_string(output), output);
    start += size;
  }
  if (start != dim)
    node.fail(fmt::format("the parts have {} elements along axis {}, the input {}", start, axis, dim));
}

void import_gather(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{0});
  const ValueId data = node.operand(0);
  const ValueId indices = node.operand(1);
  node.result(OpKind::gather, GatherParams{node.axis(stated, node.shape(data).rank())}, {data, indices});
}

void import_pad(NodeImport& node) {
  constexpr int64_t first_with_operands = 11;
  PadParams params;
  params.mode = read_mode(node);
  const bool by_operands = node.opset() >= first_with_operands;
  if (!by_operands) params.value = node.attribute("value", 0.0f);
  const ValueId x = node.operand(0);
  const int rank = node.shape(x).rank();
  std::vector<int64_t> pads;
  std::vector<int64_t> axes = first_axes(static_cast<size_t>(rank));
  if (by_operands) {
    pads = node.integers(size_t{1});
    if (node.has(2)) params.value = node.scalar(2);
    if (node.has(3)) axes = node.axes(node.integers(size_t{3}), rank);
  } else {
    pads =
        node.integers(node.has_attribute("paddings") ? "paddings" : "pads").value_or(std::vector<int64_t>{});
  }
  if (pads.size() != 2 * axes.size()) {
    node.fail(fmt::format("{} pads for {} axes", pads.size(), axes.size()));
  }
  params.begin.assign(static_cast<size_t>(rank), 0);
  params.end.assign(static_cast<size_t>(rank), 0);
  for (size_t index = 0; index < axes.size(); ++index) {
    params.begin[static_cast<size_t>(axes[index])] = pads[index];
    params.end[static_cast<size_t>(axes[index])] = pads[axes.size() + index];
  }
  node.result(OpKind::pad, std::move(params), {x});
}

}  // namespace raceline
