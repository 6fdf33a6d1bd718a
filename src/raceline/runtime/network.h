// A model that binds itself: graphs, plans and sessions are made for the shapes, and the values that decide
// shapes, which the inputs turn out to have.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "raceline/graph/passes/passes.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/runtime/plan_set.h"
#include "raceline/runtime/session.h"

namespace raceline {

/// The plan of the set for a model's first stage under these bindings, which get its shapes where they have
/// none. Throws PlanError naming the shapes that there are plans for when none fits.
/// Where `any` is set, the first plan serves what none fits: it is to be repaired.
const Plan& choose_plan(const OnnxModel& model, const PlanSet& plans, Bindings& bindings, bool any = false);
/// What the passes are to do for a plan.
PassOptions passes_of(const Plan& plan);

struct NetworkOptions {
  /// For the first stage, one for each binding of the inputs' shapes; none: the planner decides.
  PlanSet plans = {};
  /// Makes plans for later stages, and for the first where `plans` is empty. Empty: the reference.
  std::function<Plan(const Graph&)> planner = {};
  bool repair = false;      ///< put the reference in the place of what does not fit in a plan
  PassOptions passes = {};  ///< where `plans` is empty; else the plan says
  SessionOptions session = {};
  size_t most_bound = 16;  ///< stages kept ready; those not used for longest are dropped
};

/// A stage of the model for certain shapes and values.
struct BoundStage {
  Stage stage;                       ///< its graph after the passes
  Plan plan;                         ///< where there is something to run
  std::vector<std::string> changes;  ///< what was repaired of the plan
  std::unique_ptr<Session> session;  ///< none where there is nothing to run
  std::vector<double> times_us;      ///< of its steps, in the last run_timed()

  /// Whether it is the model's only stage, with outputs of known size: then its session does all.
  bool is_whole() const;
};

/// Runs a model whatever its stages. run() belongs to one thread at a time. Registry and devices must outlive
/// it.
class Network {
 public:
  Network(OnnxModel model, const PrimitiveRegistry& registry, Devices devices, Evaluator evaluator,
          NetworkOptions options = {});
  ~Network();
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;

  const OnnxModel& model() const;
  /// The first stage for these bindings, made unless it is there. It lives until the next call of bind() or
  /// run() after most_bound others have been used. Throws what OnnxModel::first_stage and Session's
  /// constructor throw, and PlanError as choose_plan().
  const BoundStage& bind(Bindings bindings);
  /// One inference: inputs in the order of model().inputs(), row-major, in host memory; outputs in the
  /// model's order, as large as they really are. Throws as bind(), OnnxModel::later_stage and Session::run.
  std::vector<Tensor> run(std::span<const TensorView> inputs);
  /// As run(), timing each step: see stages().
  std::vector<Tensor> run_timed(std::span<const TensorView> inputs);
  /// The stages of the last run, in order; until the next.
  std::span<const BoundStage* const> stages() const;
  /// How many stages are kept ready.
  size_t bound() const;
  /// From here on this planner makes all plans. The graphs stay.
  void plan_by(std::function<Plan(const Graph&)> planner);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raceline
