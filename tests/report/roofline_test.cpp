#include "raceline/report/roofline.h"

#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

/// A machine made up: caches of 1 and 4 MB; on one thread 100 GFLOP/s, 80, 40 and 10 GB/s.
class RooflineTest : public ::testing::Test {
 protected:
  RooflineTest() {
    machine_.l2_bytes = 1'000'000;
    machine_.l3_bytes = 4'000'000;
    peaks_ = {.threads = 1, .fma_gflops = 100, .l2_gbs = 80, .l3_gbs = 40, .ram_gbs = 10};
    for (const char* algorithm : {"wino_2x3", "wino_4x3", "wino1d_6x3", "wino_best", "direct"}) {
      PrimitiveInfo info = stand_in_info(OpKind::conv2d, "ours", Layout::nchw, Layout::nchw);
      info.algorithm = algorithm;
      registry_.add(std::make_unique<ForKernels>(info));
    }
  }

  /// Takes kernels of 3x3, or of 1x3 and 3x1 where its name says so.
  struct ForKernels final : Primitive {
    using Primitive::Primitive;
    Support supports(const LayerDesc& layer) const override {
      const Shape& weights = layer.inputs[1].desc.shape;
      const bool one_axis = info().algorithm.starts_with("wino1d");
      return weights[2] * weights[3] == (one_axis ? 3 : 9) ? Support::yes() : Support::no("another kernel");
    }
    std::unique_ptr<const Kernel> prepare(const LayerDesc&, const PrepareArgs&) const override {
      return nullptr;
    }
  };

  LayerRoofline of(const char* key) const {
    const LayerDesc layer = LayerDesc::parse(key);
    return roofline_of(layer, winograd_share(layer, registry_), machine_, peaks_);
  }

  Machine machine_;
  Peaks peaks_;
  PrimitiveRegistry registry_;
};

TEST_F(RooflineTest, a_layer_is_bound_by_its_operations_or_by_the_cache_that_holds_it) {
  // 100 x 100 x 1000 products in 2 operations; 10 kB + 400 kB + 4 kB: in the second-level cache.
  const LayerRoofline product = of("gemm 1x1000 1000x100*");
  EXPECT_NEAR(product.compute_us, 2.0, 1e-9);
  EXPECT_NEAR(product.memory_us, (4000 + 400'000 + 400) / 80e3, 1e-9);
  EXPECT_EQ(product.direct_us(), product.memory_us);
  EXPECT_EQ(product.winograd_us(), product.memory_us);
  // 1.6 MB read and written: the third level. 16 MB: memory.
  EXPECT_NEAR(of("unary 1x2x100x1000 kind=relu").memory_us, 1.6e6 / 40e3, 1e-9);
  EXPECT_NEAR(of("unary 1x20x100x1000 kind=relu").memory_us, 16e6 / 10e3, 1e-9);
}

TEST_F(RooflineTest, threads_bring_their_second_level_caches_with_them) {
  peaks_.threads = 2;
  EXPECT_NEAR(of("unary 1x2x100x1000 kind=relu").memory_us, 1.6e6 / 80e3, 1e-9);
}

TEST_F(RooflineTest, winograd_counts_whole_tiles_of_the_best_size_offered) {
  // 8x8 outputs: four tiles of F(4, 3) need 4 * 36 products where the definition has 64 * 9.
  const LayerRoofline even = of("conv2d 1x64x8x8 64x64x3x3* - pads_begin=1x1 pads_end=1x1");
  EXPECT_NEAR(even.products_us / even.compute_us, 144.0 / 576, 1e-9);
  EXPECT_NEAR(even.compute_us, 2 * 64 * 64 * 576 / 100e3, 1e-9);
  // 2x2: one tile of F(2, 3) is less than one of F(4, 3).
  const LayerRoofline small = of("conv2d 1x64x2x2 64x64x3x3* - pads_begin=1x1 pads_end=1x1");
  EXPECT_NEAR(small.products_us / small.compute_us, 16.0 / 36, 1e-9);
  // Along one axis: 12 outputs are two tiles of 8.
  const LayerRoofline row = of("conv2d 1x64x5x12 64x64x1x3* - pads_begin=0x1 pads_end=0x1");
  EXPECT_NEAR(row.products_us / row.compute_us, 16.0 / 36, 1e-9);
  // What is pooled counts, whatever is stored of it.
  PrimitiveInfo info = stand_in_info(OpKind::conv2d_max_pool, "ours", Layout::nchw, Layout::nchw);
  info.algorithm = "wino_4x3";
  registry_.add(std::make_unique<ForKernels>(info));
  const LayerRoofline pooled =
      of("conv2d_max_pool 1x64x8x8 64x64x3x3* - pads_begin=1x1 pads_end=1x1 window=2x2");
  EXPECT_NEAR(pooled.products_us / pooled.compute_us, 144.0 / 576, 1e-9);
  EXPECT_NEAR(pooled.compute_us, (2 * 64 * 64 * 576 + 64 * 64) / 100e3, 1e-9);
  // No primitive for it.
  const LayerRoofline large = of("conv2d 1x64x8x8 64x64x5x5* - pads_begin=2x2 pads_end=2x2");
  EXPECT_EQ(large.products_us, large.compute_us);
}

TEST_F(RooflineTest, an_unknown_peak_bounds_nothing) {
  peaks_ = {};
  EXPECT_EQ(of("gemm 1x1000 1000x100*").direct_us(), 0);
}

TEST_F(RooflineTest, a_network_is_the_sum_of_its_steps_without_those_that_only_move) {
  Graph graph;
  const TensorDesc image{DataType::f32, Shape{1, 4, 8, 8}};
  const ValueId x = graph.add_input("x", image);
  const auto give = [&](NodeId node) { return graph.node(node).outputs[0]; };
  const ValueId relu = give(graph.add_node("relu", OpKind::unary, UnaryParams{UnaryKind::relu}, {x}));
  const ValueId both = give(graph.add_node("concat", OpKind::concat, ConcatParams{1}, {x, relu}));
  graph.mark_output(both, "y");
  const PrimitiveRegistry registry = builtin_primitives();
  const Plan plan = Plan::reference(graph, registry);
  const NetworkRoofline network = roofline_of(graph, plan, registry, machine_, peaks_);
  ASSERT_EQ(network.steps.size(), 2u);
  EXPECT_NEAR(network.steps[0].memory_us, 2 * 4 * 256 / 80e3, 1e-9);
  EXPECT_EQ(network.steps[1].direct_us(), 0) << "concat computes nothing";
  EXPECT_EQ(network.direct_us, network.steps[0].direct_us());
  EXPECT_EQ(network.winograd_us, network.direct_us);
  EXPECT_EQ(network.memory_bound_us, network.direct_us);
}

}  // namespace
}  // namespace raceline
