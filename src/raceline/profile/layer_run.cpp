#include "raceline/profile/layer_run.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/primitive/placement.h"

namespace raceline {
namespace {

constexpr size_t guard_bytes = 64;       ///< behind each output: a kernel that writes there is wrong
constexpr unsigned char rubbish = 0xff;  ///< NaN in every float type

/// Bytes of a tensor in the layout that needs most.
size_t room_for(const TensorDesc& desc) {
  size_t bytes = 0;
  for (const Layout layout : all_layouts) {
    if (exists_for(layout, desc.shape)) bytes = std::max(bytes, desc.with(layout).bytes());
  }
  return bytes + guard_bytes;
}

/// Fills memory with rubbish; the queue is one of its device, or of any where it is the host's.
Status spoil(Memory memory, size_t bytes, Queue& queue) {
  if (memory.device.kind == DeviceKind::cpu) {
    std::memset(memory.host(), rubbish, bytes);
    return Status::ok();
  }
  std::vector<unsigned char> data(bytes, rubbish);
  const Status copied = queue.copy(memory, {{}, data.data(), 0}, bytes);
  const Status finished = queue.wait();
  return copied.is_ok() ? finished : copied;
}

/// Copies memory of any device to the host.
bool fetch(Memory memory, std::span<std::byte> to, Queue& queue) {
  const Status copied = queue.copy({{}, to.data(), 0}, memory, to.size());
  const Status finished = queue.wait();
  return copied.is_ok() && finished.is_ok();
}

/// A buffer whose pages exist: the first touch of a page is not the kernel's to pay.
Buffer touched_buffer(Device& device, size_t bytes, Queue& queue) {
  Buffer buffer(device, bytes);
  if (const Status status = spoil(buffer.memory(), bytes, queue); !status.is_ok())
    throw IoError(fmt::format("{}: {}", device.name(), status.message()));
  return buffer;
}

}  // namespace

LayerBuffers::LayerBuffers(Devices devices, const LayerDesc& layer, std::vector<Tensor> operands)
    : devices_(devices), layer_(layer), operands_(std::move(operands)) {
  rooms({});
}

LayerBuffers::Rooms& LayerBuffers::rooms(DeviceId id) {
  const auto known = rooms_.find(id);
  if (known != rooms_.end()) return known->second;
  Device& device = devices_.at(id);
  Rooms made;
  made.queue = device.make_queue(1);
  const auto room = [&](const TensorDesc& desc) {
    return touched_buffer(device, room_for(desc), *made.queue);
  };
  for (const OperandDesc& operand : layer_.inputs) {
    const bool is_activation = operand.present && !operand.constant;
    made.operands.push_back(is_activation ? room(operand.desc) : Buffer());
  }
  for (const TensorDesc& output : layer_.outputs) made.outputs.push_back(room(output));
  return rooms_.emplace(id, std::move(made)).first->second;
}

const Tensor& LayerBuffers::original(size_t operand, Layout layout) {
  if (layout == Layout::nchw) return operands_[operand];
  Tensor& tensor = originals_[{operand, layout}];
  if (!tensor) tensor = with_layout(operands_[operand].view(), layout);
  return tensor;
}

void LayerBuffers::reserve_workspace(size_t bytes, DeviceId device) {
  Rooms& own = rooms(device);
  if (bytes > own.workspace.bytes()) own.workspace = touched_buffer(devices_.at(device), bytes, *own.queue);
}

void LayerBuffers::touch_outputs() const {
  constexpr size_t line = 64;
  unsigned sum = 0;
  for (const Buffer& room : rooms_.at({}).outputs) {
    for (size_t at = 0; at < room.bytes(); at += line)
      sum += std::to_integer<unsigned>(room.memory().host()[at]);
  }
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

LayerRun::LayerRun(const Primitive& primitive, const LayerDesc& layer, LayerBuffers& buffers, int threads)
    : layer_(layer),
      buffers_(buffers),
      processor_(primitive.info().processor),
      from_(device_of_inputs(primitive, layer)),
      to_(device_of_outputs(primitive, layer)),
      layouts_(primitive.layouts(layer)),
      workspace_bytes_(primitive.workspace_bytes(layer, threads)),
      constants_(layer.inputs.size()),
      inputs_(layer.inputs.size()) {
  std::vector<TensorView> views(layer.inputs.size());
  for (size_t i = 0; i < views.size(); ++i) {
    if (layer.inputs[i].present && layer.inputs[i].constant) views[i] = buffers.operands()[i].view();
  }
  kernel_ = primitive.prepare(layer, {views, buffers.devices().at(processor_), threads});
  buffers.reserve_workspace(workspace_bytes_, processor_);
  weights_bytes_ = kernel_->packed_bytes();
  for (size_t i = 0; i < views.size(); ++i) {
    const OperandDesc& operand = layer.inputs[i];
    if (!operand.present) continue;
    if (!operand.constant) {
      inputs_[i] = {operand.desc.with(layouts_.inputs[i]), buffers.operand_room(i, from_)};
    } else if (kernel_->reads_constant(i)) {
      constants_[i] = with_layout(views[i], Layout::nchw);
      weights_bytes_ += constants_[i].desc().bytes();
      inputs_[i] = constants_[i].view();
    }
  }
  for (size_t slot = 0; slot < layer.outputs.size(); ++slot) {
    outputs_.push_back({layer.outputs[slot].with(layouts_.outputs[slot]), buffers.output_room(slot, to_)});
  }
  may_share_ = primitive.sharing(layer) == Sharing::in_place && !inputs_.empty() && inputs_[0] &&
               !layer.inputs[0].constant && inputs_[0].desc == outputs_[0].desc;
}

Status LayerRun::produce(Queue& queue) {
  Status copied = Status::ok();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!layer_.inputs[i].present || layer_.inputs[i].constant) continue;
    const Tensor& original = buffers_.original(i, layouts_.inputs[i]);
    if (copied.is_ok())
      copied = queue.copy(inputs_[i].memory, original.view().memory, original.desc().bytes());
  }
  const Status finished = queue.wait();
  return copied.is_ok() ? finished : copied;
}

