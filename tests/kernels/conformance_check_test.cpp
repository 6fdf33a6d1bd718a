// The conformance check finds what it promises to find: each broken promise once, and none in a good kernel.
#include "tests/kernels/conformance_check.h"

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"

namespace raceline {
namespace {

/// What is wrong with the kernel.
enum class Fault {
  none,
  wrong_value,
  unwritten_element,
  writes_behind,
  writes_before,
  writes_behind_workspace,
  changes_operand,
  differs_between_runs,
  dirty_padding,
  bad_in_place,
  fails,
};

/// Adds two operands, or nearly so.
class AddKernel final : public Kernel {
 public:
  explicit AddKernel(Fault fault) : fault_(fault) {}

  Status run(const KernelArgs& args) const noexcept override {
    if (fault_ == Fault::fails) return Status::failed("out of paper");
    const int64_t count = args.outputs[0].desc.stored_elements();
    const float* a = args.inputs[0].data<float>();
    float* b = args.inputs[1].data<float>();
    float* y = args.outputs[0].data<float>();
    // In place this overwrites what is still to be read.
    if (fault_ == Fault::bad_in_place) y[count - 1] = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (fault_ == Fault::unwritten_element && i == count / 2) continue;
      y[i] = a[i] + b[i];
    }
    if (fault_ == Fault::wrong_value) y[1] *= 1.0001f;
    if (fault_ == Fault::writes_behind) y[count] = 1;
    if (fault_ == Fault::writes_before) y[-1] = 1;
    if (fault_ == Fault::writes_behind_workspace) args.workspace.host()[workspace_bytes] = std::byte{1};
    if (fault_ == Fault::changes_operand) b[0] = 3;
    if (fault_ == Fault::differs_between_runs) y[0] *= ++runs_ % 2 == 0 ? 1.0f : 1 + 0x1p-23f;
    if (fault_ == Fault::dirty_padding) y[count - 1] = 1;
    return Status::ok();
  }

  static constexpr size_t workspace_bytes = 100;

 private:
  Fault fault_;
  mutable int runs_ = 0;
};

class AddPrimitive final : public Primitive {
 public:
  explicit AddPrimitive(Fault fault) : Primitive(describe(fault)), fault_(fault) {}

  Support supports(const LayerDesc& layer) const override {
    return layer.inputs[0].desc == layer.inputs[1].desc ? Support::yes() : Support::no("it broadcasts");
  }
  Sharing sharing(const LayerDesc&) const override {
    return fault_ == Fault::bad_in_place ? Sharing::in_place : Sharing::none;
  }
  size_t workspace_bytes(const LayerDesc&, int) const override { return AddKernel::workspace_bytes; }
  std::unique_ptr<const Kernel> prepare(const LayerDesc&, const PrepareArgs&) const override {
    return std::make_unique<AddKernel>(fault_);
  }

 private:
  static PrimitiveInfo describe(Fault fault) {
    PrimitiveInfo info;
    info.op = OpKind::binary;
    info.library = "faulty";
    info.algorithm = "loop";
    if (fault == Fault::dirty_padding) info.input = info.output = Layout::nchw8c;
    return info;
  }
  Fault fault_;
};

/// What the check says of a kernel with this fault; empty if nothing.
std::string finding(Fault fault) {
  PrimitiveRegistry registry = builtin_primitives();
  registry.add(std::make_unique<AddPrimitive>(fault));
  CpuDevice device(Machine::detect());
  Conformance conformance(registry, device);
  conformance.check(LayerDesc::parse("binary 1x9x2x3 1x9x2x3"), 1, 1);
  std::string found;
  for (const Finding& each : conformance.findings()) {
    if (each.primitive.find("faulty") != std::string::npos) found += each.what;
  }
  return found;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ConformanceCheck, has_nothing_against_a_good_kernel) {
  EXPECT_EQ(finding(Fault::none), "");
}

TEST(ConformanceCheck, finds_wrong_and_missing_values) {
  EXPECT_TRUE(contains(finding(Fault::wrong_value), "error ")) << finding(Fault::wrong_value);
  EXPECT_TRUE(contains(finding(Fault::unwritten_element), "error inf")) << finding(Fault::unwritten_element);
  EXPECT_TRUE(contains(finding(Fault::dirty_padding), "padded channels")) << finding(Fault::dirty_padding);
}

TEST(ConformanceCheck, finds_writes_outside_of_the_output) {
  EXPECT_EQ(finding(Fault::writes_behind), "wrote outside of output 0");
  EXPECT_EQ(finding(Fault::writes_before), "wrote outside of output 0");
  EXPECT_EQ(finding(Fault::writes_behind_workspace), "wrote outside of its workspace");
  EXPECT_EQ(finding(Fault::changes_operand), "changed operand 1");
}

TEST(ConformanceCheck, finds_runs_that_differ_and_failures) {
  EXPECT_EQ(finding(Fault::differs_between_runs), "output 0 differs between two runs");
  EXPECT_EQ(finding(Fault::fails), "failed: out of paper");
}

TEST(ConformanceCheck, finds_a_kernel_that_cannot_run_in_place) {
  EXPECT_TRUE(contains(finding(Fault::bad_in_place), "in place: error")) << finding(Fault::bad_in_place);
}

TEST(ConformanceCheck, counts_refusals_apart_from_runs) {
  PrimitiveRegistry registry = builtin_primitives();
  registry.add(std::make_unique<AddPrimitive>(Fault::none));
  CpuDevice device(Machine::detect());
  Conformance conformance(registry, device);
  conformance.check(LayerDesc::parse("binary 2x3 3"), 1, 1);
  EXPECT_TRUE(conformance.refusing().contains("binary.faulty.loop.nchw@cpu"));
  EXPECT_FALSE(conformance.exercised().contains("binary.faulty.loop.nchw@cpu"));
  EXPECT_TRUE(conformance.exercised().contains("binary.reference.loop.nchw@cpu"));
}

}  // namespace
}  // namespace raceline
