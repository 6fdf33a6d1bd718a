// One primitive on one layer against the reference in f64, for tests of single libraries.
#pragma once
#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/profile/accuracy.h"
#include "raceline/profile/error_bound.h"

namespace raceline {

/// What the tests of a library run on.
struct PrimitiveBench {
  PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device{Machine::detect()};

  /// How far the primitive is from the reference on a layer that it supports, as CheckResult::error; it is
  /// expected to run.
  double error(const Primitive& primitive, const LayerDesc& layer, uint64_t seed, int threads = 1) {
    const CheckOptions options{.seed = seed, .threads = threads, .whole_below_flops = 1e12};
    const CheckResult result = check_primitive(registry, device, primitive, layer, options);
    EXPECT_EQ(result.why, "") << primitive.name() << " on " << layer.key() << ", " << threads
                              << " threads, seed " << seed;
    return result.error;
  }

  /// The primitive supports the layer and is right within its bound, on 1, 2 and 3 threads, with fixed seeds.
  void expect_right(const std::string& name, const std::string& key) {
    SCOPED_TRACE(name + " on " + key);
    const Primitive* primitive = registry.find(name);
    ASSERT_NE(primitive, nullptr);
    const LayerDesc layer = LayerDesc::parse(key);
    ASSERT_EQ(layer.op, primitive->info().op);
    const Support support = primitive->supports(layer);
    ASSERT_TRUE(support) << support.why();
    for (const int threads : {1, 2, 3}) {
      EXPECT_LE(error(*primitive, layer, 7, threads), error_bound(*primitive, layer))
          << threads << " threads";
    }
  }

  /// The primitive refuses the layer with a reason that holds this text.
  void expect_refused(const std::string& name, const std::string& key, const std::string& text) {
    SCOPED_TRACE(name + " on " + key);
    const Primitive* primitive = registry.find(name);
    ASSERT_NE(primitive, nullptr);
    const Support support = primitive->supports(LayerDesc::parse(key));
    ASSERT_FALSE(support);
    EXPECT_NE(support.why().find(text), std::string::npos) << support.why();
  }
};

}  // namespace raceline
