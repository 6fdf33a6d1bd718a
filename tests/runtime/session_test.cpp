#include "raceline/runtime/session.h"

#include <cmath>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

const Shape image{1, 5, 4, 4};
const TensorDesc image_desc{DataType::f32, image};

std::span<const Tensor> one(const Tensor& tensor) {
  return {&tensor, 1};
}

class SessionTest : public ::testing::Test {
 protected:
  Tensor ramp(const TensorDesc& desc) {
    Tensor tensor(desc);
    for (int64_t i = 0; i < desc.stored_elements(); ++i) tensor.data<float>()[i] = static_cast<float>(i) - 20;
    return tensor;
  }
  ValueId unary(ValueId x, UnaryKind kind = UnaryKind::neg) {
    const std::string name = "u" + std::to_string(graph_.nodes().size());
    return graph_.node(graph_.add_node(name, OpKind::unary, UnaryParams{kind}, {x})).outputs[0];
  }
  ValueId add(ValueId a, ValueId b) {
    const std::string name = "b" + std::to_string(graph_.nodes().size());
    return graph_.node(graph_.add_node(name, OpKind::binary, BinaryParams{BinaryKind::add}, {a, b}))
        .outputs[0];
  }
  ValueId flatten(ValueId x) {
    const std::string name = "r" + std::to_string(graph_.nodes().size());
    const ReshapeParams params{{1, graph_.desc(x).shape.elements()}};
    return graph_.node(graph_.add_node(name, OpKind::reshape, params, {x})).outputs[0];
  }
  /// Steps by the first primitive that can.
  Plan first_candidates() {
    Plan plan;
    plan.graph_key = graph_.key();
    for (NodeId node = 0; node < static_cast<NodeId>(graph_.nodes().size()); ++node) {
      const auto candidates = registry_.candidates(graph_.layer(node));
      plan.steps.push_back({.covers = {graph_.node(node).name}, .primitive = candidates.at(0)->name()});
    }
    return plan;
  }
  void add_negation(Sharing sharing, Layout layout = Layout::nchw) {
    add_test_primitive(registry_, {.op = OpKind::unary,
                                   .algorithm = layout == Layout::nchw ? "neg" : "other",
                                   .input = layout,
                                   .output = layout,
                                   .sharing = sharing,
                                   .run = elementwise([](float x) { return -x; })});
  }
  void add_view() {
    add_test_primitive(registry_,
                       {.op = OpKind::reshape, .sharing = Sharing::view, .run = [](const KernelArgs&) {
                          return Status::failed("a view was computed");
                        }});
  }

  Graph graph_;
  PrimitiveRegistry registry_;
  DirtyDevice device_;
};

TEST_F(SessionTest, StepsInPlaceShareOneBufferAndTheOutputLiesWithTheCaller) {
  add_negation(Sharing::in_place);
  ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 5; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  Session session(graph_, first_candidates(), registry_, device_);
  EXPECT_EQ(session.arena_bytes(), 0u);  // the chain runs in the output's memory
  EXPECT_EQ(session.steps().size(), 5u);
  const Tensor input = ramp(image_desc), unchanged = ramp(image_desc);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  session.run({{input.view()}}, views_of(outputs));
  EXPECT_EQ(difference(input, unchanged), 0);
  EXPECT_EQ(outputs[0].data<float>()[0], 20);
}

TEST_F(SessionTest, WithoutSharingNeighboursTakeTurnsInTwoBuffers) {
  add_negation(Sharing::none);
  ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 6; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  const Session session(graph_, first_candidates(), registry_, device_);
  EXPECT_EQ(session.arena_bytes(), 2 * image_desc.bytes());
  EXPECT_EQ(session.peak_live_bytes(), 2 * image_desc.bytes());
}

