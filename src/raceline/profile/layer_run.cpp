#include "raceline/profile/layer_run.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

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

/// A buffer whose pages exist: the first touch of a page is not the kernel's to pay.
Buffer touched_buffer(Device& device, size_t bytes) {
  Buffer buffer(device, bytes);
  std::memset(buffer.memory().host(), rubbish, bytes);
  return buffer;
}

}  // namespace

LayerBuffers::LayerBuffers(Device& device, const LayerDesc& layer, std::vector<Tensor> operands)
    : device_(device), operands_(std::move(operands)), operand_rooms_(operands_.size()) {
  for (size_t i = 0; i < operands_.size(); ++i) {
    const bool is_activation = layer.inputs[i].present && !layer.inputs[i].constant;
    if (is_activation) operand_rooms_[i] = touched_buffer(device, room_for(layer.inputs[i].desc));
  }
  for (const TensorDesc& output : layer.outputs)
    output_rooms_.push_back(touched_buffer(device, room_for(output)));
}

const Tensor& LayerBuffers::original(size_t operand, Layout layout) {
  if (layout == Layout::nchw) return operands_[operand];
  Tensor& tensor = originals_[{operand, layout}];
  if (!tensor) tensor = with_layout(operands_[operand].view(), layout);
  return tensor;
}

void LayerBuffers::reserve_workspace(size_t bytes) {
  if (bytes > workspace_.bytes()) workspace_ = touched_buffer(device_, bytes);
}

void LayerBuffers::touch_outputs() const {
  constexpr size_t line = 64;
  unsigned sum = 0;
  for (const Buffer& room : output_rooms_) {
    for (size_t at = 0; at < room.bytes(); at += line)
      sum += std::to_integer<unsigned>(room.memory().host()[at]);
  }
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

LayerRun::LayerRun(const Primitive& primitive, const LayerDesc& layer, LayerBuffers& buffers, int threads)
    : layer_(layer),
      buffers_(buffers),
      layouts_(primitive.layouts(layer)),
      workspace_bytes_(primitive.workspace_bytes(layer, threads)),
      constants_(layer.inputs.size()),
      inputs_(layer.inputs.size()) {
  std::vector<TensorView> views(layer.inputs.size());
  for (size_t i = 0; i < views.size(); ++i) {
    if (layer.inputs[i].present && layer.inputs[i].constant) views[i] = buffers.operands()[i].view();
  }
  kernel_ = primitive.prepare(layer, {views, buffers.device(), threads});
  buffers.reserve_workspace(workspace_bytes_);
  weights_bytes_ = kernel_->packed_bytes();
  for (size_t i = 0; i < views.size(); ++i) {
    const OperandDesc& operand = layer.inputs[i];
    if (!operand.present) continue;
    if (!operand.constant) {
      inputs_[i] = {operand.desc.with(layouts_.inputs[i]), buffers.operand_room(i)};
    } else if (kernel_->reads_constant(i)) {
      constants_[i] = with_layout(views[i], Layout::nchw);
      weights_bytes_ += constants_[i].desc().bytes();
      inputs_[i] = constants_[i].view();
    }
  }
  for (size_t slot = 0; slot < layer.outputs.size(); ++slot) {
    outputs_.push_back({layer.outputs[slot].with(layouts_.outputs[slot]), buffers.output_room(slot)});
  }
  may_share_ = primitive.sharing(layer) == Sharing::in_place && !inputs_.empty() && inputs_[0] &&
               !layer.inputs[0].constant && inputs_[0].desc == outputs_[0].desc;
}

void LayerRun::produce(Queue& queue) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!layer_.inputs[i].present || layer_.inputs[i].constant) continue;
    const Tensor& original = buffers_.original(i, layouts_.inputs[i]);
    static_cast<void>(queue.copy(inputs_[i].memory, original.view().memory, original.desc().bytes()));
  }
}

Status LayerRun::run(Queue& queue) const noexcept {
  return kernel_->run({inputs_, outputs_, workspace_bytes_ > 0 ? buffers_.workspace() : Memory{}, queue});
}

CheckResult LayerRun::check_once(const Expected& expected, Queue& queue, const Clock& clock) {
  if (workspace_bytes_ > 0) std::memset(buffers_.workspace().host(), rubbish, workspace_bytes_);
  for (size_t slot = 0; slot < outputs_.size(); ++slot) {
    std::memset(buffers_.output_room(slot).host(), rubbish, outputs_[slot].desc.bytes() + guard_bytes);
  }
  produce(queue);
  const double begin = clock();
  const Status status = run(queue);
  const Status finished = queue.wait();
  first_us_ = clock() - begin;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  for (const Status& each : {status, finished}) {
    if (!each.is_ok()) return {infinite, std::string(each.message())};
  }
  for (size_t slot = 0; slot < outputs_.size(); ++slot) {
    const std::byte* guard = buffers_.output_room(slot).host() + outputs_[slot].desc.bytes();
    if (std::any_of(guard, guard + guard_bytes, [](std::byte byte) { return byte != std::byte{rubbish}; })) {
      return {infinite, fmt::format("wrote past the end of output {}", slot)};
    }
  }
  return compare_outputs(expected, outputs_);
}

CheckResult LayerRun::check(const Expected& expected, Queue& queue, const Clock& clock) {
  CheckResult apart = check_once(expected, queue, clock);
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
