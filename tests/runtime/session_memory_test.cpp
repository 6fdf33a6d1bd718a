// Where the tensors of a session lie: sharing, views, outputs, conversions, workspace.
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/runtime/session_fixture.h"

namespace raceline::testing {
namespace {

using SessionMemoryTest = SessionTest;

TEST_F(SessionMemoryTest, StepsInPlaceShareOneBufferAndTheOutputLiesWithTheCaller) {
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

TEST_F(SessionMemoryTest, WithoutSharingNeighboursTakeTurnsInTwoBuffers) {
  add_negation(Sharing::none);
  ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 6; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  const Session session(graph_, first_candidates(), registry_, device_);
  EXPECT_EQ(session.arena_bytes(), 2 * image_desc.bytes());
  EXPECT_EQ(session.peak_live_bytes(), 2 * image_desc.bytes());
}

TEST_F(SessionMemoryTest, AnOperandThatIsStillNeededIsNotOverwritten) {
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

TEST_F(SessionMemoryTest, AnOutputSmallerThanWhatItsMemoryHeldBeforeIsCopied) {
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

TEST_F(SessionMemoryTest, ViewsCostNothingAndKeepWhatTheyLookAtAlive) {
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

TEST_F(SessionMemoryTest, OutputsMayBeInputsConstantsTheSameTwiceOrViewsOfEachOther) {
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

TEST_F(SessionMemoryTest, AConversionIsMadeOnceForAllItsUsers) {
  std::atomic<int> runs = 0;
  add_test_reorder(registry_, &runs);
  add_negation(Sharing::none, Layout::nhwc);
  const ValueId x = graph_.add_input("x", image_desc);
  for (int i = 0; i < 3; ++i) graph_.mark_output(unary(x), fmt::format("y{}", i));
  Plan plan = first_candidates();
  const Interface nchw{}, nhwc{{}, Layout::nhwc};
  const std::string reorder = registry_.all()[0]->name();
  plan.conversions = {{"x", nchw, nhwc, reorder}};
  for (int i = 0; i < 3; ++i) plan.conversions.push_back({fmt::format("u{}:0", i), nhwc, nchw, reorder});
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

/// Concatenation of what lies elsewhere; counts its runs.
void add_gathering(PrimitiveRegistry& registry, std::atomic<int>& runs) {
  add_test_primitive(
      registry, {.op = OpKind::concat, .sharing = Sharing::gathered, .run = [&runs](const KernelArgs& args) {
                   ++runs;
                   std::byte* place = args.outputs[0].memory.host();
                   for (const TensorView& operand : args.inputs) {
                     const size_t bytes = operand.desc.bytes();
                     if (operand.memory.host() != place) std::memcpy(place, operand.memory.host(), bytes);
                     place += bytes;
                   }
                   return Status::ok();
                 }});
}

TEST_F(SessionMemoryTest, OperandsAreComputedInsideWhatGathersThem) {
  std::atomic<int> runs = 0;
  add_gathering(registry_, runs);
  add_negation(Sharing::in_place);
  const ValueId x = graph_.add_input("x", image_desc);
  const auto concat = [&](const char* name, std::vector<ValueId> parts) {
    return graph_.node(graph_.add_node(name, OpKind::concat, ConcatParams{1}, std::move(parts))).outputs[0];
  };
  const ValueId a = unary(x), b = unary(unary(x));
  const ValueId inner = concat("inner", {a, b});             // -x, x
  const ValueId whole = concat("whole", {inner, unary(x)});  // -x, x, -x: inner is a part of it
  graph_.mark_output(unary(inner), "seen");                  // not in place: it is a part
  graph_.mark_output(unary(whole), "y");
  Session session(graph_, first_candidates(), registry_, device_);
  const Tensor input = ramp(image_desc);
  const std::vector<Tensor> outputs = empty_outputs(graph_);
  session.run({{input.view()}}, views_of(outputs));
  EXPECT_EQ(runs, 0) << "nothing is left to be copied";
  EXPECT_EQ(session.arena_bytes(), 0u) << "all lies in the caller's memory for y";
  const int64_t count = image.elements();
  for (int64_t i = 0; i < count; ++i) {
    const float value = input.data<float>()[i];
    EXPECT_EQ(outputs[0].data<float>()[i], value);
    EXPECT_EQ(outputs[0].data<float>()[count + i], -value);
    for (const int part : {0, 1, 2})
      EXPECT_EQ(outputs[1].data<float>()[part * count + i], part == 1 ? -value : value);
  }
}

TEST_F(SessionMemoryTest, WhatCannotBeGatheredIsCopied) {
  std::atomic<int> runs = 0;
  add_gathering(registry_, runs);
  add_negation(Sharing::in_place);
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId a = unary(x);
  const auto concat = [&](const char* name, std::vector<ValueId> parts) {
    return graph_.node(graph_.add_node(name, OpKind::concat, ConcatParams{1}, std::move(parts))).outputs[0];
  };
  graph_.mark_output(concat("twice", {a, a}), "twice");
  graph_.mark_output(concat("second", {a, unary(x)}), "second");  // a is a part of the first
  graph_.mark_output(concat("input", {x, x}), "input");
  graph_.mark_output(a, "a");
  const Tensor input = ramp(image_desc), unchanged = ramp(image_desc);
  const std::vector<Tensor> outputs = run_once(graph_, first_candidates(), registry_, device_, one(input));
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(difference(input, unchanged), 0);
  const int64_t count = image.elements();
  for (int64_t i = 0; i < 2 * count; ++i) {
    const float value = input.data<float>()[i % count];
    EXPECT_EQ(outputs[0].data<float>()[i], -value);
    EXPECT_EQ(outputs[1].data<float>()[i], -value);
    EXPECT_EQ(outputs[2].data<float>()[i], value);
    EXPECT_EQ(outputs[3].data<float>()[i % count], -value);
  }
}

TEST_F(SessionMemoryTest, WorkspaceIsAlignedAndApartFromTheTensors) {
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

TEST_F(SessionMemoryTest, MoreThanTheMachineHasIsRefusedByName) {
  add_negation(Sharing::none);
  ValueId x = graph_.add_input("x", {DataType::f32, {1 << 20, 1 << 19}});
  for (int i = 0; i < 3; ++i) x = unary(x);
  graph_.mark_output(x, "y");
  const Plan plan = first_candidates();
  const std::string text =
      message_of<IoError>([&] { Session(graph_, plan, registry_, device_, SessionOptions{}); });
  EXPECT_TRUE(contains(text, "this machine has")) << text;
  EXPECT_TRUE(contains(text, "the largest is 'u0:0', 1048576x524288")) << text;
}

}  // namespace
}  // namespace raceline::testing
