// The time of each step of a plan, as notes on the nodes of the model.
#pragma once
#include <span>

#include "raceline/graph/graph.h"
#include "raceline/model/onnx_notes.h"
#include "raceline/runtime/session.h"

namespace raceline {

/// One note a node that `graph` has. The first node of a step gets the step's time (in microseconds), its
/// share of all steps, what was expected, primitive and layouts; the others of a fusion say with whom they
/// are computed. For the model: sums over layers and over conversions. `times_us` has one entry a step.
OnnxNotes notes_of(const Graph& graph, std::span<const StepInfo> steps, std::span<const double> times_us);

}  // namespace raceline
