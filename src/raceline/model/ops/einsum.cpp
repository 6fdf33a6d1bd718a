// Einsum of one or two tensors: sums, a transposition, and a batched matrix product. Axes of both operands
// that are in the result are batches, those that are not are summed over by the product; what only one
// operand has becomes its rows or columns.
#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/text.h"
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

bool has(std::string_view labels, char label) {
  return labels.find(label) != std::string_view::npos;
}

/// A value and the letters of its axes.
struct Labelled {
  ValueId value = absent;
  std::string labels;
};

struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

void check_labels(const NodeImport& node, std::string_view labels) {
  for (size_t index = 0; index < labels.size(); ++index) {
    const char label = labels[index];
    const bool letter = (label >= 'a' && label <= 'z') || (label >= 'A' && label <= 'Z');
    if (!letter || has(labels.substr(0, index), label)) {
      node.refuse(fmt::format("'{}': distinct letters are supported, no diagonals and no '...'",
                              labels.substr(0, 40)),
                  "equation");
    }
  }
}

Equation read_equation(const NodeImport& node) {
  std::string text = node.attribute("equation", "");
  std::erase(text, ' ');
  constexpr size_t longest = 100;
  if (text.size() > longest) node.refuse(fmt::format("it has {} characters", text.size()), "equation");
  const size_t arrow = text.find("->");
  Equation equation;
  for (const std::string_view term : split(std::string_view(text).substr(0, arrow), ','))
    equation.operands.emplace_back(term);
  for (const std::string& labels : equation.operands) check_labels(node, labels);
  if (arrow != std::string::npos) {
    equation.result = text.substr(arrow + 2);
    check_labels(node, equation.result);
    return equation;
  }
  // By default what occurs once, in the order of the alphabet.
  std::string all;
  for (const std::string& labels : equation.operands) all += labels;
  for (const char label : all) {
    if (std::count(all.begin(), all.end(), label) == 1) equation.result += label;
  }
  std::sort(equation.result.begin(), equation.result.end());
  return equation;
}

/// Sums over the axes that neither the result nor the other operand has.
Labelled summed(NodeImport& node, std::string_view label, Labelled x, std::string_view others) {
  ReduceParams params;
  params.keep_dims = false;
  std::string left;
  for (size_t axis = 0; axis < x.labels.size(); ++axis) {
    if (has(others, x.labels[axis])) {
      left += x.labels[axis];
    } else {
      params.axes.push_back(static_cast<int64_t>(axis));
    }
  }
  if (params.axes.empty()) return x;
  return {node.add(label, OpKind::reduce, params, {x.value}), left};
}

/// How the axes must be ordered to read `labels`, which are x's own.
std::vector<int64_t> order_of(const Labelled& x, std::string_view labels) {
  std::vector<int64_t> perm;
  for (const char label : labels) perm.push_back(static_cast<int64_t>(x.labels.find(label)));
  return perm;
}

Labelled ordered(NodeImport& node, std::string_view label, Labelled x, const std::string& labels) {
  if (x.labels == labels) return x;
  return {node.add(label, OpKind::transpose, TransposeParams{order_of(x, labels)}, {x.value}), labels};
}

void result_ordered(NodeImport& node, const Labelled& x, std::string_view labels) {
  node.result(OpKind::transpose, TransposeParams{order_of(x, labels)}, {x.value});
}

/// The dimensions of the axes of these letters.
std::vector<int64_t> dims_of(const NodeImport& node, const Labelled& x, std::string_view labels) {
  std::vector<int64_t> dims;
  for (const int64_t axis : order_of(x, labels)) dims.push_back(node.shape(x.value)[static_cast<int>(axis)]);
  return dims;
}

int64_t product_of(const std::vector<int64_t>& dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

Labelled multiplied(NodeImport& node, Labelled a, Labelled b, std::string_view result) {
  std::string batch;
  std::string inner;
  std::string rows;
  std::string columns;
  for (const char label : a.labels)
    (!has(b.labels, label) ? rows : has(result, label) ? batch : inner) += label;
  for (const char label : b.labels) {
    if (!has(a.labels, label)) columns += label;
  }
  if (dims_of(node, a, batch + inner) != dims_of(node, b, batch + inner)) {
    node.fail(fmt::format("operands {} and {} differ along an axis that they share",
                          node.shape(a.value).to_string(), node.shape(b.value).to_string()));
  }
  a = ordered(node, "a_order", a, batch + rows + inner);
  b = ordered(node, "b_order", b, batch + inner + columns);
  std::vector<int64_t> dims = dims_of(node, a, batch);
  const int64_t batches = product_of(dims);
  const std::vector<int64_t> row_dims = dims_of(node, a, rows);
  const std::vector<int64_t> column_dims = dims_of(node, b, columns);
  const int64_t depth = product_of(dims_of(node, a, inner));
  const ValueId left = node.reshape("a_matrix", a.value, {batches, product_of(row_dims), depth});
  const ValueId right = node.reshape("b_matrix", b.value, {batches, depth, product_of(column_dims)});
  const ValueId product = node.add_main(OpKind::matmul, NoParams{}, {left, right});
  dims.insert(dims.end(), row_dims.begin(), row_dims.end());
  dims.insert(dims.end(), column_dims.begin(), column_dims.end());
  if (dims.size() > static_cast<size_t>(Shape::max_rank))
    node.refuse(fmt::format("a tensor of rank {}", dims.size()));
  return {node.reshape("product", product, dims), batch + rows + columns};
}

}  // namespace

void import_einsum(NodeImport& node) {
  const Equation equation = read_equation(node);
  const size_t count = equation.operands.size();
  if (count > 2) node.refuse(fmt::format("{} operands; one and two are supported", count), "equation");
  if (count != node.operands())
    node.fail(fmt::format("attribute 'equation' has {} operands; {} are given", count, node.operands()));
  std::vector<Labelled> operands;
  std::string all;
  for (size_t index = 0; index < count; ++index) {
    operands.push_back({node.operand(index), equation.operands[index]});
    all += equation.operands[index];
    const Shape& shape = node.shape(operands[index].value);
    if (static_cast<size_t>(shape.rank()) != equation.operands[index].size()) {
      node.fail(fmt::format("attribute 'equation' calls operand {} '{}'; it is {}", index,
                            equation.operands[index], shape.to_string()));
    }
  }
  for (const char label : equation.result) {
    if (!has(all, label)) node.fail(fmt::format("attribute 'equation': '{}' is in no operand", label));
  }
  for (size_t index = 0; index < count; ++index) {
    const std::string others = equation.result + (count == 2 ? equation.operands[1 - index] : std::string());
    operands[index] = summed(node, fmt::format("sum_{}", index), operands[index], others);
  }
  if (count == 1) return result_ordered(node, operands[0], equation.result);
  result_ordered(node, multiplied(node, operands[0], operands[1], equation.result), equation.result);
}

}  // namespace raceline