TEST_F(SessionTest, AnOperandThatIsStillNeededIsNotOverwritten) {
  add_negation(Sharing::in_place);
  add_test_primitive(registry_,
                     {.op = OpKind::binary, .sharing = Sharing::in_place, .run = [](const KernelArgs& args) {
                        // The second operand is read when the output has been written once.
                        const int64_t count = args.outputs[0].desc.stored_elements();
                        float* y = args.outputs[0].data<float>();
                        for (int64_t i = 0; i < count; ++i) y[i] = args.inputs[0].data<float>()[i] + 1;
                        for (int64_t i = 0; i < count; ++i) y[i] += 10 * args.inputs[1].data<float>()[i] - 1;
                        return Status::ok();
                      }});
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId a = unary(x);   // -x
  const ValueId b = unary(a);   // x; a is needed below
  const ValueId c = add(b, a);  // x - 10x = -9x
  const ValueId d = add(c, c);  // 11 * -9x: the operand is read twice
  graph_.mark_output(d, "d");
  graph_.mark_output(a, "a");  // also an output, so never overwritten
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = run_once(graph_, first_candidates(), registry_, device_, one(input));
  for (int64_t i = 0; i < image.elements(); ++i) {
    EXPECT_EQ(outputs[0].data<float>()[i], -99 * input.data<float>()[i]);
    EXPECT_EQ(outputs[1].data<float>()[i], -input.data<float>()[i]);
  }
}

TEST_F(SessionTest, AnOutputSmallerThanWhatItsMemoryHeldBeforeIsCopied) {
  add_negation(Sharing::none);
  add_test_primitive(registry_,
                     {.op = OpKind::cast, .sharing = Sharing::in_place, .run = [](const KernelArgs& args) {
                        for (int64_t i = 0; i < args.outputs[0].desc.stored_elements(); ++i) {
                          const float x = args.inputs[0].data<float>()[i];
                          args.outputs[0].data<int8_t>()[i] = static_cast<int8_t>(x);
                        }
                        return Status::ok();
                      }});
  const ValueId negated = unary(graph_.add_input("x", image_desc));
  graph_.mark_output(
      graph_.node(graph_.add_node("c", OpKind::cast, CastParams{DataType::i8}, {negated})).outputs[0], "y");
  Session session(graph_, first_candidates(), registry_, device_);
  EXPECT_EQ(session.arena_bytes(), image_desc.bytes());
  EXPECT_EQ(session.steps().back().primitive, "copy");
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  session.run({{input.view()}}, views_of(outputs));
  for (int64_t i = 0; i < image.elements(); ++i) EXPECT_EQ(outputs[0].data<int8_t>()[i], 20 - i);
}

TEST_F(SessionTest, ViewsCostNothingAndKeepWhatTheyLookAtAlive) {
  add_view();
  add_negation(Sharing::in_place);
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId a = unary(x);
  const ValueId flat = flatten(a);
  const ValueId b = unary(flat);  // in place only if nobody needs a or flat any more
  const ValueId again = flatten(a);
  graph_.mark_output(b, "b");              // x
  graph_.mark_output(unary(again), "c");   // x, from a
  graph_.mark_output(flatten(x), "seen");  // a view of the caller's input
  const Tensor input = ramp(image_desc);
  Session session(graph_, first_candidates(), registry_, device_);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  session.run({{input.view()}}, views_of(outputs));
  for (const Tensor& output : outputs) {
    EXPECT_EQ(std::memcmp(output.data<float>(), input.data<float>(), image_desc.bytes()), 0);
  }
  EXPECT_EQ(session.steps().back().primitive, "copy");
}

TEST_F(SessionTest, OutputsMayBeInputsConstantsTheSameTwiceOrViewsOfEachOther) {
  add_view();
  add_negation(Sharing::in_place);
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId c = graph_.add_constant("c", ramp(image_desc));
  const ValueId y = unary(x);
  const ValueId flat = flatten(y);
  for (const auto& [value, name] :
       {std::pair{x, "x"}, {c, "c"}, {y, "y1"}, {y, "y2"}, {flat, "flat"}, {flatten(c), "cf"}}) {
    graph_.mark_output(value, name);
  }
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs =
      run_once(graph_, first_candidates(), registry_, device_, one(input), {.release_constants = true});
  const float wanted[] = {-20, -20, 20, 20, 20, -20};
  for (size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs[i].data<float>()[0], wanted[i]) << i;
  for (const Tensor& output : outputs) {
    EXPECT_EQ(std::abs(output.data<float>()[79]), 59);
  }
}