Status LayerRun::run(Queue& queue) const noexcept {
  return kernel_->run(
      {inputs_, outputs_, workspace_bytes_ > 0 ? buffers_.workspace(processor_) : Memory{}, queue});
}

Status LayerRun::run_timed(Queue& queue, const Clock& clock) {
  const double begin = clock();
  const Status status = run(queue);
  const Status finished = queue.wait();
  first_us_ = clock() - begin;
  return status.is_ok() ? finished : status;
}

Tensor LayerRun::output(size_t slot, Queue& queue) const {
  Tensor copy(outputs_[slot].desc);
  if (!fetch(outputs_[slot].memory, copy.bytes(), queue))
    throw IoError("the result could not be copied back from the device");
  return copy;
}

CheckResult LayerRun::check_once(const Expected& expected, Queue& queue, const Clock& clock) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  Status spoilt = Status::ok();
  if (workspace_bytes_ > 0) spoilt = spoil(buffers_.workspace(processor_), workspace_bytes_, queue);
  for (size_t slot = 0; slot < outputs_.size() && spoilt.is_ok(); ++slot)
    spoilt = spoil(buffers_.output_room(slot, to_), outputs_[slot].desc.bytes() + guard_bytes, queue);
  if (!spoilt.is_ok()) return {infinite, std::string(spoilt.message()), true};
  if (const Status status = produce(queue); !status.is_ok())
    return {infinite, std::string(status.message()), true};
  if (const Status status = run_timed(queue, clock); !status.is_ok())
    return {infinite, std::string(status.message()), true};
  std::vector<Tensor> results;  // of an accelerator, on the host
  std::vector<TensorView> views = outputs_;
  for (size_t slot = 0; slot < outputs_.size(); ++slot) {
    const size_t bytes = outputs_[slot].desc.bytes();
    std::vector<std::byte> behind(guard_bytes);
    if (!fetch(buffers_.output_room(slot, to_).at(bytes), behind, queue))
      return {infinite, "the result could not be copied back", true};
    if (to_ != DeviceId{}) {
      results.push_back(output(slot, queue));
      views[slot].memory = results.back().view().memory;
    }
    const std::byte* guard = behind.data();
    if (std::any_of(guard, guard + guard_bytes, [](std::byte byte) { return byte != std::byte{rubbish}; })) {
      return {infinite, fmt::format("wrote past the end of output {}", slot), false};
    }
  }
  return compare_outputs(expected, views);
}

CheckResult LayerRun::check(const Expected& expected, Queue& queue, const Clock& clock) {
  CheckResult apart = check_once(expected, queue, clock);
  if (apart.why.empty() && processor_.kind != DeviceKind::cpu) {
    if (const Status again = run_timed(queue, clock); !again.is_ok())
      return {.why = std::string(again.message()), .broke_off = true};
  }
  if (!may_share_ || !apart.why.empty()) return apart;
  const double first = first_us_;
  const Memory room = outputs_[0].memory;
  outputs_[0].memory = inputs_[0].memory;
  CheckResult shared = check_once(expected, queue, clock);
  outputs_[0].memory = room;
  first_us_ = first;
  if (shared.error > apart.error && !shared.why.empty()) shared.why = "in place: " + shared.why;
  return shared.error > apart.error ? shared : apart;
}

void LayerRun::use_in_place() {
  if (may_share_) outputs_[0].memory = inputs_[0].memory;
}

}  // namespace raceline
