// Resize and its kin, pools of powers and other ops that read between elements, as the reader takes them in.
#include "raceline/base/error.h"
#include "tests/model/one_node.h"

namespace raceline {
namespace {

using namespace testing;

Tensor floats(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size())}, std::span<const float>(values));
}

std::string text(const char* value) {
  return value;
}

TEST(ImportResize, TheFirstOnesRoundedInTheirOwnWay) {
  const std::string upsampled = "n: y 1x2x6x8 = resize(x) place=asymmetric rounding=simple sizes=1x2x6x8\n";
  EXPECT_EQ(OneNode(7, "Upsample")
                .input("x", {1, 2, 3, 4})
                .attributes({{"scales", std::vector<float>{1, 1, 2, 2}}})
                .nodes(),
            upsampled);
  EXPECT_EQ(OneNode(9, "Upsample").input("x", {1, 2, 3, 4}).constant("s", floats({1, 1, 2, 2})).nodes(),
            upsampled);
  EXPECT_EQ(OneNode(10, "Resize")
                .input("x", {1, 1, 2, 4})
                .constant("s", floats({1, 1, 0.6f, 0.6f}))
                .attributes({{"mode", text("linear")}})
                .nodes(),
            "n: y 1x1x1x2 = resize(x) mode=linear place=asymmetric sizes=1x1x1x2 scales=0x0x0.6x0.6\n");
}

TEST(ImportResize, ByScalesOrBySizes) {
  EXPECT_EQ(OneNode(13, "Resize").input("x", {1, 2, 3, 4}).none().constant("s", floats({1, 1, 2, 2})).nodes(),
            "n: y 1x2x6x8 = resize(x) sizes=1x2x6x8\n");
  EXPECT_EQ(
      OneNode(11, "Resize")
          .input("x", {1, 2, 3, 4})
          .constant("roi", floats({}))
          .constant("s", floats({}))
          .ints("z", {1, 2, 7, 9})
          .attributes({{"mode", text("cubic")}, {"cubic_coeff_a", -0.5f}, {"exclude_outside", int64_t{1}}})
          .nodes(),
      "n: y 1x2x7x9 = resize(x) mode=cubic sizes=1x2x7x9 cubic_a=-0.5 exclude_outside=1\n");
  EXPECT_EQ(OneNode(13, "Resize")
                .input("x", {1, 2, 3, 4})
                .none()
                .none()
                .ints("z", {1, 2, 6, 8})
                .attributes(
                    {{"coordinate_transformation_mode", text("asymmetric")}, {"nearest_mode", text("floor")}})
                .nodes(),
            "n: y 1x2x6x8 = resize(x) place=asymmetric rounding=floor sizes=1x2x6x8\n");
}

TEST(ImportResize, AxesAndTheAspectRatio) {
  const auto node = [](const char* policy) {
    return OneNode(18, "Resize")
        .input("x", {1, 1, 2, 4})
        .none()
        .none()
        .ints("z", {7, 8})
        .attributes({{"axes", Ints{2, -1}}, {"keep_aspect_ratio_policy", text(policy)}})
        .nodes();
  };
  EXPECT_EQ(node("stretch"), "n: y 1x1x7x8 = resize(x) sizes=1x1x7x8\n");
  EXPECT_EQ(node("not_larger"), "n: y 1x1x4x8 = resize(x) sizes=1x1x4x8\n");
  EXPECT_EQ(node("not_smaller"), "n: y 1x1x7x14 = resize(x) sizes=1x1x7x14\n");
}

TEST(ImportResize, ARegionOfSomeAxes) {
  EXPECT_EQ(OneNode(19, "Resize")
                .input("x", {1, 1, 4, 4})
                .constant("roi", floats({0.4f, 0.6f, 0.6f, 0.8f}))
                .none()
                .ints("z", {3, 3})
                .attributes({{"axes", Ints{2, 3}},
                             {"coordinate_transformation_mode", text("tf_crop_and_resize")},
                             {"extrapolation_value", 10.0f},
                             {"mode", text("linear")}})
                .nodes(),
            "n: y 1x1x3x3 = resize(x) mode=linear place=tf_crop_and_resize sizes=1x1x3x3 "
            "roi=0x0x0.4x0.6x1x1x0.6x0.8 extrapolation=10\n");
}

TEST(ImportResize, WhatMakesNoSenseIsRefused) {
  const auto by_scales = [](std::vector<float> scales, Attributes attributes = {}) {
    OneNode node(13, "Resize");
    node.input("x", {1, 2, 3, 4}).none().constant("s", floats(scales)).attributes(std::move(attributes));
    return thrown<GraphError>([&] { node.build(); });
  };
  EXPECT_TRUE(contains(by_scales({1, 1, 2}), "3 scales for 4 axes of input 1x2x3x4")) << by_scales({1, 1, 2});
  EXPECT_TRUE(contains(by_scales({1, 1, -2, 2}), "scale -2 of axis 2"));
  EXPECT_TRUE(contains(by_scales({1, 1, 1e20f, 2}), "of axis 2"));
  OneNode huge(13, "Resize");
  huge.input("x", {int64_t{1} << 30}).none().constant("s", floats({1e9f}));
  EXPECT_TRUE(contains(thrown<GraphError>([&] { huge.build(); }), "axis 0 would have 1.07"));
  OneNode unknown(13, "Resize");
  unknown.input("x", {1, 2, 3, 4})
      .none()
      .constant("s", floats({1, 1, 2, 2}))
      .attributes({{"mode", text("area")}});
  EXPECT_TRUE(contains(thrown<UnsupportedError>([&] { unknown.build(); }), "'area' is no interpolation"));
  OneNode without(13, "Resize");
  without.input("x", {1, 2, 3, 4});
  EXPECT_TRUE(contains(thrown<GraphError>([&] { without.build(); }), "neither scales nor sizes"));
  OneNode flat(18, "Resize");
  flat.input("x", {1, 2, 0, 4})
      .none()
      .none()
      .ints("z", {1, 2, 4, 4})
      .attributes({{"keep_aspect_ratio_policy", text("not_larger")}});
  EXPECT_TRUE(contains(thrown<GraphError>([&] { flat.build(); }), "no aspect ratio"));
}