TEST_F(SessionTest, AConversionIsMadeOnceForAllItsUsers) {
  std::atomic<int> runs = 0;
  add_test_reorder(registry_, &runs);
  add_negation(Sharing::none, Layout::nhwc);
  const ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 3; ++i) graph_.mark_output(unary(x), "y" + std::to_string(i));
  Plan plan = first_candidates();
  const Interface nchw{}, nhwc{{}, Layout::nhwc};
  const std::string reorder = registry_.all()[0]->name();
  plan.conversions = {{"x", nchw, nhwc, reorder}};
  for (int i = 0; i < 3; ++i)
    plan.conversions.push_back({"u" + std::to_string(i) + ":0", nhwc, nchw, reorder});
  const Tensor input = ramp(image_desc);
  Session session(graph_, plan, registry_, device_);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  session.run({{input.view()}}, views_of(outputs));
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(session.steps().size(), 7u);
  EXPECT_TRUE(session.steps()[0].conversion);
  EXPECT_EQ(session.steps()[0].name, "x");
  for (const Tensor& output : outputs) EXPECT_EQ(output.data<float>()[7], 13);
}

TEST_F(SessionTest, AFailingKernelIsNamedAndTheSessionLivesOn) {
  bool fail = true;
  add_test_primitive(registry_, {.op = OpKind::unary, .run = [&fail](const KernelArgs& args) {
                                   if (fail) return Status::failed("out of luck");
                                   std::memset(args.outputs[0].memory.host(), 0,
                                               args.outputs[0].desc.bytes());
                                   return Status::ok();
                                 }});
  graph_.mark_output(unary(graph_.add_input("x", image_desc)), "y");
  Session session(graph_, first_candidates(), registry_, device_);
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  const auto run = [&] { session.run({{input.view()}}, views_of(outputs)); };
  EXPECT_EQ(message_of<Error>(run), "step 'u0' (unary.test.plain.nchw@cpu): out of luck");
  fail = false;
  EXPECT_NO_THROW(run());
  EXPECT_EQ(outputs[0].data<float>()[0], 0);
}

TEST_F(SessionTest, WhatTheCallerGivesIsChecked) {
  add_negation(Sharing::none);
  graph_.mark_output(unary(graph_.add_input("x", image_desc)), "y");
  Session session(graph_, first_candidates(), registry_, device_);
  const Tensor input = ramp(image_desc);
  const Tensor output(image_desc), small({DataType::f32, {1, 5, 4, 3}}), integers({DataType::i32, image});
  const auto message = [&](std::vector<TensorView> inputs, std::vector<TensorView> outputs) {
    return message_of<GraphError>([&] { session.run(inputs, outputs); });
  };
  EXPECT_TRUE(contains(message({}, {output.view()}), "wants 1 inputs and 1 outputs; given are 0 and 1"));
  EXPECT_TRUE(contains(message({small.view()}, {output.view()}),
                       "input 'x' is 1x5x4x3 in layout nchw; wanted is 1x5x4x4 in layout nchw"));
  EXPECT_TRUE(contains(message({integers.view()}, {output.view()}), "input 'x' is 1x5x4x4:i32 in"));
  EXPECT_TRUE(contains(message({input.view()}, {{image_desc.with(Layout::nhwc), output.view().memory}}),
                       "output 'y' is 1x5x4x4 in layout nhwc"));
  EXPECT_TRUE(contains(message({{image_desc, {}}}, {output.view()}), "input 'x' has no memory"));
  EXPECT_TRUE(contains(message({input.view()}, {input.view()}), "output 'y' and input 'x' overlap"));
  EXPECT_TRUE(
      contains(message({{image_desc, input.view().memory.at(2)}}, {output.view()}), "multiple of 4 bytes"));
  Memory elsewhere = input.view().memory;
  elsewhere.device.kind = DeviceKind::opencl;
  EXPECT_TRUE(contains(message({{image_desc, elsewhere}}, {output.view()}), "input 'x' lies on opencl"));
  EXPECT_NO_THROW(session.run({{input.view()}}, {{output.view()}}));
}

TEST_F(SessionTest, EmptyTensorsNeedNoMemory) {
  add_test_primitive(registry_, {.op = OpKind::unary, .run = [](const KernelArgs& args) {
                                   // An address even so: a view without one is an absent operand.
                                   const bool given = args.inputs[0] && args.outputs[0];
                                   return given ? Status::ok() : Status::failed("absent");
                                 }});
  const TensorDesc none{DataType::f32, {0, 3, 4, 4}};
  graph_.mark_output(unary(unary(graph_.add_input("x", none))), "y");
  Session session(graph_, first_candidates(), registry_, device_);
  const TensorView view{none, {}};
  EXPECT_NO_THROW(session.run({{view}}, {{view}}));
}

