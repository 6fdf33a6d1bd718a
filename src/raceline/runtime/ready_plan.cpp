#include "raceline/runtime/ready_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/runtime/arena.h"
#include "raceline/runtime/packing.h"

namespace raceline {
namespace {

constexpr std::byte nothing{};  // the address of constants that have no bytes

/// Which constants are still to be packed or go on being read; gives back the others, if that is wanted.
class ConstantKeeper {
 public:
  ConstantKeeper(Graph& graph, std::span<const BoundStep> steps, bool release)
      : graph_(graph), release_(release), uses_(graph.values().size()), read_(graph.values().size()) {
    for (const BoundStep& step : steps) {
      for (const ValueId value : step.inputs) {
        if (graph.is_constant(value)) ++uses_[static_cast<size_t>(value)];
      }
    }
    for (const Graph::Output& output : graph.outputs()) read_[static_cast<size_t>(output.value)] = true;
    for (ValueId value = 0; value < static_cast<ValueId>(uses_.size()); ++value) {
      if (graph.is_constant(value)) release_if_free(value);  // nobody's operand
    }
  }

  /// A kernel has been prepared with this operand.
  void used(ValueId value, bool goes_on_reading) {
    const auto at = static_cast<size_t>(value);
    --uses_[at];
    if (goes_on_reading) read_[at] = true;
    release_if_free(value);
  }

 private:
  void release_if_free(ValueId value) {
    const auto at = static_cast<size_t>(value);
    if (release_ && uses_[at] == 0 && !read_[at]) graph_.release_constant(value);
  }

  Graph& graph_;
  const bool release_;
  std::vector<int> uses_;
  std::vector<bool> read_;
};

class Builder {
 public:
  Builder(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry, Devices devices,
          const SessionOptions& options)
      : graph_(graph),
        plan_(plan),
        devices_(devices),
        options_(options),
        bound_(bind_plan(plan, graph, registry, devices.fingerprint())) {}

  ReadyPlan build() {
    refuse_other_devices();
    schedule_ = make_schedule(bound_, graph_);
    ready_.threads = options_.threads > 0 ? options_.threads : plan_.threads;
    describe_externals();
    list_ops();
    prepare_ops();
    plan_arenas();
    lay_out_views();
    return std::move(ready_);
  }

 private:
  void refuse_other_devices() const {
    const auto refuse = [&](DeviceId wanted, std::string_view who) {
      if (devices_.find(wanted) != nullptr) return;
      throw PlanError(fmt::format("{} runs on {}; this session has only {}", who, wanted.to_string(),
                                  devices_.host().id().to_string()));
    };
    for (const BoundStep& step : bound_.steps)
      refuse(step.primitive->info().processor, step.primitive->name());
    for (const BoundConversion& conversion : bound_.conversions) {
      refuse(conversion.from.device, conversion.primitive->name());
      refuse(conversion.to.device, conversion.primitive->name());
    }
  }

  void describe_externals() {
    for (const ValueId input : graph_.inputs()) {
      ready_.externals.push_back({graph_.value(input).name, graph_.desc(input)});
    }
    ready_.input_count = ready_.externals.size();
    for (const Graph::Output& output : graph_.outputs()) {
      ready_.externals.push_back({output.name, graph_.desc(output.value)});
    }
  }

  /// What is to run, in its order; nothing is prepared yet.
  void list_ops() {
    for (const Op& op : schedule_.ops) {
      switch (op.kind) {
        case Op::Kind::step: {
          const BoundStep& step = bound_.steps[op.index];
          const PlanStep& planned = plan_.steps[step.index];
          add_op(op.device, threads_of(planned.threads),
                 {.name = step_name(planned.covers),
                  .primitive = on_threads(step.primitive->name(), planned.threads),
                  .expected_us = planned.expected_us,
                  .layouts = layouts_of(step),
                  .covers = ready_.covers.emplace_back(planned.covers)});
          break;
        }
        case Op::Kind::conversion: {
          const BoundConversion& conversion = bound_.conversions[op.index];
          const PlanConversion& planned = plan_.conversions[conversion.index];
          add_op(op.device, threads_of(planned.threads),
                 {.name = planned.tensor,
                  .primitive = on_threads(conversion.primitive->name(), planned.threads),
                  .conversion = true,
                  .expected_us = planned.expected_us,
                  .layouts = planned.layouts(),
                  .from = planned.from.device,
                  .to = planned.to.device});
          break;
        }
        case Op::Kind::output: {
          const Graph::Output& output = graph_.outputs()[op.index];
          add_op(op.device, ready_.threads,
                 {.name = output.name, .primitive = "copy", .conversion = true, .layouts = "nchw -> nchw"})
              .copy_bytes = graph_.desc(output.value).bytes();
          break;
        }
      }
    }
  }

