#include "raceline/graph/passes/passes.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/density.h"

namespace raceline {
namespace {

constexpr Pass passes[] = {
    {"fold_constants", fold_constants, "computes what does not depend on the inputs"},
    {"remove_dead_code", remove_dead_code, "drops nodes and constants that no output needs"},
    {"remove_identity", remove_identity, "drops nodes that change nothing"},
    {"fold_batch_norm", fold_batch_norm, "folds batch normalisation into the weights before it", true},
    {"fold_bias", fold_bias, "folds the addition of a constant into the bias before it", true},
    {"fuse_activation", fuse_activation, "offers convolution or gemm with its activation as one layer", true},
    {"fuse_residual", fuse_residual, "offers convolution or gemm with a residual add as one layer", true},
    {"fuse_max_pool", fuse_max_pool, "offers convolution with the max-pooling behind it as one layer", true},
};

void check_names(const std::vector<std::string>& without) {
  std::vector<std::string> names;
  for (const Pass& pass : passes) names.emplace_back(pass.name);
  for (const std::string& name : without) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw UnsupportedError(fmt::format("no graph pass '{}'; the nearest are {}", name.substr(0, 80),
                                       join(nearest(name.substr(0, 80), names), ", ")));
  }
}

}  // namespace

std::span<const Pass> all_passes() {
  return passes;
}

Graph run_passes(Graph graph, const Evaluator& evaluate, const PassOptions& options) {
  check_names(options.without);
  for (const Pass& pass : passes) {
    if (pass.fusion && !options.fusion) continue;
    if (std::find(options.without.begin(), options.without.end(), pass.name) != options.without.end())
      continue;
    graph = pass.run(std::move(graph), evaluate);
    graph.verify();
  }
  measure_densities(graph);
  return graph;
}

}  // namespace raceline
