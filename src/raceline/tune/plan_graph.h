// The graph that a plan is for.
#pragma once
#include "raceline/model/onnx_reader.h"
#include "raceline/runtime/plan.h"

namespace raceline {

/// Builds the model and runs the passes as the plan says: its shapes where `bindings` leaves them open, its
/// choice of passes. Throws PlanError naming the plan's model and the reason when the shapes do not fit, and
/// what build() and run_passes() throw.
Graph graph_for_plan(OnnxModel& model, const Plan& plan, Bindings bindings, const Evaluator& evaluate);

}  // namespace raceline
