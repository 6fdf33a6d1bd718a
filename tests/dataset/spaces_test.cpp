#include "raceline/dataset/spaces.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

std::vector<PriorLayer> prior() {
  return parse_prior(
      "# two nets\n"
      "a\tconv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1\n"
      "a\tgemm 1x512 1000x512* 1000* trans_b=1\n"
      "b\tconv2d 1x32x28x28 32x1x3x3* pads_begin=1x1 pads_end=1x1 group=32\n"
      "b\tmax_pool 1x64x112x112 kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1\n"
      "b\tbinary 1x64x56x56 1x64x56x56 kind=add\n");
}

std::vector<SampledLayer> sample(Space space, std::string_view type, size_t count, uint64_t seed = 1) {
  SampleReport report;
  return sample_layers(space, type, count, prior(), {.seed = seed}, report);
}

TEST(Spaces, TheSameSeedGivesTheSameLayersAndAnotherGivesOthers) {
  for (const Space space : {Space::perfnetrt, Space::raceline}) {
    const auto keys = [&](uint64_t seed) {
      std::vector<std::string> names;
      for (const SampledLayer& each : sample(space, "dense", 50, seed)) names.push_back(each.layer.key());
      return names;
    };
    EXPECT_EQ(keys(1), keys(1));
    EXPECT_NE(keys(1), keys(2));
  }
}

TEST(Spaces, LayersAreDifferentOfTheirTypeWithinTheCapsAndSmallComesFirst) {
  for (const Space space : {Space::perfnetrt, Space::resperfnet, Space::raceline}) {
    for (const std::string_view type : types_of(space)) {
      const SampleOptions options{.seed = 3};
      SampleReport report;
      const auto layers = sample_layers(space, type, 30, prior(), options, report);
      EXPECT_EQ(layers.size(), type == "conv_transpose" ? 0u : 30u) << to_string(space) << " " << type;
      std::set<std::string> keys;
      double last = 0;
      for (const SampledLayer& each : layers) {
        EXPECT_TRUE(keys.insert(each.layer.key()).second) << each.layer.key();
        EXPECT_EQ(layer_type(each.layer), type) << each.layer.key();
        EXPECT_LE(each.layer.bytes_moved(), options.most_tensor_bytes);
        const double expected = options.machine.expected_us(each.layer);
        EXPECT_LE(expected, options.most_expected_us);
        EXPECT_GE(expected, last);
        last = expected;
        EXPECT_EQ(why_no_onnx(each.layer), "") << each.layer.key();
        EXPECT_FALSE(each.group.empty());
      }
    }
  }
}

TEST(Spaces, ThePapersRangesAreKept) {
  for (const bool square : {true, false}) {
    bool oblong = false;
    for (const SampledLayer& each : sample(square ? Space::perfnetrt : Space::resperfnet, "conv", 60)) {
      const Shape& x = each.layer.inputs[0].desc.shape;
      const Shape& w = each.layer.inputs[1].desc.shape;
      const auto& p = each.layer.as<ConvParams>();
      EXPECT_LE(x[0], 64);
      EXPECT_LE(x[1], 9999);
      EXPECT_LE(w[0], 9999);
      for (const int axis : {2, 3}) {
        EXPECT_LE(x[axis], 512);
        EXPECT_LE(w[axis], 7);
        EXPECT_LE(p.stride[static_cast<size_t>(axis) - 2], 4);
      }
      if (square) {
        EXPECT_EQ(x[2], x[3]);
        EXPECT_EQ(w[2], w[3]);
        EXPECT_EQ(p.stride[0], p.stride[1]);
      }
      oblong = oblong || x[2] != x[3];
    }
    EXPECT_EQ(oblong, !square);
  }
}

TEST(Spaces, OursMixesStrataRealNetworksAndStaircases) {
  std::set<std::string> kinds;
  std::set<std::pair<int, bool>> strata;
  const RoughMachine machine;
  for (const SampledLayer& each : sample(Space::raceline, "conv", 300)) {
    kinds.insert(each.group.substr(0, each.group.find(':')));
    if (!each.group.starts_with("log")) continue;
    strata.insert({static_cast<int>(std::log10(machine.expected_us(each.layer))),
                   machine.is_compute_bound(each.layer)});
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"log", "prior", "stairs"}));
  EXPECT_GE(strata.size(), 6u);
}

TEST(Spaces, WhatTheCapsCutIsCounted) {
  SampleReport report;
  sample_layers(Space::perfnetrt, "conv", 20, {}, {.seed = 1}, report);
  EXPECT_GT(report.too_large + report.too_slow, 0u);
  EXPECT_GE(report.drawn, report.too_large + report.too_slow + report.impossible + report.duplicates + 20);
}

TEST(Spaces, UnknownTypesSpacesAndPriorsAreRefused) {
  SampleReport report;
  EXPECT_THROW(sample_layers(Space::perfnetrt, "lrn", 1, {}, {}, report), Error);
  EXPECT_THROW(parse_space("mars"), ParseError);
  for (const char* text : {"no tab here", "\tconv2d 1", "net\tconv2d what", "net\t"}) {
    EXPECT_THROW(parse_prior(text), ParseError) << text;
  }
  EXPECT_EQ(parse_prior(prior_text(prior())).size(), prior().size());
}

TEST(Spaces, LayersOfNetworksAreEachThereOnce) {
  std::vector<PriorLayer> twice = prior();
  for (const PriorLayer& each : prior()) twice.push_back(each);
  SampleReport report;
  EXPECT_EQ(layers_of_networks(twice, {}, {}, report).size(), prior().size());
  EXPECT_EQ(layers_of_networks(twice, std::vector<std::string>{"add"}, {}, report).size(), 1u);
}

TEST(Spaces, TablesOfLayerShapesBecomeLayersOfNetworks) {
  const auto convs = parse_layer_shapes(
      "model,input_h,input_w,cin,cout,ks,stride,groups\na,8,9,4,6,3,2,1\na,8,9,4,6,3,2,1\nb,8,8,4,4,3,1,4\n");
  ASSERT_EQ(convs.size(), 2u);
  EXPECT_EQ(convs[0].net, "a");
  EXPECT_EQ(convs[0].layer.key(), "conv2d 1x4x8x9 6x4x3x3* stride=2x2 pads_begin=0x1 pads_end=1x1");
  EXPECT_EQ(layer_type(convs[1].layer), "depthwise");
  EXPECT_EQ(layer_type(parse_layer_shapes("model,cin,cout\na,3,4\n")[0].layer), "dense");
  EXPECT_EQ(
      layer_type(parse_layer_shapes("model,input_h,input_w,cin,cout,ks,stride\na,8,8,4,4,2,2\n")[0].layer),
      "max_pool");
  for (const char* text : {"model,cin\na,3\n", "model,cin,cout\n,3,4\n", "model,cin,cout\na,3,x\n",
                           "model,cin,cout\na,0,4\n", "model,cin,cout,cin\na,3,4,5\n",
                           "model,input_h,input_w,cin,cout,ks,stride,groups\na,8,8,4,6,3,1,4\n"}) {
    EXPECT_THROW(parse_layer_shapes(text), ParseError) << text;
  }
}

}  // namespace
}  // namespace raceline
