// A model made into a graph, without tensors for its inputs.
#pragma once
#include "cli/workbench.h"
#include "raceline/predict/network.h"

namespace raceline::cli {

/// The first stage of load_model(), whose `inputs` stay empty: for those who only look at the graph, however
/// large it is. `written` is given the batch_norms() before the passes.
LoadedModel load_graph(OpenedModel& opened, const ModelOptions& options, const Workbench& bench,
                       const PlanSet* plans = nullptr, BatchNorms* written = nullptr);

}  // namespace raceline::cli
