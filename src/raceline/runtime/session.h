// A plan made ready to run: weights packed, memory laid out.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/device/devices.h"
#include "raceline/runtime/kernel_pool.h"
#include "raceline/runtime/plan.h"
#include "raceline/runtime/step_trace.h"

namespace raceline {

/// What a step of the session is and did; for observers and traces.
struct StepInfo {
  std::string_view name;  ///< the covered nodes joined by '+', or the converted tensor
  std::string_view primitive;
  bool conversion = false;
  double expected_us = 0;
  std::string_view layouts;  ///< "nchw,nchw -> nhwc": of what it reads and gives, constants aside
  std::span<const std::string> covers = {};  ///< names of the nodes; none of a conversion or copy
  DeviceId from = {}, to = {};               ///< of a conversion: where the tensor lies, and its copy
};

struct SessionOptions {
  int threads = 0;                 ///< 0: the plan's
  bool release_constants = false;  ///< free the graph's constants as soon as they are packed
  PackedStore* packed = nullptr;   ///< keeps packed constants between sessions; used by the constructor only
  /// Shares kernels with the other sessions of this graph that were given it; used by the constructor only.
  /// Not together with release_constants.
  KernelPool* kernels = nullptr;
};

/// Runs a plan. run() belongs to one thread at a time; two Sessions do not disturb each other. The graph
/// must outlive the session.
class Session {
 public:
  /// Checks the plan (for these devices' fingerprint), prepares all kernels, plans and allocates the memory.
  /// The plan and the constants of packing kernels are not needed any more afterwards. Throws PlanError,
  /// UnsupportedError, IoError, and GraphError for a constant that another session has released.
  Session(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry, Devices devices,
          SessionOptions options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// inputs and outputs in the order of the graph's, nchw, in host memory of the caller; outputs overlap with
  /// nothing. Inputs are never written. Allocates nothing of its own. Throws GraphError when a type, shape or
  /// place is not as wanted, Error naming the step when a kernel fails.
  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs);
  /// As run(), timing each step by the clock of its device; times has steps().size() entries. What waiting
  /// for an accelerator takes beyond its steps belongs to the last of them: a copy back, unless none is
  /// ready.
  void run_timed(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                 std::span<double> times_us);
  /// As run_timed(), but of an accelerator each command is looked at, so that its idle time is told apart;
  /// returned is the time between the ends of its last commands and the host's knowing of them.
  double run_traced(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                    std::span<StepTrace> traces);

  /// In the order in which they run: steps, conversions ahead of their first use, and at the end a step
  /// "copy" for each output that could not be computed in the caller's memory (an input, a constant, a second
  /// copy).
  std::span<const StepInfo> steps() const;
  int threads() const;
  /// Bytes of activations and workspace on all devices, of packed weights.
  size_t arena_bytes() const;
  size_t packed_bytes() const;
  /// The largest sum of tensors and workspace alive at once: what arena_bytes() cannot go below.
  size_t peak_live_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raceline
