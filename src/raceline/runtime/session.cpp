// Everything that can be decided before the first run has been decided in ready_plan.cpp: a run fills in the
// caller's addresses and walks a list.
#include "raceline/runtime/session.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/runtime/ready_plan.h"

namespace raceline {
namespace {

using Clock = std::chrono::steady_clock;

/// While it is there, the times of a queue's commands are kept.
class Tracing {
 public:
  explicit Tracing(Queue& queue) : queue_(queue) { queue_.trace(true); }
  ~Tracing() { queue_.trace(false); }
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

 private:
  Queue& queue_;
};

}  // namespace

/// Ops in a row on one device, which is waited for after the last.
struct Stretch {
  size_t first = 0, last = 0;
};

struct Session::State {
  explicit State(ReadyPlan made)
      : ready(std::move(made)),
        given(ready.externals.size()),
        begins(ready.ops.size()),
        ends(ready.ops.size()) {
    for (size_t index = 0; index < ready.ops.size(); ++index) {
      if (index > 0 && device_of(index) == device_of(index - 1)) {
        stretches.back().last = index;
      } else {
        stretches.push_back({index, index});
      }
    }
    waited_us.resize(stretches.size());
  }

  ReadyPlan ready;
  std::vector<Memory> given;        // of this run, one an external
  std::vector<Event> begins, ends;  // of each op, in its queue
  std::vector<Stretch> stretches;   // one processor works at a time
  std::vector<double> waited_us;    // by the host's clock, from each stretch's begin to its end

  DeviceId device_of(size_t op) const { return ready.ops[op].queue->device(); }

