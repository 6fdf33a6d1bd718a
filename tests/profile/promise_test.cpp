// The order in which candidates and layers are tried.
#include "raceline/profile/promise.h"

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

LayerDesc convolution(const std::string& filters) {
  return LayerDesc::parse("conv2d 1x32x16x16 " + filters + "* 32*");
}

class PromiseTest : public testing::Test {
 protected:
  /// Entries of primitives a, b, ... with these times, 0 where none is known; the last is the reference.
  std::vector<LayerEntry> entries(std::initializer_list<double> times) {
    std::vector<LayerEntry> made;
    for (const double us : times) {
      const bool last = made.size() + 1 == times.size();
      const std::string library = last ? "reference" : std::string(1, static_cast<char>('a' + made.size()));
      primitives_.push_back(std::make_unique<StandIn>(
          stand_in_info(OpKind::conv2d, library, Layout::nchw, Layout::nchw), pretence_, 1));
      LayerEntry& entry = made.emplace_back();
      entry.primitive = primitives_.back().get();
      if (us > 0) entry.take({us});
    }
    return made;
  }
  std::vector<size_t> sorted(const Promise& promise, const LayerDesc& layer,
                             const std::vector<LayerEntry>& of) const {
    std::vector<size_t> pending;
    for (size_t i = 0; i < of.size(); ++i) pending.push_back(i);
    promise.sort(layer, of, pending);
    return pending;
  }

 private:
  Pretence pretence_;
  std::vector<std::unique_ptr<StandIn>> primitives_;
};

using Order = std::vector<size_t>;

TEST_F(PromiseTest, WhatWasFastOnLayersOfTheKindIsTriedFirstAndTheReferenceLast) {
  Promise promise;
  const LayerDesc layer = convolution("32x32x3x3");
  EXPECT_EQ(sorted(promise, layer, entries({0, 0, 0, 0})), (Order{0, 1, 2, 3}));
  promise.learn(layer, entries({300, 0, 110, 100, 90}));
  EXPECT_EQ(sorted(promise, layer, entries({0, 0, 0, 0, 0})), (Order{3, 2, 1, 0, 4}))
      << "the unknown one before the one that was three times as slow";
  const LayerDesc other = convolution("32x32x1x1");
  EXPECT_EQ(sorted(promise, other, entries({0, 0, 0, 0, 0})), (Order{3, 2, 1, 0, 4}))
      << "nothing is known of its kind";
  promise.learn(other, entries({100, 0, 130, 300, 0}));
  EXPECT_EQ(sorted(promise, other, entries({0, 0, 0, 0, 0})), (Order{0, 2, 1, 3, 4}));
  EXPECT_EQ(sorted(promise, layer, entries({0, 0, 0, 0, 0})), (Order{3, 2, 1, 0, 4}));
}

TEST_F(PromiseTest, TheLatestLayerCountsMost) {
  Promise promise;
  const LayerDesc layer = convolution("32x32x3x3");
  promise.learn(layer, entries({100, 200, 0}));
  promise.learn(layer, entries({400, 100, 0}));
  EXPECT_EQ(sorted(promise, layer, entries({0, 0, 0})), (Order{1, 0, 2}));
}

TEST_F(PromiseTest, ALayerByOnePrimitiveAloneSaysNothing) {
  Promise promise;
  const LayerDesc layer = convolution("32x32x3x3");
  promise.learn(layer, entries({300, 100, 0}));
  promise.learn(layer, entries({500, 0, 0}));
  promise.learn(layer, entries({500, 0, 0}));
  EXPECT_EQ(sorted(promise, layer, entries({0, 0, 0})), (Order{1, 0, 2}));
}

