// There is a choice: how many different ways the libraries and we offer for the layers that CNNs are made of.
#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "raceline/base/text.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"

namespace raceline {
namespace {

/// The name without the size of tiles and the instruction set: those are variants of one way.
std::string way_of(const Primitive& primitive) {
  constexpr std::array<std::string_view, 6> sets = {"avx512_core", "avx512", "avx2", "avx", "sse41", "uni"};
  const PrimitiveInfo& info = primitive.info();
  std::string algorithm = info.algorithm, implementation;
  if (algorithm.starts_with("wino") || algorithm.starts_with("fft")) algorithm.resize(algorithm.find('_'));
  for (const std::string_view part : split(info.implementation, '.')) {
    if (std::find(sets.begin(), sets.end(), part) == sets.end()) implementation += part;
  }
  return join(
      std::vector<std::string>{info.library, algorithm, implementation, info.blas,
                               std::string(to_string(info.input)), std::string(to_string(info.output))},
      ".");
}

class Variety : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string_view library : {"onednn", "openblas", "blis", "atlas", "xnnpack", "libxsmm"}) {
      for (const Missing& item : registry_.missing()) {
        if (item.what == library) GTEST_SKIP() << item.what << ": " << item.why;
      }
    }
  }

  size_t ways(const std::string& key) const {
    const LayerDesc layer = LayerDesc::parse(key);
    std::set<std::string> ways;
    for (const Primitive* primitive : registry_.candidates(layer)) ways.insert(way_of(*primitive));
    for (const auto& refusal : registry_.refusals(layer)) {
      EXPECT_FALSE(refusal.why.empty()) << refusal.primitive->name() << " of " << key;
    }
    return ways.size();
  }

  PrimitiveRegistry registry_ = builtin_primitives();
};

TEST_F(Variety, ThirtyWaysToComputeA3x3ConvolutionOfVgg) {
  EXPECT_GE(ways("conv2d 1x256x56x56 256x256x3x3* 256* pads_begin=1x1 pads_end=1x1"), 30u);
}

TEST_F(Variety, SixWaysToComputeEachOtherKindOfLayer) {
  for (const std::string key : {
           "conv2d 1x64x56x56 256x64x1x1* 256*",
           "conv2d 1x64x56x56 64x1x3x3* 64* pads_begin=1x1 pads_end=1x1 group=64",
           "conv2d 1x3x224x224 64x3x11x11* 64* stride=4x4 pads_begin=2x2 pads_end=2x2",
           "conv2d 1x3x224x224 64x3x7x7* 64* stride=2x2 pads_begin=3x3 pads_end=3x3",
           "conv2d 1x192x17x17 192x192x1x7* 192* pads_begin=0x3 pads_end=0x3",
           "gemm 1x9216 4096x9216* 4096* trans_b=1",
           "gemm 1x4096 1000x4096* 1000* trans_b=1",
           "max_pool 1x64x55x55 kernel=3x3 stride=2x2",
           "average_pool 1x64x28x28 kernel=3x3 pads_begin=1x1 pads_end=1x1",
           "average_pool 1x512x7x7 kernel=7x7",
       }) {
    EXPECT_GE(ways(key), 6u) << key;
  }
}

}  // namespace
}  // namespace raceline