  void prepare_ops() {
    ConstantKeeper constants(graph_, bound_.steps, options_.release_constants);
    std::vector<size_t> bytes;
    for (const Op& op : schedule_.ops) bytes.push_back(constant_bytes(op));
    for (const size_t moment : packing_order(bytes)) {
      const Op& op = schedule_.ops[moment];
      if (op.kind == Op::Kind::conversion) {
        const BoundConversion& conversion = bound_.conversions[op.index];
        prepare(moment, *conversion.primitive, conversion.layer);
      } else if (op.kind == Op::Kind::step) {
        const BoundStep& step = bound_.steps[op.index];
        prepare(moment, *step.primitive, step.layer);
        const Kernel* kernel = ready_.ops[moment].kernel;
        for (size_t operand = 0; operand < step.inputs.size(); ++operand) {
          if (!graph_.is_constant(step.inputs[operand])) continue;
          constants.used(step.inputs[operand], kernel == nullptr || kernel->reads_constant(operand));
        }
      }
    }
  }

  size_t constant_bytes(const Op& op) const {
    size_t bytes = 0;
    for (const int32_t input : op.inputs) {
      if (is_constant(input)) bytes += copy(input).desc.bytes();
    }
    return bytes;
  }

  /// Of a step or conversion that the plan gives so many; 0: the plan's.
  int threads_of(int planned) const {
    const int threads = planned > 0 ? planned : ready_.threads;
    return options_.threads > 0 ? std::min(threads, options_.threads) : threads;
  }

  std::string layouts_of(const BoundStep& step) const {
    std::vector<std::string> reads, gives;
    for (size_t operand = 0; operand < step.inputs.size(); ++operand) {
      if (step.inputs[operand] == absent || graph_.is_constant(step.inputs[operand])) continue;
      reads.emplace_back(to_string(step.wants[operand].layout));
    }
    for (const Interface& interface : step.gives) gives.emplace_back(to_string(interface.layout));
    return fmt::format("{} -> {}", join(reads, ","), join(gives, ","));
  }

  /// Keeps the texts that the info looks at; `covers` is kept already.
  ReadyOp& add_op(DeviceId device, int threads, StepInfo info) {
    for (std::string_view* text : {&info.name, &info.primitive, &info.layouts}) {
      *text = ready_.texts.emplace_back(*text);
    }
    ready_.infos.push_back(info);
    workspaces_.push_back(0);
    return ready_.ops.emplace_back(ReadyOp{.queue = queue_of(device, threads)});
  }

  Queue* queue_of(DeviceId device, int threads) {
    for (const auto& queue : ready_.queues) {
      if (queue->device() != device) continue;
      // An accelerator has threads of its own.
      if (queue->threads() == threads || device.kind != DeviceKind::cpu) return queue.get();
    }
    return ready_.queues.emplace_back(devices_.at(device).make_queue(threads)).get();
  }

  void prepare(size_t moment, const Primitive& primitive, const LayerDesc& layer) {
    const Op& op = schedule_.ops[moment];
    ReadyOp& made = ready_.ops[moment];
    if (op.view) return;
    const int threads = made.queue->threads();
    std::vector<TensorView> constants(op.inputs.size());
    for (size_t operand = 0; operand < op.inputs.size(); ++operand) {
      if (is_constant(op.inputs[operand])) constants[operand] = constant_view(copy(op.inputs[operand]).value);
    }
    const auto where = [&](const Error& error) {
      return fmt::format("step '{}' ({}): {}", ready_.infos[moment].name, primitive.name(), error.what());
    };
    try {
      // Libraries look at the size of the team when they plan scratch memory and when they pack.
      made.queue->bind();
      workspaces_[moment] = primitive.workspace_bytes(layer, threads);
      const PrepareArgs args{constants, devices_.at(op.device), threads, options_.packed,
                             packed_key(primitive, layer, threads)};
      const auto prepare_now = [&] { return primitive.prepare(layer, args); };
      ready_.kernels.push_back(
          options_.kernels == nullptr
              ? prepare_now()
              : options_.kernels->get(pool_key(primitive, layer, threads, constants), prepare_now));
    } catch (const UnsupportedError& error) {
      throw UnsupportedError(where(error));
    } catch (const DeviceError& error) {
      throw DeviceError(where(error));
    } catch (const IoError& error) {
      throw IoError(where(error));
    }
    made.kernel = ready_.kernels.back().get();
    ready_.packed_bytes += made.kernel->packed_bytes();
  }

  static std::string pool_key(const Primitive& primitive, const LayerDesc& layer, int threads,
                              std::span<const TensorView> constants) {
    std::string key = fmt::format("{} | {} | {} threads", primitive.name(), layer.key(), threads);
    for (const TensorView& constant : constants)
      key += fmt::format(" | {}", constant ? static_cast<const void*>(constant.memory.host()) : nullptr);
    return key;
  }

  PackedKey packed_key(const Primitive& primitive, const LayerDesc& layer, int threads) const {
    if (options_.packed == nullptr) return {};
    return {.packer = fmt::format("{} | {} | {} threads | {}", primitive.name(), layer.key(), threads,
                                  devices_.host().fingerprint()),
            .revision = primitive.revision()};
  }

