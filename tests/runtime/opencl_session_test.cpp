// Sessions over two devices: right results, one wait a crossing, times of every step, no memory lost, errors
// of the device told by step. Skipped where no OpenCL driver is installed.
#include <chrono>
#include <fstream>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/search/plan_memory.h"
#include "tests/on_opencl.h"
#include "tests/runtime/zoo_net.h"

#ifdef RACELINE_HAS_OPENCL
#include "raceline/device/opencl/opencl_queue.h"
#endif

namespace raceline::testing {
namespace {

TEST(PlanDevices, only_a_step_that_names_an_accelerator_needs_one) {
  Plan plan;
  plan.steps = {{.covers = {"a"}, .primitive = "conv2d.native.direct.nchw@cpu:1"},
                {.covers = {"b"}, .primitive = "edited"}};
  plan.conversions.resize(1);
  plan.conversions[0].primitive = "reorder.native.copy.nchw@cpu";
  EXPECT_FALSE(plan.needs_accelerator());
  for (const char* elsewhere : {"reorder.opencl.copy.nchw@opencl", "reorder.cuda.copy.nchw@cuda"}) {
    plan.conversions[0].primitive = elsewhere;
    EXPECT_TRUE(plan.needs_accelerator()) << elsewhere;
  }
}

/// What the process holds, in bytes.
size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

class TwoDevices : public OnOpenCl {
 protected:
  Plan plan(const Graph& graph, std::vector<std::string> only) {
    return forced_plan(graph, CandidateSet(graph, registry_, {}),
                       {.only = std::move(only), .without = {"clblast"}});
  }
  /// Conversions of the plan from one device to the other.
  static std::vector<PlanConversion> crossings(const Plan& plan) {
    std::vector<PlanConversion> found;
    for (const PlanConversion& conversion : plan.conversions) {
      if (conversion.from.device != conversion.to.device) found.push_back(conversion);
    }
    return found;
  }

