#include "cli/load_graph.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline::cli {

LoadedModel load_graph(OpenedModel& opened, const ModelOptions& options, const Workbench& bench,
                       const PlanSet* plans, BatchNorms* written) {
  LoadedModel loaded{.name = options.path.stem().string(), .graph = {}, .inputs = {}, .plan = {}};
  PassOptions passes{.fusion = !options.no_fusion, .without = options.without_passes};
  if (plans != nullptr && !plans->empty()) {
    loaded.plan = choose_plan(opened.model, *plans, opened.bindings);
    passes = passes_of(loaded.plan);
  }
  Stage stage = opened.model.first_stage(opened.bindings, bench.evaluator);
  if (stage.graph.outputs().empty()) {
    throw UnsupportedError(fmt::format("'{}': all of it waits for values that only a run gives:\n  {}",
                                       options.path.string(), join(stage.waiting, "\n  ")));
  }
  if (!stage.is_last()) {
    fmt::print(
        stderr,
        "{}: this is about what comes before {} of its nodes, which wait for values of the run:\n  {}\n",
        loaded.name, stage.deferred, join(stage.waiting, "\n  "));
  }
  if (written != nullptr) *written = batch_norms(stage.graph);
  loaded.graph = run_passes(std::move(stage.graph), bench.evaluator, passes);
  return loaded;
}

}  // namespace raceline::cli
