#include "raceline/graph/rewrite.h"

#include <cassert>
#include <utility>

namespace raceline {

Rewriter::Rewriter(Graph source) : source_(std::move(source)), mapped_(source_.values_.size(), absent) {
  target_.files_ = std::exchange(source_.files_, {});
  for (const ValueId input : source_.inputs_) {
    mapped_[static_cast<size_t>(input)] = target_.add_input(source_.value(input).name, source_.desc(input));
  }
}

ValueId Rewriter::map(ValueId value) {
  if (value == absent) return absent;
  ValueId& mapped = mapped_[static_cast<size_t>(value)];
  if (mapped == absent) {
    const Value& old = source_.value(value);
    assert(old.constant != absent && "a value is used before its node was copied or replaced");
    Graph::Constant& data = source_.constants_[static_cast<size_t>(old.constant)];
    const auto index = static_cast<int32_t>(target_.constants_.size());
    mapped = target_.add_value({.name = target_.free_name(old.name),
                                .desc = old.desc,
                                .constant = index,
                                .density = old.density,
                                .block_density = old.block_density});
    // The source keeps a look at the bytes, so that a pass may still read what it has mapped already.
    const std::span<const std::byte> view = data.owned ? data.owned.bytes() : data.view;
    Graph::Constant moved{.released = data.released};
    if (data.owned) {
      moved.owned = std::exchange(data.owned, {});
    } else {
      moved.view = data.view;
    }
    target_.constants_.push_back(std::move(moved));
    data.view = view;
  }
  return mapped;
}

std::vector<ValueId> Rewriter::map(std::span<const ValueId> values) {
  std::vector<ValueId> mapped;
  mapped.reserve(values.size());
  for (const ValueId value : values) mapped.push_back(map(value));
  return mapped;
}

NodeId Rewriter::copy(NodeId id) {
  const Node& node = source_.node(id);
  std::vector<std::string> names;
  for (const ValueId output : node.outputs) names.push_back(source_.value(output).name);
  const NodeId copied = target_.add_node(node.name, node.op, node.params, map(node.inputs), std::move(names));
  for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
    mapped_[static_cast<size_t>(node.outputs[slot])] = target_.node(copied).outputs[slot];
  }
  return copied;
}

void Rewriter::replace(ValueId value, ValueId replacement) {
  mapped_[static_cast<size_t>(value)] = replacement;
}

Graph Rewriter::finish() {
  for (const Graph::Output& output : source_.outputs_) {
    if (!output.extents) target_.mark_output(map(output.value), output.name);
  }
  target_.mark_extents();
  // What a pass read of the weights, to fold them, is not needed for now.
  for (const MappedFile& file : target_.files_) file.forget(file.bytes());
  return std::move(target_);
}

}  // namespace raceline