TEST_F(SessionTest, ConstantsAreReleasedOnceEveryKernelHasPackedThem) {
  add_test_primitive(registry_,
                     {.op = OpKind::binary, .packs_constants = true, .run = [](const KernelArgs& args) {
                        return args.inputs[1] ? Status::failed("not packed") : Status::ok();
                      }});
  add_test_primitive(registry_,
                     {.op = OpKind::binary, .algorithm = "reader", .run = [](const KernelArgs& args) {
                        return args.inputs[1] ? Status::ok() : Status::failed("packed");
                      }});
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId packed = graph_.add_constant("packed", ramp(image_desc));
  const ValueId shared = graph_.add_constant("shared", ramp(image_desc));
  graph_.add_constant("unused", ramp(image_desc));
  graph_.mark_output(add(add(add(add(x, packed), packed), shared), shared), "y");
  Plan plan = first_candidates();
  plan.steps[3].primitive = registry_.all()[1]->name();  // goes on reading what step 2 packs
  const Tensor input = ramp(image_desc);
  {
    Session kept(graph_, plan, registry_, device_);
    EXPECT_EQ(graph_.constant_bytes(), 3 * image_desc.bytes());
    EXPECT_EQ(kept.packed_bytes(), 3 * image_desc.bytes());
  }
  Session session(graph_, plan, registry_, device_, {.release_constants = true});
  EXPECT_EQ(graph_.constant_bytes(), image_desc.bytes());
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  EXPECT_NO_THROW(session.run({{input.view()}}, views_of(outputs)));
  EXPECT_TRUE(contains(message_of<GraphError>([&] { Session(graph_, plan, registry_, device_); }),
                       "'packed' has been released"));
}

/// A device whose queues note which of them is bound.
class BindingDevice final : public Device {
 public:
  int bound = 0;

  DeviceId id() const override { return cpu_.id(); }
  std::string name() const override { return cpu_.name(); }
  std::string fingerprint() const override { return cpu_.fingerprint(); }
  Memory allocate(size_t bytes) override { return cpu_.allocate(bytes); }
  void release(Memory memory) noexcept override { cpu_.release(memory); }
  std::unique_ptr<Queue> make_queue(int threads) override {
    return std::make_unique<BindingQueue>(threads, cpu_.make_queue(threads), bound);
  }

 private:
  class BindingQueue final : public Queue {
   public:
    BindingQueue(int threads, std::unique_ptr<Queue> queue, int& bound)
        : threads_(threads), queue_(std::move(queue)), bound_(bound) {}
    DeviceId device() const override { return queue_->device(); }
    int threads() const override { return threads_; }
    void bind() override { bound_ = threads_; }
    Status copy(Memory to, Memory from, size_t bytes) override { return queue_->copy(to, from, bytes); }
    Event record() override { return queue_->record(); }
    Status wait() override { return queue_->wait(); }
    double elapsed_us(Event from, Event to) const override { return queue_->elapsed_us(from, to); }

   private:
    int threads_;
    std::unique_ptr<Queue> queue_;
    int& bound_;
  };
  CpuDevice cpu_{Machine{}};
};

TEST_F(SessionTest, AStepMayHaveThreadsOfItsOwn) {
  BindingDevice device_;
  std::vector<int> seen;
  add_test_primitive(registry_, {.op = OpKind::unary, .run = [&](const KernelArgs& args) {
                                   seen.push_back(args.queue.threads());
                                   EXPECT_EQ(device_.bound, args.queue.threads());
                                   return Status::ok();
                                 }});
  ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 3; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  Plan plan = first_candidates();
  plan.threads = 4;
  plan.steps[1].threads = 2;
  const Tensor input = ramp(image_desc);
  run_once(graph_, plan, registry_, device_, one(input));
  EXPECT_EQ(seen, (std::vector{4, 2, 4}));
  seen.clear();
  run_once(graph_, plan, registry_, device_, one(input), {.threads = 1});
  EXPECT_EQ(seen, (std::vector{1, 1, 1}));
  seen.clear();
  run_once(graph_, plan, registry_, device_, one(input), {.threads = 3});
  EXPECT_EQ(seen, (std::vector{3, 2, 3}));
}

