#include "raceline/runtime/schedule.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

class Scheduler {
 public:
  Scheduler(const BoundPlan& plan, const Graph& graph) : plan_(plan), graph_(graph) {
    for (size_t index = 0; index < plan.conversions.size(); ++index) {
      makers_[{plan.conversions[index].value, plan.conversions[index].to}] = index;
    }
  }

  Schedule build() {
    for (const ValueId input : graph_.inputs()) add_copy(input, plain_interface(graph_.desc(input)));
    for (size_t index = 0; index < plan_.steps.size(); ++index) add_step(index);
    group_by_device();
    find_last_uses();
    share_blocks();
    place_outputs();
    set_lifetimes();
    return std::move(schedule_);
  }

 private:
  int32_t add_copy(ValueId value, const Interface& interface) {
    const auto id = static_cast<int32_t>(schedule_.copies.size());
    const TensorDesc desc{interface.type, graph_.desc(value).shape, interface.layout};
    schedule_.copies.push_back({value, interface, desc});
    copies_[{value, interface}] = id;
    return id;
  }

  int32_t constant_copy(ValueId value) {
    const Interface interface = plain_interface(graph_.desc(value));
    const auto found = copies_.find({value, interface});
    return found != copies_.end() ? found->second : add_copy(value, interface);
  }

  /// The copy of a value in an interface, made by conversions if it is not there yet.
  int32_t need(ValueId value, const Interface& interface) {
    if (const auto found = copies_.find({value, interface}); found != copies_.end()) return found->second;
    const size_t index = makers_.at({value, interface});
    const int32_t from = need(value, plan_.conversions[index].from);
    const int32_t to = add_copy(value, interface);
    schedule_.ops.push_back({.kind = Op::Kind::conversion,
                             .index = index,
                             .inputs = {from},
                             .outputs = {to},
                             .device = plan_.conversions[index].primitive->info().processor});
    return to;
  }

  void add_step(size_t index) {
    const BoundStep& step = plan_.steps[index];
    Op op{.kind = Op::Kind::step, .index = index, .device = step.primitive->info().processor};
    for (size_t operand = 0; operand < step.inputs.size(); ++operand) {
      const ValueId value = step.inputs[operand];
      if (value == absent) {
        op.inputs.push_back(absent);
      } else if (graph_.is_constant(value)) {
        op.inputs.push_back(constant_copy(value));
      } else {
        op.inputs.push_back(need(value, step.wants[operand]));
      }
    }
    for (size_t slot = 0; slot < step.outputs.size(); ++slot) {
      op.outputs.push_back(add_copy(step.outputs[slot], step.gives[slot]));
    }
    schedule_.ops.push_back(std::move(op));
    for (const ValueId output : step.outputs) {
      if (graph_.is_output(output)) need(output, plain_interface(graph_.desc(output)));
    }
  }

  /// One processor works at a time, and going from one to another takes a wait: where branches lie on two
  /// devices, each goes on as far as it can, and hands over last what others take, since that is waited for.
  /// Of what is ready, the first of the plan goes first.
  void group_by_device() {
    std::vector<Op>& ops = schedule_.ops;
    std::vector<size_t> maker(schedule_.copies.size(), ops.size());
    for (size_t index = 0; index < ops.size(); ++index) {
      for (const int32_t copy : ops[index].outputs) maker[static_cast<size_t>(copy)] = index;
    }
    std::vector<bool> done(ops.size() + 1);
    done.back() = true;  // who makes the graph's inputs and constants
    const auto is_ready = [&](const Op& op) {
      return std::ranges::all_of(
          op.inputs, [&](int32_t copy) { return copy == absent || done[maker[static_cast<size_t>(copy)]]; });
    };
    const auto hands_over = [&](const Op& op) {
      return copy_of(op.outputs[0]).interface.device != op.device;
    };
    size_t first = 0;  // of those that are not done: always ready
    const auto next_on = [&](const DeviceId& device) {
      size_t last_choice = ops.size();
      for (size_t index = first; index < ops.size(); ++index) {
        if (done[index] || ops[index].device != device || !is_ready(ops[index])) continue;
        if (!hands_over(ops[index])) return index;
        last_choice = std::min(last_choice, index);
      }
      return last_choice;
    };
    std::vector<Op> ordered;
    for (DeviceId device; ordered.size() < ops.size();) {
      while (done[first]) ++first;
      size_t next = next_on(device);
      if (next == ops.size()) {
        device = ops[first].device;
        next = next_on(device);
      }
      done[next] = true;
      ordered.push_back(std::move(ops[next]));
    }
    ops = std::move(ordered);
  }