  void take(std::span<const TensorView> inputs, std::span<const TensorView> outputs);
  void take_one(size_t external, const TensorView& view);
  void refuse_overlaps() const;
  template <bool timed>
  void run();
  template <bool timed>
  void run_stretch(const Stretch& stretch);
  double trace_stretch(const Stretch& stretch, std::span<StepTrace> traces);
  [[noreturn]] void fail(size_t op, std::string_view why) const;
  Status run_op(const ReadyOp& op) const;
};

void Session::State::take(std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  const size_t output_count = ready.externals.size() - ready.input_count;
  if (inputs.size() != ready.input_count || outputs.size() != output_count) {
    throw GraphError(fmt::format("the session wants {} inputs and {} outputs; given are {} and {}",
                                 ready.input_count, output_count, inputs.size(), outputs.size()));
  }
  for (size_t index = 0; index < inputs.size(); ++index) take_one(index, inputs[index]);
  for (size_t index = 0; index < outputs.size(); ++index) take_one(ready.input_count + index, outputs[index]);
  refuse_overlaps();
  for (const Patch& patch : ready.patches)
    ready.views[patch.view].memory = given[patch.external].at(patch.offset);
}

void Session::State::take_one(size_t external, const TensorView& view) {
  const External& wanted = ready.externals[external];
  const auto fail = [&](const std::string& why) {
    throw GraphError(
        fmt::format("{} '{}' {}", external < ready.input_count ? "input" : "output", wanted.name, why));
  };
  if (view.desc != wanted.desc) {
    fail(fmt::format("is {} in layout {}; wanted is {} in layout {}", view.desc.to_string(),
                     to_string(view.desc.layout), wanted.desc.to_string(), to_string(wanted.desc.layout)));
  }
  Memory memory = view.memory;
  if (!memory) {
    if (wanted.desc.bytes() > 0) fail("has no memory");
    memory = ready.arenas.front().memory();  // any address: nothing is read or written
  }
  if (memory.device.kind != DeviceKind::cpu) {
    fail(fmt::format("lies on {}; wanted is host memory", memory.device.to_string()));
  }
  const size_t element = size_of(wanted.desc.type);
  if (reinterpret_cast<uintptr_t>(memory.host()) % element != 0) {
    fail(
        fmt::format("lies at an address that is no multiple of {} bytes, the size of its elements", element));
  }
  given[external] = memory;
}

/// Outputs are written while inputs are still being read.
void Session::State::refuse_overlaps() const {
  const auto begin = [&](size_t external) { return reinterpret_cast<uintptr_t>(given[external].host()); };
  const auto end = [&](size_t external) { return begin(external) + ready.externals[external].desc.bytes(); };
  for (size_t output = ready.input_count; output < given.size(); ++output) {
    for (size_t other = 0; other < output; ++other) {
      // Empty tensors overlap with nothing.
      if (begin(output) >= end(other) || begin(other) >= end(output) || begin(output) == end(output) ||
          begin(other) == end(other)) {
        continue;
      }
      throw GraphError(fmt::format("output '{}' and {} '{}' overlap in memory", ready.externals[output].name,
                                   other < ready.input_count ? "input" : "output",
                                   ready.externals[other].name));
    }
  }
}

Status Session::State::run_op(const ReadyOp& op) const {
  const std::span<const TensorView> views(ready.views.data() + op.views, op.inputs + op.outputs);
  if (op.kernel != nullptr) {
    return op.kernel->run({views.first(op.inputs), views.subspan(op.inputs), op.workspace, *op.queue});
  }
  if (op.copy_bytes > 0) return op.queue->copy(views[1].memory, views[0].memory, op.copy_bytes);
  return Status::ok();
}

void Session::State::fail(size_t op, std::string_view why) const {
  for (const auto& queue : ready.queues) (void)queue->wait();  // nothing runs on after the error
  const StepInfo& info = ready.infos[op];
  const std::string what = fmt::format("step '{}' ({}): {}", info.name, info.primitive, why);
  if (device_of(op).kind != DeviceKind::cpu) throw DeviceError(what);
  throw Error(what);
}

template <bool timed>
void Session::State::run_stretch(const Stretch& stretch) {
  Queue* bound = nullptr;
  for (size_t index = stretch.first; index <= stretch.last; ++index) {
    const ReadyOp& op = ready.ops[index];
    if (op.queue != bound) {
      bound = op.queue;
      bound->bind();
    }
    if (timed) begins[index] = index == stretch.first ? bound->record() : ends[index - 1];
    const Status status = run_op(op);
    if (timed) ends[index] = bound->record();
    if (!status.is_ok()) fail(index, status.message());
  }
  // An accelerator's errors come late: they are its last step's.
  if (const Status status = bound->wait(); !status.is_ok()) fail(stretch.last, status.message());
}

template <bool timed>
void Session::State::run() {
  for (size_t index = 0; index < stretches.size(); ++index) {
    const auto begin = timed ? Clock::now() : Clock::time_point{};
    run_stretch<timed>(stretches[index]);
    if (timed) waited_us[index] = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }
}

double Session::State::trace_stretch(const Stretch& stretch, std::span<StepTrace> traces) {
  Queue& queue = *ready.ops[stretch.first].queue;
  const Tracing tracing(queue);
  const auto begin = Clock::now();
  const auto since_begin_us = [&] {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  };
  std::vector<TracedStep> steps;
  for (size_t index = stretch.first; index <= stretch.last; ++index) {
    const StepInfo& info = ready.infos[index];
    TracedStep& step = steps.emplace_back();
    step.entered_us = since_begin_us();
    step.copies_itself = info.from != info.to;
    const size_t before = queue.traced();
    const Status status = run_op(ready.ops[index]);
    step.commands = queue.traced() - before;
    if (!status.is_ok()) fail(index, status.message());
  }
  if (const Status status = queue.wait(); !status.is_ok()) fail(stretch.last, status.message());
  const double whole_us = since_begin_us();
  return divide_time(steps, queue.commands(), whole_us, traces);
}

Session::Session(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry, Devices devices,
                 SessionOptions options)
    : state_(std::make_unique<State>(make_ready(graph, plan, registry, devices, options))) {}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::run(std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  state_->take(inputs, outputs);
  state_->run<false>();
}

void Session::run_timed(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                        std::span<double> times_us) {
  const std::vector<ReadyOp>& ops = state_->ready.ops;
  if (times_us.size() != ops.size()) {
    throw Error(fmt::format("the session has {} steps; {} times given", ops.size(), times_us.size()));
  }
  state_->take(inputs, outputs);
  state_->run<true>();
  for (size_t index = 0; index < ops.size(); ++index) {
    times_us[index] = ops[index].queue->elapsed_us(state_->begins[index], state_->ends[index]);
  }
  for (size_t index = 0; index < state_->stretches.size(); ++index) {
    const Stretch& stretch = state_->stretches[index];
    if (state_->device_of(stretch.last).kind == DeviceKind::cpu) continue;
    double device_us = 0;
    for (size_t op = stretch.first; op <= stretch.last; ++op) device_us += times_us[op];
    times_us[stretch.last] += std::max(0.0, state_->waited_us[index] - device_us);
  }
}

double Session::run_traced(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                           std::span<StepTrace> traces) {
  const std::vector<ReadyOp>& ops = state_->ready.ops;
  if (traces.size() != ops.size())
    throw Error(fmt::format("the session has {} steps; {} traces given", ops.size(), traces.size()));
  state_->take(inputs, outputs);
  double after_us = 0;
  for (const Stretch& stretch : state_->stretches) {
    const size_t count = stretch.last - stretch.first + 1;
    if (state_->device_of(stretch.first).kind != DeviceKind::cpu) {
      after_us += state_->trace_stretch(stretch, traces.subspan(stretch.first, count));
      continue;
    }
    state_->run_stretch<true>(stretch);
    for (size_t op = stretch.first; op <= stretch.last; ++op)
      traces[op] = {.busy_us = ops[op].queue->elapsed_us(state_->begins[op], state_->ends[op])};
  }
  return after_us;
}

std::span<const StepInfo> Session::steps() const {
  return state_->ready.infos;
}
int Session::threads() const {
  return state_->ready.threads;
}
size_t Session::arena_bytes() const {
  size_t bytes = 0;
  for (const Buffer& arena : state_->ready.arenas) bytes += arena.bytes();
  return bytes;
}
size_t Session::packed_bytes() const {
  return state_->ready.packed_bytes;
}
size_t Session::peak_live_bytes() const {
  return state_->ready.peak_live_bytes;
}

}  // namespace raceline