  const Copy& copy(int32_t id) const { return schedule_.copies[static_cast<size_t>(id)]; }
  bool is_constant(int32_t copy_id) const {
    return copy_id != absent && graph_.is_constant(copy(copy_id).value);
  }

  /// An empty constant may have no address, and a view without one would say that the operand is absent.
  TensorView constant_view(ValueId value) const {
    TensorView view = graph_.constant(value);
    if (!view) view.memory = {{}, const_cast<std::byte*>(&nothing), 0};
    return view;
  }

  void plan_arenas() {
    homes_.resize(schedule_.blocks.size());
    plan_arena(devices_.host());
    const bool uses_accelerator = std::any_of(schedule_.ops.begin(), schedule_.ops.end(), [&](const Op& op) {
      return op.device != devices_.host().id();
    });
    if (uses_accelerator) plan_arena(*devices_.accelerator());
  }

  void plan_arena(Device& device) {
    const ArenaBuffers buffers = arena_buffers(schedule_, workspaces_, device.id());
    const std::vector<size_t>& placed = buffers.blocks;
    const MemoryPlan memory = plan_memory(buffers.lifetimes);
    ready_.peak_live_bytes += memory.peak_live_bytes;
    Memory arena;
    try {
      arena = ready_.arenas.emplace_back(device, memory.arena_bytes).memory();
    } catch (const IoError& error) {
      const std::string what = fmt::format("{}; it is for what the layers give each other, of which {}",
                                           error.what(), largest_tensor());
      if (device.id().kind != DeviceKind::cpu) throw DeviceError(what);
      throw IoError(what);
    }
    for (size_t index = 0; index < placed.size(); ++index) {
      homes_[placed[index]] = arena.at(memory.offsets[index]);
    }
    for (size_t moment = 0; moment < workspaces_.size(); ++moment) {
      if (schedule_.ops[moment].device == device.id())
        ready_.ops[moment].workspace = arena.at(memory.offsets[placed.size() + moment]);
    }
  }

  std::string largest_tensor() const {
    const Value* largest = nullptr;
    for (const Copy& copy : schedule_.copies) {
      if (schedule_.blocks[static_cast<size_t>(copy.block)].home != Block::Home::arena) continue;
      const Value& value = graph_.value(copy.value);
      if (largest == nullptr || value.desc.bytes() > largest->desc.bytes()) largest = &value;
    }
    if (largest == nullptr) return "all is scratch memory";
    return fmt::format("the largest is '{}', {}", largest->name, largest->desc.to_string());
  }

  void lay_out_views() {
    for (size_t moment = 0; moment < schedule_.ops.size(); ++moment) {
      const Op& op = schedule_.ops[moment];
      ReadyOp& made = ready_.ops[moment];
      made.views = ready_.views.size();
      made.inputs = op.inputs.size();
      for (size_t operand = 0; operand < op.inputs.size(); ++operand) {
        const bool packed = made.kernel != nullptr && is_constant(op.inputs[operand]) &&
                            !made.kernel->reads_constant(operand);
        add_view(packed ? absent : op.inputs[operand]);
      }
      for (const int32_t output : op.outputs) add_view(output);
      made.outputs = op.outputs.size();
      if (op.kind == Op::Kind::output) {
        add_external_view(graph_.desc(graph_.outputs()[op.index].value), ready_.input_count + op.index);
        made.outputs = 1;
      }
    }
  }

  void add_view(int32_t id) {
    if (id == absent) {
      ready_.views.emplace_back();
      return;
    }
    const Copy& copy = this->copy(id);
    const auto [root, offset] = schedule_.root_of(copy.block);
    const Block& block = schedule_.blocks[static_cast<size_t>(root)];
    switch (block.home) {
      case Block::Home::arena:
        ready_.views.push_back({copy.desc, homes_[static_cast<size_t>(root)].at(offset)});
        break;
      case Block::Home::constant:
        ready_.views.push_back({copy.desc, constant_view(block.index).memory});
        break;
      case Block::Home::input:
        add_external_view(copy.desc, static_cast<size_t>(block.index));
        break;
      case Block::Home::output:
        add_external_view(copy.desc, ready_.input_count + static_cast<size_t>(block.index), offset);
        break;
    }
  }

  void add_external_view(const TensorDesc& desc, size_t external, size_t offset = 0) {
    ready_.patches.push_back({ready_.views.size(), external, offset});
    ready_.views.push_back({desc, {}});
  }

  Graph& graph_;
  const Plan& plan_;
  const Devices devices_;
  const SessionOptions options_;
  const BoundPlan bound_;
  Schedule schedule_;
  std::vector<size_t> workspaces_;  // one an op
  std::vector<Memory> homes_;       // one a block; of those in the arena
  ReadyPlan ready_;
};

}  // namespace

ReadyPlan make_ready(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry, Devices devices,
                     const SessionOptions& options) {
  return Builder(graph, plan, registry, devices, options).build();
}

}  // namespace raceline
