// Which primitives could serve which layer of a graph: asked once, used by the profiler and by the search.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// A primitive that can compute a layer, and the layouts it would use.
struct Candidate {
  const Primitive* primitive = nullptr;
  LayerLayouts layouts;
};

/// A distinct layer of the graph with everything that could compute it.
struct LayerCandidates {
  LayerDesc layer;
  std::vector<Candidate> candidates;  ///< in the registry's order, after the filter
};

/// The distinct layers of a graph by LayerDesc::key(): its nodes, its fusions, and the reorders between all
/// interfaces that candidates on the sides of a value use (network inputs and outputs are cpu:nchw).
class CandidateSet {
 public:
  /// A layer for which the filter admits nothing keeps all its candidates: "--only X" means X wherever it
  /// can. The same holds for reorders. Throws UnsupportedError naming the layers that nothing can compute.
  CandidateSet(const Graph& graph, const PrimitiveRegistry& registry, const PrimitiveFilter& filter);

  /// Throws Error when the layer is not of this set.
  const LayerCandidates& at(const std::string& layer_key) const;
  const std::map<std::string, LayerCandidates>& layers() const { return layers_; }
  /// Interfaces in which a value may be wanted or given, sorted; empty for constants.
  const std::vector<Interface>& interfaces(ValueId value) const {
    return interfaces_[static_cast<size_t>(value)];
  }
  /// Bytes of all constants of the graph, as large as candidates may pack them: whether weights stay in a
  /// cache from one run to the next.
  size_t weights_bytes() const { return weights_bytes_; }

 private:
  std::map<std::string, LayerCandidates> layers_;
  std::vector<std::vector<Interface>> interfaces_;
  size_t weights_bytes_ = 0;
};

}  // namespace raceline
