// The ordered list of graph passes. Each is a free function Graph -> Graph, known by its name.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/graph.h"

namespace raceline {

/// Replaces every node whose operands are all constants by its result, and shape_of by the shape. A node that
/// `evaluate` refuses with UnsupportedError stays, and so does one whose result would take unreasonably much
/// memory or time: it is computed in each run.
Graph fold_constants(Graph graph, const Evaluator& evaluate);
/// Drops nodes and constants that no output needs.
Graph remove_dead_code(Graph graph, const Evaluator& evaluate);
/// Drops identity (which dropout becomes in the reader), and reshape, transpose, slice, pad, cast, expand,
/// resize and concat that change nothing.
Graph remove_identity(Graph graph, const Evaluator& evaluate);
/// Folds batch_norm with constant statistics into the weights and bias of the conv2d, conv3d, conv_transpose
/// or gemm before it, when that is its only use.
Graph fold_batch_norm(Graph graph, const Evaluator& evaluate);
/// Folds binary add of a constant per output channel into the bias of the convolution or gemm before it.
Graph fold_bias(Graph graph, const Evaluator& evaluate);
/// Adds Fusions: convolution or gemm followed by a unary node (activation).
Graph fuse_activation(Graph graph, const Evaluator& evaluate);
/// Adds Fusions: convolution or gemm followed by a residual add, and by a residual add and an activation.
Graph fuse_residual(Graph graph, const Evaluator& evaluate);
/// Adds Fusions: a conv2d followed by a max_pool of windows that do not overlap, an activation between or
/// behind them.
Graph fuse_max_pool(Graph graph, const Evaluator& evaluate);

struct Pass {
  std::string_view name;
  Graph (*run)(Graph, const Evaluator&);
  std::string_view what;  ///< one line for --help
  bool fusion = false;  ///< changes which layers there are: switched off by --no-fusion (the papers' layers)
};

/// In the order in which they run. fold_batch_norm, fold_bias and the three fusion passes carry `fusion`.
std::span<const Pass> all_passes();

struct PassOptions {
  bool fusion = true;                ///< --no-fusion: false
  std::vector<std::string> without;  ///< names of passes to leave out
};

/// Runs the passes; verifies the graph after each, and measures at last how sparse its weights are. Throws
/// UnsupportedError for a name in `without` that no pass has, naming the nearest.
Graph run_passes(Graph graph, const Evaluator& evaluate, const PassOptions& options = {});

}  // namespace raceline
