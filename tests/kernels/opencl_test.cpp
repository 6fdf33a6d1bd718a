// What the primitives of kernels/opencl promise beyond the conformance of each. Skipped where no driver is
// installed.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "raceline/base/text.h"
#include "raceline/profile/error_bound.h"
#include "raceline/profile/layer_run.h"
#include "tests/kernels/conformance_check.h"
#include "tests/on_opencl.h"

namespace raceline {
namespace {

TEST_F(OnOpenCl, nan_and_infinity_go_through_as_through_the_reference) {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  // Whole vectors of 16 and what is left behind them.
  for (const char* key : {"unary 1x2x5x7", "unary 1x2x5x7 kind=leaky_relu alpha=0.1",
                          "unary 1x2x5x7 kind=clip alpha=-1 beta=1.5", "unary 1x2x5x7 kind=sigmoid",
                          "unary 1x2x5x7 kind=hard_sigmoid alpha=0.2 beta=0.5",
                          "unary 1x2x5x7 kind=hard_swish", "unary 1x2x5x7 kind=elu alpha=0.7",
                          "binary 1x2x5x7 1x2x5x7 kind=max", "binary 1x2x5x7 1x2x5x7 kind=min",
                          "binary 1x2x5x7 1x2x5x7 +relu", "binary 1x2x5x7 1x2x5x7 +clip(0,6)",
                          "binary 1x2x5x7 1x2x5x7 +leaky_relu(0.1)", "max_pool 1x2x5x37 kernel=2x2",
                          "max_pool 1x2x5x37 kernel=2x2 stride=2x2", "max_pool 1x2x5x7 kernel=5x7"}) {
    SCOPED_TRACE(key);
    const LayerDesc layer = LayerDesc::parse(key);
    std::vector<Tensor> operands = random_operands(layer, 3);
    const size_t count = static_cast<size_t>(layer.inputs[0].desc.shape.elements());
    for (size_t i = 0; i < count; i += 5) {
      Tensor& operand = operands[(i / 5) % operands.size()];
      operand.data<float>()[i] = i % 3 == 0 ? std::nanf("") : i % 2 == 0 ? infinite : -infinite;
    }
    LayerBuffers buffers(devices(), layer, std::move(operands));
    const Expected expected = expected_outputs(registry_, cpu_, layer, buffers.operands());
    const auto queue = accelerator_->make_queue(1);
    int tried = 0;
    for (const Primitive* primitive : registry_.candidates(layer)) {
      if (primitive->info().processor != accelerator_->id()) continue;
      SCOPED_TRACE(primitive->name());
      LayerRun run(*primitive, layer, buffers, 1);
      const CheckResult result = run.check(expected, *queue);
      EXPECT_EQ(result.why, "");
      EXPECT_LE(result.error, error_bound(*primitive, layer));
      ++tried;
    }
    EXPECT_GT(tried, 0);
  }
}

/// CLBlast compiles for seconds: of its primitives each is held to the conformance check on one layer here,
/// on all of them in the long test.
class ClblastConforms : public OnOpenCl,
                        public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(ClblastConforms, on_a_layer) {
  const auto& [name, key] = GetParam();
  if (registry_.find(name) == nullptr) GTEST_SKIP() << "no CLBlast here";
  EXPECT_NE(registry_.at(name).info().library_version, "");
  EXPECT_TRUE(starts_with(registry_.at(name).revision(), registry_.at(name).info().library_version));
  Conformance conformance(registry_, devices(), accelerator_->id());
  conformance.check(LayerDesc::parse(key), 1, 1);
  EXPECT_TRUE(conformance.exercised().contains(name));
  for (const Finding& finding : conformance.findings()) ADD_FAILURE() << finding.to_string();
}

INSTANTIATE_TEST_SUITE_P(
    each, ClblastConforms,
    testing::Values(std::pair{"conv2d.clblast.convgemm.nchw@opencl",
                              "conv2d 2x3x9x8 5x3x3x3* 5* pads_begin=1x1 pads_end=1x1 +relu"},
                    std::pair{"gemm.clblast.gemv.nchw@opencl", "gemm 1x25 25x13* 13*"},
                    std::pair{"gemm.clblast.gemm.nchw@opencl", "gemm 5x33 17x33* 17* trans_b=1 +relu"}),
    [](const auto& info) { return std::string(split(info.param.first, '.')[2]); });

}  // namespace
}  // namespace raceline
