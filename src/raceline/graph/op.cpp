#include "raceline/graph/op.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

std::vector<OpInfo> make_table() {
  std::vector<OpInfo> table;
  rules::add_conv_ops(table);
  rules::add_pool_ops(table);
  rules::add_matmul_ops(table);
  rules::add_norm_ops(table);
  rules::add_elementwise_ops(table);
  rules::add_movement_ops(table);
  rules::add_reduce_ops(table);
  rules::add_indexing_ops(table);
  rules::add_sampling_ops(table);
  std::sort(table.begin(), table.end(), [](const OpInfo& a, const OpInfo& b) { return a.op < b.op; });
  return table;
}

}  // namespace

std::span<const OpInfo> all_ops() {
  static const std::vector<OpInfo> table = make_table();
  return table;
}

const OpInfo& op_info(OpKind op) {
  return all_ops()[static_cast<size_t>(op)];
}

std::string_view to_string(OpKind op) {
  return op_info(op).name;
}

OpKind parse_op(std::string_view name) {
  std::vector<std::string> names;
  for (const OpInfo& info : all_ops()) {
    if (info.name == name) return info.op;
    names.emplace_back(info.name);
  }
  name = name.substr(0, 40);
  throw ParseError(fmt::format("'{}' is no op; the nearest are {}", name, join(nearest(name, names), ", ")));
}

}  // namespace raceline
