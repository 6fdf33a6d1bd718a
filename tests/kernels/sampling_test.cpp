// Resize, grid_sample and roi_align against results computed by hand.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

using Floats = std::vector<float>;

class Sampling : public testing::Test, protected PrimitiveBench {
 protected:
  /// The reference's output on row-major f32 operands, but i64 where the layer says so.
  Floats compute(std::string_view key, const std::vector<Floats>& operands) {
    const LayerDesc layer = LayerDesc::parse(key);
    std::vector<Tensor> tensors;
    std::vector<TensorView> views;
    for (size_t i = 0; i < operands.size(); ++i) {
      const TensorDesc& desc = layer.inputs[i].desc;
      EXPECT_EQ(desc.shape.elements(), static_cast<int64_t>(operands[i].size())) << key << ", operand " << i;
      if (desc.type == DataType::i64) {
        const std::vector<int64_t> integers(operands[i].begin(), operands[i].end());
        tensors.push_back(Tensor::of<int64_t>(desc.shape, integers));
      } else {
        tensors.push_back(Tensor::of<float>(desc.shape, operands[i]));
      }
    }
    for (const Tensor& tensor : tensors) views.push_back(tensor.view());
    const std::vector<Tensor> outputs = reference_evaluator(registry, device)(layer, views);
    const auto* data = outputs[0].data<float>();
    return {data, data + outputs[0].desc().shape.elements()};
  }

  void expect(std::string_view key, const std::vector<Floats>& operands, const Floats& want) {
    const Floats got = compute(key, operands);
    ASSERT_EQ(got.size(), want.size()) << key;
    for (size_t i = 0; i < want.size(); ++i) {
      if (std::isnan(want[i])) {
        EXPECT_TRUE(std::isnan(got[i])) << key << ", element " << i;
      } else {
        EXPECT_NEAR(got[i], want[i], 1e-6) << key << ", element " << i;
      }
    }
  }
};

TEST_F(Sampling, resize_places_elements_as_the_mode_says) {
  const std::vector<Floats> x = {{0, 4}};
  const auto linear = [](const std::string& place) { return "resize 2 sizes=4 mode=linear place=" + place; };
  expect(linear("half_pixel"), x, {0, 1, 3, 4});
  expect(linear("pytorch_half_pixel"), x, {0, 1, 3, 4});
  expect(linear("align_corners"), x, {0, 4 / 3.0f, 8 / 3.0f, 4});
  expect(linear("asymmetric"), x, {0, 2, 4, 4});
  expect(linear("tf_half_pixel_for_nn"), x, {1, 3, 4, 4});
  // To one element: the middle, the first, the first.
  expect("resize 3 sizes=1 mode=linear", {{0, 4, 6}}, {4});
  expect("resize 3 sizes=1 mode=linear place=pytorch_half_pixel", {{0, 4, 6}}, {0});
  expect("resize 3 sizes=1 mode=linear place=align_corners", {{0, 4, 6}}, {0});
  // By 0.6 to 2.4 elements, of which two are left: 0.33 and 2, or both moved by 0.33.
  expect("resize 4 sizes=2 scales=0.6 mode=linear", {{1, 2, 3, 4}}, {4 / 3.0f, 3});
  expect("resize 4 sizes=2 scales=0.6 mode=linear place=half_pixel_symmetric", {{1, 2, 3, 4}},
         {5 / 3.0f, 10 / 3.0f});
}

TEST_F(Sampling, resize_rounds_to_the_nearest_as_told) {
  const auto nearest = [](const std::string& rounding) {
    return "resize 3 sizes=6 place=asymmetric rounding=" + rounding;
  };
  const std::vector<Floats> x = {{1, 2, 3}};
  expect(nearest("floor"), x, {1, 1, 2, 2, 3, 3});
  expect(nearest("ceil"), x, {1, 2, 2, 3, 3, 3});
  expect(nearest("round_prefer_floor"), x, {1, 1, 2, 2, 3, 3});
  expect(nearest("round_prefer_ceil"), x, {1, 2, 2, 3, 3, 3});
  expect(nearest("simple"), x, {1, 1, 2, 2, 3, 3});
  expect("resize 4 sizes=2 scales=0.6 place=asymmetric rounding=simple", {{1, 2, 3, 4}}, {1, 3});
  // Places that are whole numbers come out whole, though 10/6 is not a float.
  expect("resize 6 sizes=10 place=asymmetric rounding=floor", {{0, 1, 2, 3, 4, 5}},
         {0, 0, 1, 1, 2, 3, 3, 4, 4, 5});
}

