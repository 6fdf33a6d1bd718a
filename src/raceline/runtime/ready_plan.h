// A plan with its kernels prepared and its memory laid out: what a Session runs. Not for programs.
#pragma once
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "raceline/runtime/session.h"

namespace raceline {

/// An op made ready. Its views lie in ReadyPlan::views, the inputs' first.
struct ReadyOp {
  const Kernel* kernel = nullptr;  ///< nullptr: a view, or an output to be copied
  Queue* queue = nullptr;
  size_t views = 0;
  size_t inputs = 0, outputs = 0;
  Memory workspace;
  size_t copy_bytes = 0;  ///< of an output to be copied: from its first view to its second
};

/// A view that lies in memory of the caller.
struct Patch {
  size_t view = 0;
  size_t external = 0;
  size_t offset = 0;  ///< in it, in bytes
};

/// A tensor that the caller gives.
struct External {
  std::string name;
  TensorDesc desc;
};

struct ReadyPlan {
  int threads = 1;
  std::deque<std::string> texts;  ///< what the infos look at
  std::deque<std::vector<std::string>> covers;
  std::vector<StepInfo> infos;
  std::vector<std::shared_ptr<const Kernel>> kernels;
  std::vector<ReadyOp> ops;  ///< one an info
  std::vector<TensorView> views;
  std::vector<Buffer> arenas;  ///< the host's first
  size_t peak_live_bytes = 0;
  size_t packed_bytes = 0;

  std::vector<External> externals;  ///< the graph's inputs, then its outputs
  size_t input_count = 0;
  std::vector<Patch> patches;

  /// Last, so that they go first: whatever is still under way has ended when its memory goes.
  std::vector<std::unique_ptr<Queue>> queues;
};

/// Checks, prepares and lays out. Errors as Session's constructor.
ReadyPlan make_ready(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry, Devices devices,
                     const SessionOptions& options);

}  // namespace raceline