TEST_F(PromiseTest, ALayerIsSettledWhenTheMostPromisingWasTimed) {
  constexpr int rounds = 3;
  const LayerDesc layer = convolution("32x32x3x3");
  Promise promise;
  promise.learn(layer, entries({300, 100, 110, 0}));
  std::vector<LayerEntry> own = entries({0, 0, 0, 0});
  EXPECT_FALSE(promise.is_settled(layer, own, rounds));
  own[0].take({600, 600, 600});
  EXPECT_FALSE(promise.is_settled(layer, own, rounds)) << "timed, but two others promise more";
  own[1].failed = true;
  EXPECT_FALSE(promise.is_settled(layer, own, rounds));
  own[2].take({200});
  EXPECT_TRUE(promise.is_settled(layer, own, rounds)) << "nothing promising is left; the reference never is";
  own[1].failed = false;
  own[2].take({200, 200, 200});
  EXPECT_FALSE(promise.is_settled(layer, own, rounds)) << "the most promising is still to be tried";
  own[1].take({190});
  EXPECT_TRUE(promise.is_settled(layer, own, rounds)) << "it was, if once";
  EXPECT_FALSE(promise.is_settled(layer, own, rounds + 1)) << "none was timed in so many rounds";
}

TEST_F(PromiseTest, WhatTheStoreKnowsOfOtherNetworksCounts) {
  CostStore store = CostStore::temporary();
  const auto save = [&](const std::string& layer, const LayerEntry& of, double us, const char* device,
                        int threads) {
    CostRow row;
    row.key.layer = layer;
    row.key.primitive = of.primitive->name();
    row.key.device = device;
    row.key.threads = threads;
    row.samples_us = {us};
    store.save(row);
  };
  const auto of = entries({0, 0, 0});
  const std::string other = convolution("32x32x3x3").key();
  save(other, of[0], 300, "here", 1);
  save(other, of[1], 100, "here", 1);
  save(other, of[0], 1, "there", 1);
  save(other, of[0], 1, "here", 2);
  save("no layer", of[0], 1, "here", 1);
  Promise promise;
  promise.recall(store, "here", 1);
  EXPECT_EQ(sorted(promise, convolution("32x32x3x3"), of), (Order{1, 0, 2}));
}

TEST_F(PromiseTest, ConversionsComeFirstAndThenSmallLayers) {
  Graph graph;
  ValueId x = graph.add_input("x", {DataType::f32, Shape{1, 8, 6, 5}, Layout::nchw});
  const ValueId y = graph.add_input("y", {DataType::f32, Shape{1, 8, 60, 50}, Layout::nchw});
  for (const ValueId input : {y, x}) {
    const NodeId relu = graph.add_node("relu" + std::to_string(input), OpKind::unary, UnaryParams{}, {input});
    graph.mark_output(graph.node(relu).outputs[0], "out" + std::to_string(input));
  }
  Pretence pretence;
  PrimitiveRegistry registry;
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    registry.add(
        std::make_unique<StandIn>(stand_in_info(OpKind::unary, "reference", layout, layout), pretence, 1));
  }
  for (const auto& [from, to] : {std::pair{Layout::nchw, Layout::nhwc}, {Layout::nhwc, Layout::nchw}}) {
    registry.add(
        std::make_unique<StandIn>(stand_in_info(OpKind::reorder, "reference", from, to), pretence, 1));
  }
  const CandidateSet candidates(graph, registry, {});
  const std::vector<const LayerCandidates*> order = in_order(candidates, true);
  ASSERT_EQ(order.size(), candidates.layers().size());
  ASSERT_EQ(order.size(), 6u);
  for (size_t i = 0; i < order.size(); ++i)
    EXPECT_EQ(order[i]->layer.op == OpKind::reorder, i < 4) << order[i]->layer.key();
  EXPECT_EQ(order[4]->layer.inputs[0].desc.shape, (Shape{1, 8, 6, 5}));
  EXPECT_EQ(order[5]->layer.inputs[0].desc.shape, (Shape{1, 8, 60, 50}));
}

}  // namespace
}  // namespace raceline