  Random random_{7};
};

TEST_F(TwoDevices, lenet_on_the_accelerator_gives_what_the_reference_gives) {
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const std::vector<Tensor> inputs = random_inputs(graph, random_);
  const std::vector<Tensor> expected =
      run_once(graph, Plan::reference(graph, registry_), registry_, cpu_, inputs);
  const Plan plan = this->plan(graph, {"opencl"});
  EXPECT_TRUE(plan.needs_accelerator());
  for (const PlanStep& step : plan.steps) EXPECT_NE(step.primitive.find("@opencl"), std::string::npos);
  EXPECT_EQ(crossings(plan).size(), 2u);  // there, and back
  EXPECT_EQ(Plan::from_json(plan.to_json()), plan);
  const std::vector<Tensor> outputs = run_once(graph, plan, registry_, devices(), inputs);
  EXPECT_LT(difference(outputs[0], expected[0]), 2e-5);
}

TEST_F(TwoDevices, a_mixed_plan_crosses_where_processors_change) {
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const std::vector<Tensor> inputs = random_inputs(graph, random_);
  const std::vector<Tensor> expected =
      run_once(graph, Plan::reference(graph, registry_), registry_, cpu_, inputs);
  const Plan plan = this->plan(graph, {"conv2d.opencl"});
  EXPECT_EQ(crossings(plan).size(), 4u);
  const std::vector<Tensor> outputs = run_once(graph, plan, registry_, devices(), inputs);
  EXPECT_LT(difference(outputs[0], expected[0]), 2e-5);

  // The plan says which devices it needs, and a session without them refuses.
  EXPECT_THROW(run_once(graph, plan, registry_, cpu_, inputs), PlanError);
  Plan here = plan;
  here.machine = devices().fingerprint();
  EXPECT_NO_THROW(here.check(graph, registry_, devices().fingerprint()));
  EXPECT_THROW(here.check(graph, registry_, cpu_.fingerprint()), PlanError);
  here = Plan::reference(graph, registry_);
  here.machine = cpu_.fingerprint();
  EXPECT_NO_THROW(here.check(graph, registry_, devices().fingerprint()));
}

TEST_F(TwoDevices, a_plan_that_lacks_its_copies_is_repaired) {
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const Plan whole = plan(graph, {"conv2d.opencl"});
  Plan bare = whole;
  bare.conversions.clear();
  EXPECT_THROW(bare.check(graph, registry_, ""), PlanError);
  const RepairedPlan repaired = repair_plan(bare, graph, registry_, "");
  EXPECT_NO_THROW(repaired.plan.check(graph, registry_, ""));
  EXPECT_EQ(repaired.plan.steps, whole.steps);
  EXPECT_EQ(crossings(repaired.plan).size(), crossings(whole).size());
  // Without the accelerator's primitives, the reference takes their place.
  const PrimitiveRegistry here = builtin_primitives();
  const RepairedPlan without = repair_plan(whole, graph, here, "");
  EXPECT_FALSE(without.plan.needs_accelerator());
  EXPECT_NO_THROW(without.plan.check(graph, here, ""));
}

TEST_F(TwoDevices, what_lies_on_the_accelerator_takes_no_memory_of_the_host) {
  const Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const CandidateSet candidates(graph, registry_, {.only = {"opencl"}, .without = {"clblast"}});
  CostTable costs;
  for (const auto& [key, layer] : candidates.layers()) {
    for (const Candidate& candidate : layer.candidates)
      costs.set(key, candidate.primitive->name(), {.us = 1});
  }
  GraphProblem built = build_problem(graph, candidates, costs);
  PlanMemories memories(graph, registry_, devices(), 1);
  ASSERT_TRUE(memories.fill(built));
  const auto working = memories.working_bytes(built);
  const SearchAnswer answer = make_strategy("exact")->search(built.problem, {});
  // A choice needs no less than its weights and what its hungriest layer works on.
  int64_t most = 0;
  size_t workspaces = 0;
  for (size_t layer = 0; layer < answer.choice.size(); ++layer) {
    const auto at = static_cast<size_t>(answer.choice[layer]);
    most = std::max(most, working[layer][at]);
    const ChoiceMeaning& meaning = built.meanings[layer][at];
    if (meaning.primitive == nullptr) continue;
    const LayerDesc desc = graph.layer(meaning.covers);
    workspaces += meaning.primitive->workspace_bytes(desc, 1);
    EXPECT_EQ(working[layer][at], 0) << meaning.primitive->name();
  }
  EXPECT_GT(workspaces, 0u) << "no layer of the plan works on scratch memory";
  const PlanMemory memory = memories.memory(built, answer.choice, candidates, costs);
  EXPECT_LE(memory.weights_bytes + most, memory.total());
}

TEST_F(TwoDevices, times_of_steps_are_of_both_clocks_and_add_up_to_the_whole) {
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const std::vector<Tensor> inputs = random_inputs(graph, random_);
  Session session(graph, plan(graph, {"conv2d.opencl"}), registry_, devices());
  const std::vector<Tensor> outputs = empty_outputs(graph);
  std::vector<double> times(session.steps().size());
  session.run(views_of(inputs), views_of(outputs));
  const auto begin = std::chrono::steady_clock::now();
  session.run_timed(views_of(inputs), views_of(outputs), times);
  const double whole =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  double sum = 0;
  for (size_t step = 0; step < times.size(); ++step) {
    EXPECT_GE(times[step], 0) << session.steps()[step].name;
    const bool on_accelerator = session.steps()[step].primitive.find("@opencl") != std::string_view::npos;
    if (on_accelerator) {
      EXPECT_GT(times[step], 0) << session.steps()[step].name;
    }
    sum += times[step];
  }
  EXPECT_LE(sum, whole);
}

TEST_F(TwoDevices, traces_tell_idle_from_busy_and_add_up_to_the_whole) {
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const std::vector<Tensor> inputs = random_inputs(graph, random_);
  Session session(graph, plan(graph, {"opencl"}), registry_, devices());
  const std::vector<Tensor> outputs = empty_outputs(graph), again = empty_outputs(graph);
  std::vector<StepTrace> traces(session.steps().size());
  session.run(views_of(inputs), views_of(outputs));
  const auto begin = std::chrono::steady_clock::now();
  const double after = session.run_traced(views_of(inputs), views_of(again), traces);
  const double whole =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  double sum = after, idle = 0;
  size_t there = 0;
  for (size_t step = 0; step < traces.size(); ++step) {
    sum += traces[step].idle_us + traces[step].busy_us;
    const bool on_accelerator = session.steps()[step].primitive.find("@opencl") != std::string_view::npos;
    if (!on_accelerator) {
      EXPECT_EQ(traces[step].idle_us, 0) << session.steps()[step].name;
      continue;
    }
    ++there;
    idle += traces[step].idle_us;
  }
  EXPECT_GT(there, 4u);
  EXPECT_GT(idle, 0) << "the device waits for its first command at least";
  EXPECT_LE(sum, whole + 1);
  EXPECT_GT(sum, 0.5 * whole) << "most of the time is somebody's";
  for (size_t output = 0; output < outputs.size(); ++output)
    EXPECT_TRUE(
        std::ranges::equal(std::as_const(outputs[output]).bytes(), std::as_const(again[output]).bytes()));
}

TEST_F(TwoDevices, a_thousand_runs_leave_no_memory_behind) {
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const std::vector<Tensor> inputs = random_inputs(graph, random_);
  const std::vector<Tensor> outputs = empty_outputs(graph);
  const Plan plan = this->plan(graph, {"conv2d.opencl", "gemm.opencl"});
  std::vector<double> times;
  {
    Session session(graph, plan, registry_, devices());
    times.resize(session.steps().size());
    for (int run = 0; run < 100; ++run) session.run_timed(views_of(inputs), views_of(outputs), times);
    const size_t before = resident_bytes();
    for (int run = 0; run < 1000; ++run) {
      if (run % 10 == 0) {
        session.run_timed(views_of(inputs), views_of(outputs), times);
      } else {
        session.run(views_of(inputs), views_of(outputs));
      }
    }
    EXPECT_LT(resident_bytes(), before + (size_t{4} << 20));
  }
#ifdef RACELINE_HAS_OPENCL
  EXPECT_EQ(static_cast<OpenClDevice&>(*accelerator_).allocated_bytes(), 0u);
#endif
}

#ifdef RACELINE_HAS_OPENCL

TEST_F(TwoDevices, a_device_that_is_lost_is_told_by_the_last_step_before_the_wait) {
  std::string why;
  OpenClApi lost = *load_opencl(why);
  static int waits;
  static OpenClApi real;
  real = lost;
  waits = 1 << 30;
  lost.finish = [](cl_command_queue queue) {
    return --waits < 0 ? CL_DEVICE_NOT_AVAILABLE : real.finish(queue);
  };
  const auto device = open_opencl_device(lost, "0");
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const std::vector<Tensor> inputs = random_inputs(graph, random_);
  const std::vector<Tensor> outputs = empty_outputs(graph);
  Session session(graph, plan(graph, {"conv2d.opencl"}), registry_, Devices(cpu_, device.get()));
  session.run(views_of(inputs), views_of(outputs));
  waits = 0;
  const std::string text = message_of<Error>([&] { session.run(views_of(inputs), views_of(outputs)); });
  EXPECT_TRUE(contains(text, "the device is lost")) << text;
  EXPECT_TRUE(contains(text, "@opencl")) << text;
  waits = 1 << 30;
}

TEST_F(TwoDevices, memory_that_is_short_is_told_with_what_it_was_for) {
  std::string why;
  OpenClApi full = *load_opencl(why);
  full.create_buffer = [](cl_context, cl_mem_flags, size_t, void*, cl_int* error) -> cl_mem {
    *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return nullptr;
  };
  const auto device = open_opencl_device(full, "0");
  Graph graph = zoo_graph("lenet5", registry_, cpu_);
  const Plan plan = this->plan(graph, {"conv2d.opencl"});
  const std::string text =
      message_of<IoError>([&] { Session session(graph, plan, registry_, Devices(cpu_, device.get())); });
  EXPECT_TRUE(contains(text, "out of memory")) << text;
  EXPECT_TRUE(contains(text, "conv")) << text;
}

#endif

}  // namespace
}  // namespace raceline::testing