  int32_t output_copy(const Graph::Output& output) {
    if (graph_.is_constant(output.value)) return constant_copy(output.value);
    return copies_.at({output.value, plain_interface(graph_.desc(output.value))});
  }

  void find_last_uses() {
    for (size_t moment = 0; moment < schedule_.ops.size(); ++moment) {
      const Op& op = schedule_.ops[moment];
      for (const auto* copies : {&op.inputs, &op.outputs}) {
        for (const int32_t copy : *copies) {
          if (copy != absent) copy_of(copy).last_use = static_cast<int32_t>(moment);
        }
      }
    }
    for (const Graph::Output& output : graph_.outputs()) {
      copy_of(output_copy(output)).last_use = static_cast<int32_t>(schedule_.ops.size());
    }
  }

  /// Gives each copy its block: a new one, or its first operand's where the primitive can share it.
  void share_blocks() {
    for (size_t index = 0; index < graph_.inputs().size(); ++index) {
      new_block(static_cast<int32_t>(index), Block::Home::input, static_cast<int32_t>(index));
    }
    for (size_t copy = graph_.inputs().size(); copy < schedule_.copies.size(); ++copy) {
      const ValueId value = schedule_.copies[copy].value;
      if (graph_.is_constant(value)) new_block(static_cast<int32_t>(copy), Block::Home::constant, value);
    }
    for (size_t moment = 0; moment < schedule_.ops.size(); ++moment) {
      Op& op = schedule_.ops[moment];
      for (size_t slot = 0; slot < op.outputs.size(); ++slot) {
        if (slot == 0 && share_first(op, static_cast<int32_t>(moment))) continue;
        new_block(op.outputs[slot], Block::Home::arena, 0);
      }
      if (sharing_of(op) == Sharing::gathered) gather(op);
    }
  }

  Sharing sharing_of(const Op& op) const {
    if (op.kind == Op::Kind::output) return Sharing::none;
    if (op.kind == Op::Kind::conversion) {
      const BoundConversion& conversion = plan_.conversions[op.index];
      return conversion.primitive->sharing(conversion.layer);
    }
    const BoundStep& step = plan_.steps[op.index];
    return step.primitive->sharing(step.layer);
  }

  /// Makes the operands' blocks parts of the first output's, where they are in no other yet.
  /// When all are, nothing is left to be done.
  void gather(Op& op) {
    const int32_t whole = copy_of(op.outputs[0]).block;
    size_t offset = 0;
    op.view = true;
    for (const int32_t operand : op.inputs) {
      const Copy& copy = copy_of(operand);
      Block& part = block_of(copy);
      const size_t bytes = copy.desc.bytes();
      if (part.home == Block::Home::arena && part.parent == absent && part.lifetime.bytes == bytes) {
        part.parent = whole;
        part.offset = offset;
        // Nobody may write over the whole while a part is still read.
        auto& last_use = last_uses_[static_cast<size_t>(whole)];
        last_use = std::max(last_use, last_uses_[static_cast<size_t>(copy.block)]);
      } else {
        op.view = false;
      }
      offset += bytes;
    }
  }