TEST_F(Sampling, resize_filters_and_clamps_at_the_edges) {
  expect("resize 4 sizes=2 scales=0.6 mode=linear antialias=1", {{1, 2, 3, 4}}, {2.2f / 1.6f, 3});
  expect("resize 4 sizes=2 scales=0.6 mode=linear antialias=1 exclude_outside=1", {{1, 2, 3, 4}},
         {2.0f / 1.4f, 3});
  const Floats cubic = compute("resize 4 sizes=8 mode=cubic", {{1, 2, 3, 4}});
  EXPECT_NEAR(cubic[0], 0.89453125f, 1e-6);
  EXPECT_NEAR(cubic[7], 5 - 0.89453125f, 1e-6);
  expect("resize 2x2 sizes=4x4 mode=linear", {{0, 4, 8, 12}},
         {0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12});
}

TEST_F(Sampling, resize_crops_and_extrapolates) {
  const std::string crop = "resize 4 sizes=3 mode=linear place=tf_crop_and_resize extrapolation=9 roi=";
  expect(crop + "0.5x1.5", {{0, 1, 2, 3}}, {1.5f, 3, 9});
  expect(crop + "1x0", {{0, 1, 2, 3}}, {3, 1.5f, 0});
  expect(crop + "-1e38x1e38", {{0, 1, 2, 3}}, {9, 0, 9});
  expect("resize 4 sizes=1 mode=linear place=tf_crop_and_resize roi=0x1", {{0, 1, 2, 3}}, {1.5f});
}

TEST_F(Sampling, resize_of_integers_cuts_off) {
  const LayerDesc layer = LayerDesc::parse("resize 2:u8 sizes=4 mode=linear");
  const std::vector<uint8_t> x = {1, 255};
  const Tensor operand = Tensor::of<uint8_t>(Shape{2}, x);
  const std::vector<TensorView> views = {operand.view()};
  const Tensor y = std::move(reference_evaluator(registry, device)(layer, views)[0]);
  EXPECT_EQ(std::vector<uint8_t>(y.data<uint8_t>(), y.data<uint8_t>() + 4),
            (std::vector<uint8_t>{1, 64, 191, 255}));
}

TEST_F(Sampling, grid_sample_pads_as_told) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float far = 1e30f;
  // Places -0.5, 1, 3.4 and those that are nowhere.
  const std::vector<Floats> operands = {{1, 2, 3}, {-1, 0, 0, 0, 1.6f, 0, nan, 0, far, 0}};
  const std::string sample = "grid_sample 1x1x1x3 1x1x5x2 ";
  expect(sample + "padding=zeros", operands, {0.5f, 2, 0, 0, 0});
  expect(sample + "padding=border", operands, {1, 2, 3, 1, 3});
  expect(sample + "mode=nearest padding=border", operands, {1, 2, 3, 1, 3});
  expect(sample + "mode=nearest padding=zeros", operands, {1, 2, 0, 0, 0});
  const Floats reflected = compute(sample + "padding=reflection", operands);
  EXPECT_NEAR(reflected[0], 1, 1e-6);
  EXPECT_NEAR(reflected[2], 2.6f, 1e-5);
  for (const float value : reflected) EXPECT_TRUE(value >= 1 && value <= 3) << value;
  expect("grid_sample 1x1x1x3 1x1x3x2 align_corners=1 padding=reflection",
         {{1, 2, 3}, {-1, 0, 0.5f, 0, 2, 0}}, {1, 2.5f, 2});
}

