// Phase 1 as QS-DNN measures it: the network run whole once a global implementation, then all conversions.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "raceline/profile/profiler.h"
#include "raceline/tune/whole_runs.h"

namespace raceline {

/// A primitive's coordinates without op and processor, "openblas.gemm.im2col.nchw": what is put in Vanilla's
/// place wherever it can, at one time, is a global implementation.
std::string global_implementation(const Primitive& primitive);

struct PaperProtocolOptions {
  int inputs = 50;  ///< different ones, an inference each; the cost is the mean
  double max_error = 2e-5;
  uint64_t seed = 1;  ///< of the data of checks
  std::filesystem::path lock = default_timing_lock;
  /// The network's inputs number `index`, in the order of graph.inputs().
  std::function<std::vector<Tensor>(int index)> make_inputs;
  std::function<bool()> stop;
  std::function<void(size_t, size_t, const std::string&)> progress;  ///< implementations done, all, now
  std::function<void(const std::string&)> say;                       ///< the expected time; may be empty
};

/// Fills the table with mean times. Vanilla is run whole and timed by layer. Then, for each global
/// implementation, the network is run with it wherever it can; its layers' times are kept. What it cannot do
/// is not run by Vanilla again, whose times are known, but by the fastest library primitive known so far,
/// untimed: so the layer that is timed finds the caches as inside a network, and slow layers are timed once.
/// At last each conversion between interfaces in which neighbours could meet, once a tensor. Layers of equal
/// key cost what they took on average (CostTable::set), and at each place what they took there (set_inside).
/// Fused alternatives are not measured: the paper has none. Candidates are checked first, like profile()'s.
///
/// Kept in the store as whole runs of protocol "paper", and found there again by implementation, so that an
/// interrupted measurement goes on from there, and nothing of it is taken for a cost of another protocol.
/// The scene's own inputs are not used. Throws IoError, and what Session throws.
ProfileReport profile_as_paper(const CandidateSet& candidates, const RunScene& scene,
                               const PaperProtocolOptions& options, CostTable& table);

}  // namespace raceline