  bool share_first(Op& op, int32_t moment) {
    const Sharing sharing = sharing_of(op);
    if (sharing == Sharing::none || sharing == Sharing::gathered || op.inputs.empty() ||
        op.inputs[0] == absent) {
      return false;
    }
    const Copy& source = copy_of(op.inputs[0]);
    const Copy& result = copy_of(op.outputs[0]);
    if (sharing == Sharing::view) {
      // Constants come in nchw whatever the primitive's layouts are: then there is something to compute.
      if (block_of(source).home == Block::Home::constant && result.desc.layout != Layout::nchw) return false;
      if (source.desc.bytes() != result.desc.bytes()) {
        const Primitive& primitive = op.kind == Op::Kind::step ? *plan_.steps[op.index].primitive
                                                               : *plan_.conversions[op.index].primitive;
        throw PlanError(fmt::format("{} calls '{}' a view of '{}', which has another size", primitive.name(),
                                    graph_.value(result.value).name, graph_.value(source.value).name));
      }
      op.view = true;
    } else {
      if (block_of(source).home != Block::Home::arena || block_of(source).parent != absent ||
          result.desc.bytes() > source.desc.bytes()) {
        return false;
      }
      if (last_uses_[static_cast<size_t>(source.block)] > moment) return false;
      // A kernel that writes over operand 0 may still read the others.
      for (size_t operand = 1; operand < op.inputs.size(); ++operand) {
        if (op.inputs[operand] != absent && copy_of(op.inputs[operand]).block == source.block) return false;
      }
    }
    join_block(op.outputs[0], source.block);
    return true;
  }

  void new_block(int32_t copy, Block::Home home, int32_t index) {
    schedule_.blocks.push_back({.home = home, .index = index, .device = copy_of(copy).interface.device});
    last_uses_.push_back(0);
    join_block(copy, static_cast<int32_t>(schedule_.blocks.size()) - 1);
  }

  void join_block(int32_t id, int32_t block) {
    Copy& copy = copy_of(id);
    copy.block = block;
    for (int32_t part = block; part != absent; part = schedule_.blocks[static_cast<size_t>(part)].parent) {
      auto& last_use = last_uses_[static_cast<size_t>(part)];
      last_use = std::max(last_use, copy.last_use);
    }
    size_t& bytes = schedule_.blocks[static_cast<size_t>(block)].lifetime.bytes;
    bytes = std::max(bytes, copy.desc.bytes());
  }

  /// A block that holds nothing larger than an output lives in the caller's memory for it. Other outputs
  /// (views of something larger, inputs, constants, what is an output already) are copied at the end.
  void place_outputs() {
    for (size_t index = 0; index < graph_.outputs().size(); ++index) {
      const int32_t id = output_copy(graph_.outputs()[index]);
      Block& block = block_of(copy_of(id));
      if (block.home == Block::Home::arena && block.parent == absent &&
          block.lifetime.bytes == copy_of(id).desc.bytes()) {
        block.home = Block::Home::output;
        block.index = static_cast<int32_t>(index);
      } else {
        schedule_.ops.push_back({.kind = Op::Kind::output, .index = index, .inputs = {id}});
      }
    }
  }

  void set_lifetimes() {
    std::vector<bool> seen(schedule_.blocks.size());
    for (size_t moment = 0; moment < schedule_.ops.size(); ++moment) {
      const Op& op = schedule_.ops[moment];
      for (const auto* copies : {&op.inputs, &op.outputs}) {
        for (const int32_t copy : *copies) {
          if (copy == absent) continue;
          const auto block = static_cast<size_t>(schedule_.root_of(copy_of(copy).block).first);
          Lifetime& lifetime = schedule_.blocks[block].lifetime;
          if (!seen[block]) lifetime.first = static_cast<int32_t>(moment);
          lifetime.last = static_cast<int32_t>(moment);
          seen[block] = true;
        }
      }
    }
  }

  Copy& copy_of(int32_t id) { return schedule_.copies[static_cast<size_t>(id)]; }
  Block& block_of(const Copy& copy) { return schedule_.blocks[static_cast<size_t>(copy.block)]; }

  const BoundPlan& plan_;
  const Graph& graph_;
  Schedule schedule_;
  std::map<std::pair<ValueId, Interface>, size_t> makers_;  // conversions by what they make
  std::map<std::pair<ValueId, Interface>, int32_t> copies_;
  std::vector<int32_t> last_uses_;  // by block
};

}  // namespace

std::pair<int32_t, size_t> Schedule::root_of(int32_t block) const {
  size_t offset = 0;
  for (; blocks[static_cast<size_t>(block)].parent != absent;
       block = blocks[static_cast<size_t>(block)].parent)
    offset += blocks[static_cast<size_t>(block)].offset;
  return {block, offset};
}

Schedule make_schedule(const BoundPlan& plan, const Graph& graph) {
  return Scheduler(plan, graph).build();
}

}  // namespace raceline