TEST_F(Sampling, grid_sample_lists_the_last_axis_first) {
  expect("grid_sample 1x1x2x3 1x1x2x2 align_corners=1", {{1, 2, 3, 4, 5, 6}, {1, -1, -1, 1}}, {3, 4});
  expect("grid_sample 1x1x2x1x2 1x1x1x2x3 align_corners=1", {{1, 2, 3, 4}, {1, 0, -1, -1, 0, 1}}, {2, 3});
}

TEST_F(Sampling, roi_align_averages_samples) {
  const Floats ramp = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
  expect("roi_align 1x1x4x4 1x4 1:i64 out_width=2 sampling_ratio=2", {ramp, {0.5f, 0.5f, 3.5f, 3.5f}, {0}},
         {0.75f, 2.25f});
  // Without the shift, places are half an element further on.
  expect("roi_align 1x1x4x4 1x4 1:i64 out_width=2 sampling_ratio=2 half_pixel=0", {ramp, {0, 0, 3, 3}, {0}},
         {0.75f, 2.25f});
  // The largest term of a bilinear sum, not the largest sample.
  expect("roi_align 1x1x2x2 1x4 1:i64 max=1 sampling_ratio=1", {{1, 2, 3, 4}, {0.5f, 0.5f, 1.5f, 1.5f}, {0}},
         {1});
}

TEST_F(Sampling, roi_align_ends_on_rois_that_make_no_sense) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const std::string align = "roi_align 1x1x2x2 1x4 1:i64 sampling_ratio=";
  const Floats x = {1, 1, 1, 1};
  for (const std::string ratio : {"0", "2", "0 max=1"}) {
    SCOPED_TRACE(ratio);
    expect(align + ratio, {x, {nan, 0, 1, 1}, {0}}, {nan});
    expect(align + ratio, {x, {0, 0, inf, 1}, {0}}, {nan});
    expect(align + ratio, {x, {50, 50, 60, 60}, {0}}, {0});
    for (const float far : {1e9f, 1e16f, 1e30f}) {
      const float mean = compute(align + ratio, {x, {-far, -far, far, far}, {0}})[0];
      EXPECT_TRUE(mean >= 0 && mean <= 1) << mean;
    }
    expect(align + "0", {x, {1, 1, -1, -1}, {0}}, {0});
  }
  EXPECT_THROW(compute(align + "0", {x, {0, 0, 1, 1}, {1}}), Error);
  EXPECT_THROW(compute(align + "0", {x, {0, 0, 1, 1}, {-1}}), Error);
}

TEST_F(Sampling, native_resize_is_right_in_every_layout) {
  for (const Layout layout : all_layouts) {
    const std::string name = "resize.native.loop." + std::string(to_string(layout)) + "@cpu";
    for (const char* key :
         {"resize 2x19x13x17 sizes=2x19x26x34",
          "resize 2x19x13x17 sizes=2x19x26x34 place=asymmetric rounding=floor",
          "resize 2x19x13x17 sizes=2x19x26x33 scales=0x0x2x1.95", "resize 1x64x40x40 sizes=1x64x80x80",
          "resize 1x64x40x40 sizes=1x64x80x80 mode=linear", "resize 2x19x13x17 sizes=2x19x26x34 mode=linear",
          "resize 2x19x13x17 sizes=2x19x7x34 mode=linear", "resize 1x32x1x1 sizes=1x32x7x9 mode=linear",
          "resize 1x32x5x5 sizes=1x32x5x9 mode=linear place=align_corners", "resize 1x32x5x5 sizes=1x32x0x9",
          "resize 0x32x5x5 sizes=0x32x5x9 mode=linear"}) {
      expect_right(name, key);
    }
    expect_refused(name, "resize 1x8x5x5 sizes=1x8x9x9 mode=cubic", "nearest or linear");
    expect_refused(name, "resize 1x8x5x5 sizes=1x9x9x9", "spatial axes");
  }
}

}  // namespace
}  // namespace raceline
