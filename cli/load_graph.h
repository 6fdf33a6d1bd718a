// A model made into a graph, without tensors for its inputs.
#pragma once
#include "cli/workbench.h"

namespace raceline::cli {

/// The first stage of load_model(), whose `inputs` stay empty: for those who only look at the graph, however
/// large it is.
LoadedModel load_graph(OpenedModel& opened, const ModelOptions& options, const Workbench& bench,
                       const PlanSet* plans = nullptr);

}  // namespace raceline::cli