TEST_F(SessionTest, WorkspaceIsAlignedAndApartFromTheTensors) {
  add_test_primitive(registry_,
                     {.op = OpKind::unary, .workspace_bytes = 1000, .run = [](const KernelArgs& args) {
                        if (reinterpret_cast<uintptr_t>(args.workspace.host()) % 64 != 0) {
                          return Status::failed("not aligned");
                        }
                        std::memset(args.workspace.host(), 0x55, 1000);
                        return elementwise([](float x) { return x + 1; })(args);
                      }});
  ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 4; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = run_once(graph_, first_candidates(), registry_, device_, one(input));
  EXPECT_EQ(outputs[0].data<float>()[3], input.data<float>()[3] + 4);
}

TEST_F(SessionTest, TimedRunsGiveATimeForEachStep) {
  add_negation(Sharing::none);
  const ValueId x = graph_.add_input("x", image_desc);
  graph_.mark_output(unary(unary(x)), "y");
  graph_.mark_output(x, "copied");
  Session session(graph_, first_candidates(), registry_, device_);
  ASSERT_EQ(session.steps().size(), 3u);
  std::vector<double> times(3, -1);
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  session.run_timed({{input.view()}}, views_of(outputs), times);
  for (const double time : times) EXPECT_GE(time, 0);
  EXPECT_EQ(difference(outputs[0], input), 0);
  EXPECT_TRUE(contains(message_of<Error>([&] {
                         session.run_timed({{input.view()}}, views_of(outputs), {times.data(), 2});
                       }),
                       "has 3 steps; 2 times given"));
}

TEST_F(SessionTest, PlansForOtherMachinesOrDevicesAreRefused) {
  add_negation(Sharing::none);
  graph_.mark_output(unary(graph_.add_input("x", image_desc)), "y");
  Plan plan = first_candidates();
  plan.machine = "0123456789abcdef";
  EXPECT_TRUE(contains(message_of<PlanError>([&] { Session(graph_, plan, registry_, device_); }),
                       "made for another machine"));
  plan.machine = device_.fingerprint();
  EXPECT_NO_THROW(Session(graph_, plan, registry_, device_));

  PrimitiveRegistry elsewhere;
  add_test_reorder(elsewhere);
  const DeviceId opencl{DeviceKind::opencl, 0};
  add_test_primitive(
      elsewhere, {.op = OpKind::unary, .processor = opencl, .run = elementwise([](float x) { return x; })});
  add_test_primitive(
      elsewhere, {.op = OpKind::reorder, .processor = opencl, .run = elementwise([](float x) { return x; })});
  plan.steps[0].primitive = "unary.test.plain.nchw@opencl";
  plan.conversions = {{"x", {}, {opencl}, "reorder.test.plain.nchw@opencl"},
                      {"u0:0", {opencl}, {}, "reorder.test.plain.nchw@opencl"}};
  EXPECT_TRUE(contains(message_of<PlanError>([&] { Session(graph_, plan, elsewhere, device_); }),
                       "unary.test.plain.nchw@opencl runs on opencl; this session has only cpu"));
}

TEST_F(SessionTest, ALibraryThatRefusesAfterAllIsNamedWithTheStep) {
  class Refusing final : public Primitive {
   public:
    Refusing() : Primitive({.op = OpKind::unary, .library = "test", .algorithm = "refuses"}) {}
    Support supports(const LayerDesc&) const override { return Support::yes(); }
    std::unique_ptr<const Kernel> prepare(const LayerDesc&, const PrepareArgs&) const override {
      throw UnsupportedError("not today");
    }
  };
  registry_.add(std::make_unique<Refusing>());
  graph_.mark_output(unary(graph_.add_input("x", image_desc)), "y");
  EXPECT_EQ(message_of<UnsupportedError>([&] { Session(graph_, first_candidates(), registry_, device_); }),
            "step 'u0' (unary.test.refuses.nchw@cpu): not today");
}

TEST_F(SessionTest, AMovedSessionRuns) {
  add_negation(Sharing::none);
  graph_.mark_output(unary(graph_.add_input("x", image_desc)), "y");
  Session first(graph_, first_candidates(), registry_, device_);
  Session second = std::move(first);
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  second.run({{input.view()}}, views_of(outputs));
  EXPECT_EQ(outputs[0].data<float>()[0], 20);
  EXPECT_EQ(second.steps()[0].name, "u0");
}

}  // namespace
}  // namespace raceline::testing
