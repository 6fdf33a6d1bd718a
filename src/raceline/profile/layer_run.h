// One primitive made ready for one layer, with the buffers it would find in a Session: for checks and
// timings.
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "raceline/device/devices.h"
#include "raceline/primitive/primitive.h"
#include "raceline/profile/accuracy.h"
#include "raceline/profile/measure.h"

namespace raceline {

/// Operands, outputs and workspace of a layer, shared by all primitives that are tried on it, as the layers
/// of a Session share its arena: on the host, and on an accelerator for those that run there. The devices
/// must outlive it.
class LayerBuffers {
 public:
  /// operands: nchw, one each, empty where absent. Throws IoError when memory is short.
  LayerBuffers(Devices devices, const LayerDesc& layer, std::vector<Tensor> operands);

  Devices devices() const { return devices_; }
  std::span<const Tensor> operands() const { return operands_; }
  /// The bytes that an operand has in a layout; made when first asked for.
  const Tensor& original(size_t operand, Layout layout);
  /// Room for an operand or output in any layout, and 64 bytes more. On an accelerator it is made when first
  /// asked for; throws IoError when its memory is short.
  Memory operand_room(size_t operand, DeviceId device = {}) {
    return rooms(device).operands[operand].memory();
  }
  Memory output_room(size_t slot, DeviceId device = {}) { return rooms(device).outputs[slot].memory(); }
  /// Makes sure of a workspace of so many bytes; workspace() may move.
  void reserve_workspace(size_t bytes, DeviceId device = {});
  Memory workspace(DeviceId device = {}) { return rooms(device).workspace.memory(); }
  /// Reads every output of the host once, which brings it back into the caches that hold it in a Session.
  void touch_outputs() const;

 private:
  struct Rooms {
    std::vector<Buffer> operands, outputs;
    Buffer workspace;
    std::unique_ptr<Queue> queue;  ///< that touches them
  };
  Rooms& rooms(DeviceId device);

  Devices devices_;
  LayerDesc layer_;
  std::vector<Tensor> operands_;
  std::map<std::pair<size_t, Layout>, Tensor> originals_;
  std::map<DeviceId, Rooms> rooms_;
};

/// A kernel with weights of its own. run() is what a Session would do.
class LayerRun {
 public:
  /// Packs the constants. Throws what Primitive::prepare throws, UnsupportedError where the primitive's
  /// device is none of the buffers'; the buffers must outlive it.
  LayerRun(const Primitive& primitive, const LayerDesc& layer, LayerBuffers& buffers, int threads);

  /// Writes the operands into the layer's buffers, as the layers before it would have done just now. Waits.
  Status produce(Queue& queue);
  Status run(Queue& queue) const noexcept;
  /// Runs once on spoilt outputs and workspace and compares; a primitive that may write over its operand is
  /// checked that way too.
  CheckResult check(const Expected& expected, Queue& queue, const Clock& clock = steady_clock());
  /// How long the run of check() took; on an accelerator, whose driver compiles in the first run, a run
  /// behind it.
  double first_us() const { return first_us_; }
  /// From here on writes over operand 0 where the primitive may, as a Session lets it.
  void use_in_place();
  /// What the last run gave, in the primitive's layout, on the host.
  Tensor output(size_t slot, Queue& queue) const;
  /// Bytes of weights that it holds.
  size_t weights_bytes() const { return weights_bytes_; }

 private:
  CheckResult check_once(const Expected& expected, Queue& queue, const Clock& clock);
  /// Runs on what lies there and waits, for first_us().
  Status run_timed(Queue& queue, const Clock& clock);

  const LayerDesc& layer_;
  LayerBuffers& buffers_;
  DeviceId processor_, from_, to_;  ///< where it runs, where operands and outputs lie
  LayerLayouts layouts_;
  size_t workspace_bytes_ = 0;
  bool may_share_ = false;
  std::unique_ptr<const Kernel> kernel_;
  std::vector<Tensor> constants_;  ///< copies of its own, so that no other candidate warms them
  size_t weights_bytes_ = 0;
  double first_us_ = 0;
  std::vector<TensorView> inputs_, outputs_;
};

}  // namespace raceline