TEST(ImportGridSample, NamesOfTheModesChanged) {
  EXPECT_EQ(
      OneNode(16, "GridSample")
          .input("x", {1, 2, 5, 6})
          .input("g", {1, 3, 4, 2})
          .attributes(
              {{"mode", text("bicubic")}, {"padding_mode", text("border")}, {"align_corners", int64_t{1}}})
          .nodes(),
      "n: y 1x2x3x4 = grid_sample(x, g) mode=cubic padding=border align_corners=1\n");
  EXPECT_EQ(OneNode(20, "GridSample").input("x", {1, 2, 4, 5, 6}).input("g", {1, 7, 3, 4, 3}).nodes(),
            "n: y 1x2x7x3x4 = grid_sample(x, g)\n");
}

TEST(ImportAffineGrid, IsAProductOfMatrices) {
  OneNode node(20, "AffineGrid");
  node.input("theta", {2, 2, 3}).ints("size", {2, 3, 1, 2});
  EXPECT_EQ(node.nodes(),
            "n.turned: n.turned:0 2x3x2 = transpose(theta) perm=0x2x1\n"
            "n: n:0 2x2x2 = matmul(n.places, n.turned:0)\n"
            "n.out: y 2x1x2x2 = reshape(n:0) dims=2x1x2x2\n");
}

TEST(ImportRoiAlign, TheFirstDidNotShift) {
  const auto node = [](int64_t opset) {
    return OneNode(opset, "RoiAlign")
        .input("x", {1, 2, 8, 9})
        .input("rois", {5, 4})
        .input("images", {5}, DataType::i64)
        .attributes({{"output_height", int64_t{2}}, {"mode", text("max")}, {"spatial_scale", 0.5f}})
        .nodes();
  };
  EXPECT_EQ(node(10),
            "n: y 5x2x2x1 = roi_align(x, rois, images) out_height=2 spatial_scale=0.5 half_pixel=0 max=1\n");
  EXPECT_EQ(node(16), "n: y 5x2x2x1 = roi_align(x, rois, images) out_height=2 spatial_scale=0.5 max=1\n");
}

TEST(ImportLpPool, IsAnAverageOfPowers) {
  EXPECT_EQ(OneNode(11, "LpPool")
                .input("x", {1, 2, 5, 6})
                .attributes({{"kernel_shape", Ints{2, 3}}, {"pads", Ints{1, 0, 0, 1}}})
                .nodes(),
            "n.powers: n.powers:0 1x2x5x6 = binary(x, x) kind=mul\n"
            "n: n:0 1x2x5x5 = average_pool(n.powers:0) kernel=2x3 pads_begin=1x0 pads_end=0x1 include_pad=1\n"
            "n.sum: n.sum:0 1x2x5x5 = binary(n:0, n.size) kind=mul\n"
            "n.out: y 1x2x5x5 = unary(n.sum:0) kind=sqrt\n");
}

TEST(ImportLpPool, RoundingUpBecomesPadding) {
  const std::string nodes =
      OneNode(18, "LpPool")
          .input("x", {1, 2, 6})
          .attributes(
              {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"ceil_mode", int64_t{1}}, {"p", int64_t{1}}})
          .nodes();
  EXPECT_TRUE(contains(nodes, "1x2x3 = average_pool(n.sizes:0) kernel=3 stride=2 pads_end=1 include_pad=1"))
      << nodes;
}

TEST(ImportLpPool, GlobalAndOfAnyPower) {
  const std::string nodes =
      OneNode(11, "GlobalLpPool").input("x", {1, 2, 5, 6}).attributes({{"p", int64_t{3}}}).nodes();
  EXPECT_TRUE(contains(nodes, "kind=pow") && contains(nodes, "average_pool") && contains(nodes, "y 1x2x1x1"))
      << nodes;
  OneNode bad(11, "GlobalLpPool");
  bad.input("x", {1, 2, 5, 6}).attributes({{"p", int64_t{0}}});
  EXPECT_TRUE(contains(thrown<GraphError>([&] { bad.build(); }), "'p' is 0"));
}

TEST(ImportMeanVarianceNormalization, StandsBesideTheRoot) {
  const std::string nodes = OneNode(13, "MeanVarianceNormalization").input("x", {2, 3, 4, 5}).nodes();
  EXPECT_TRUE(contains(nodes, "n.divisor: n.divisor:0 1x3x1x1 = binary(n.deviation:0, n.epsilon) kind=add"))
      << nodes;
  EXPECT_TRUE(contains(nodes, "n: y 2x3x4x5 = binary(n.centred:0, n.divisor:0) kind=div")) << nodes;
}

}  // namespace
}  // namespace raceline
