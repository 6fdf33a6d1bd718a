// What a session promises its caller.
#include <cstring>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/runtime/session_fixture.h"

namespace raceline::testing {
namespace {

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

TEST_F(SessionTest, LargestConstantsArePackedFirstAndStepsKeepTheirOrder) {
  std::vector<std::pair<size_t, size_t>> packed;  // bytes, and of all constants that the graph holds then
  add_test_primitive(registry_, {.op = OpKind::binary,
                                 .packs_constants = true,
                                 .run = [](const KernelArgs&) { return Status::ok(); },
                                 .on_prepare =
                                     [&](const PrepareArgs& args) {
                                       packed.emplace_back(args.constants[1].desc.bytes(),
                                                           graph_.constant_bytes());
                                     }});
  const ValueId x = graph_.add_input("x", image_desc);
  const auto constant = [&](const char* name, const Shape& shape) {
    return graph_.add_constant(name, ramp({DataType::f32, shape}));
  };
  const ValueId small = constant("small", {1, 1, 1, 4}), large = constant("large", image);
  const ValueId middle = constant("middle", {1, 5, 1, 1});
  graph_.mark_output(add(add(add(x, small), large), middle), "y");
  const Session session(graph_, first_candidates(), registry_, device_, {.release_constants = true});
  EXPECT_EQ(packed, (std::vector<std::pair<size_t, size_t>>{{320, 356}, {20, 36}, {16, 16}}));
  EXPECT_EQ(session.packed_bytes(), 356u);
  ASSERT_EQ(session.steps().size(), 3u);
  for (size_t step = 0; step < 3; ++step) EXPECT_EQ(session.steps()[step].name, fmt::format("b{}", step));
}

TEST_F(SessionTest, WithAPoolWhatPlansHaveInCommonIsPreparedOnceWhileASessionHasIt) {
  int prepared = 0;
  const auto count = [&](const PrepareArgs&) { ++prepared; };
  for (const char* algorithm : {"plain", "other"}) {
    add_test_primitive(registry_, {.op = OpKind::binary,
                                   .algorithm = algorithm,
                                   .run =
                                       [](const KernelArgs& args) {
                                         std::memcpy(args.outputs[0].memory.host(),
                                                     args.inputs[0].memory.host(),
                                                     args.outputs[0].desc.bytes());
                                         return Status::ok();
                                       },
                                   .on_prepare = count});
  }
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId a = graph_.add_constant("a", ramp(image_desc)),
                b = graph_.add_constant("b", ramp(image_desc));
  graph_.mark_output(add(add(add(x, a), b), a), "y");
  const Plan plan = first_candidates();
  Plan other = plan;
  other.steps[1].primitive = registry_.all()[1]->name();
  KernelPool pool;
  {
    Session first(graph_, plan, registry_, device_, {.kernels = &pool});
    EXPECT_EQ(prepared, 2);  // two steps are the same layer with the same constants
    Session second(graph_, other, registry_, device_, {.kernels = &pool});
    EXPECT_EQ(prepared, 3);
    const Tensor input = ramp(image_desc);
    for (Session* session : {&first, &second}) {
      const std::vector<Tensor> outputs = empty_outputs(graph_);
      session->run({{input.view()}}, views_of(outputs));
      EXPECT_EQ(outputs[0].data<float>()[7], input.data<float>()[7]);
    }
  }
  const Session later(graph_, plan, registry_, device_, {.kernels = &pool});
  EXPECT_EQ(prepared, 5);
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
  BindingDevice device;
  std::vector<int> seen;
  add_test_primitive(registry_, {.op = OpKind::unary, .run = [&](const KernelArgs& args) {
                                   seen.push_back(args.queue.threads());
                                   EXPECT_EQ(device.bound, args.queue.threads());
                                   return Status::ok();
                                 }});
  ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 3; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  Plan plan = first_candidates();
  plan.threads = 4;
  plan.steps[1].threads = 2;
  const Tensor input = ramp(image_desc);
  run_once(graph_, plan, registry_, device, one(input));
  EXPECT_EQ(seen, (std::vector{4, 2, 4}));
  seen.clear();
  run_once(graph_, plan, registry_, device, one(input), {.threads = 1});
  EXPECT_EQ(seen, (std::vector{1, 1, 1}));
  seen.clear();
  run_once(graph_, plan, registry_, device, one(input), {.threads = 3});
  EXPECT_EQ(seen, (std::vector{3, 2, 3}));
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
