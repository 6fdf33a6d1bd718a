// The shape rule of every op: what it gives, and what it refuses and says.
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {
namespace {

struct Rule {
  const char* layer;
  const char* output;
};

class ShapeRule : public testing::TestWithParam<Rule> {};

TEST_P(ShapeRule, GivesTheOutput) {
  std::string outputs;
  for (const TensorDesc& output : LayerDesc::parse(GetParam().layer).outputs) {
    outputs += fmt::format("{}{}", outputs.empty() ? "" : " ", output.to_string());
  }
  EXPECT_EQ(outputs, GetParam().output) << GetParam().layer;
}

constexpr Rule rules[] = {
    {"conv2d 1x3x224x224 64x3x7x7* stride=2x2 pads_begin=3x3 pads_end=3x3", "1x64x112x112"},
    {"conv2d 2x32x14x14 32x1x3x3* 32* group=32 pads_begin=1x1 pads_end=1x1", "2x32x14x14"},
    {"conv2d 1x4x9x9 8x4x3x3* dilation=2x3", "1x8x5x3"},
    {"conv2d 1x4x9x9 8x4x2x2* stride=2x2 pads_end=1x1", "1x8x5x5"},
    {"conv2d 0x3x8x8 4x3x3x3*", "0x4x6x6"},
    {"conv2d 1x3x8x8:f64 4x3x3x3:f64*", "1x4x6x6:f64"},
    {"conv2d 1x8x7x7 8x8x3x3* 8* 1x8x5x5 +add +relu", "1x8x5x5"},
    {"conv3d 1x3x8x9x10 4x3x3x3x3* stride=1x2x3", "1x4x6x4x3"},
    {"conv_transpose 1x8x5x5 8x4x3x3* stride=2x2 pads_begin=1x1 pads_end=1x1 output_padding=1x1",
     "1x4x10x10"},
    {"conv_transpose 1x8x5 8x4x3* group=2 stride=3", "1x8x15"},
    {"conv_transpose 1x2x3x3x3 2x4x2x2x2* dilation=2x1x1", "1x4x5x4x4"},
    {"conv2d_max_pool 1x3x224x224 64x3x3x3* pads_begin=1x1 pads_end=1x1 window=2x2", "1x64x112x112"},
    {"conv2d_max_pool 1x3x9x11 4x3x3x3* 4* 1x4x3x3 window=2x3 +add", "1x4x3x3"},
    {"conv2d_max_pool 2x3x9x11 4x3x3x3*", "2x4x7x9"},
    {"max_pool 1x64x112x112 kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1", "1x64x56x56"},
    {"max_pool 1x3x6x6 kernel=2x2 stride=2x2 outputs=2", "1x3x3x3 1x3x3x3:i64"},
    {"max_pool 1x3x7 kernel=3 stride=2 ceil=1", "1x3x3"},
    {"max_pool 1x3x8 kernel=3 stride=2 ceil=1", "1x3x4"},
    {"max_pool 1x3x8:u8 kernel=3 dilation=2", "1x3x4:u8"},
    // A window that would start in the padding at the end is dropped.
    {"max_pool 1x1x2x2 kernel=1x1 stride=2x2 ceil=1", "1x1x1x1"},
    {"average_pool 1x1x3x3 kernel=2x2 stride=3x3 pads_end=1x1 ceil=1", "1x1x1x1"},
    {"average_pool 1x1x4 kernel=2 stride=3 pads_begin=1 pads_end=1 ceil=1", "1x1x2"},
    {"average_pool 1x1x2 kernel=3 stride=2 ceil=1", "1x1x1"},
    {"average_pool 1x2x4x4x4 kernel=2x2x2 dilation=2x2x2", "1x2x2x2x2"},
    {"average_pool 1x512x7x7 kernel=7x7 include_pad=1", "1x512x1x1"},
    {"gemm 1x512 512x1000* 1000*", "1x1000"},
    {"gemm 512x4 1000x512* trans_a=1 trans_b=1", "4x1000"},
    {"gemm 4x3 3x5* 4x1* beta=2", "4x5"},
    {"gemm 4x3:i32 3x5:i32 scalar:i32", "4x5:i32"},
    {"matmul 3 3", "scalar"},
    {"matmul 2x3 3", "2"},
    {"matmul 3 3x2", "2"},
    {"matmul 7x1x4x3 5x3x2", "7x5x4x2"},
    {"batch_norm 2x3x4x4 3* 3* 3* 3*", "2x3x4x4"},
    {"lrn 1x8x4x4 size=3", "1x8x4x4"},
    {"softmax 1x1000 first_axis=1 end_axis=2 log=1", "1x1000"},
    {"unary 3x4:i64 kind=abs", "3x4:i64"},
    {"unary 3:bool kind=logical_not", "3:bool"},
    {"binary 8x1x6x1 7x1x5", "8x7x6x5"},
    {"binary 0x3 1x3", "0x3"},
    {"binary 3:i32 3:i32 kind=less", "3:bool"},
    {"binary 3:bool 1:bool kind=logical_or", "3:bool"},
    {"binary 2x3x4 3x1 kind=prelu", "2x3x4"},
    {"concat 1x3x4 1x5x4 1x1x4 axis=1", "1x9x4"},
    {"concat 2:i64 axis=-1", "2:i64"},
    {"reshape 2x3x4 dims=6x4", "6x4"},
    {"reshape 1x1", "scalar"},
    {"reshape 0x3 dims=5x0", "5x0"},
    {"transpose 2x3x4", "4x3x2"},
    {"transpose 2x3x4 perm=0x2x1", "2x4x3"},
    {"slice 4x10 start=0x9 size=4x5 step=1x-2", "4x5"},
    {"slice 4x10 size=4x0", "4x0"},
    {"gather 5x6x7 2x3:i64 axis=1", "5x2x3x7"},
    {"gather 5 scalar:i32", "scalar"},
    {"pad 2x3 begin=0x1 end=1x-2 value=7", "3x2"},
    {"pad 2x3 begin=1x2 end=1x2 mode=reflect", "4x7"},
    {"pad 2x3 begin=9x0 mode=wrap", "11x3"},
    {"cast 3x4 to=i64", "3x4:i64"},
    {"expand 3x1 dims=2x3x4", "2x3x4"},
    {"shape_of 3x4x5 start=1 end=3", "2:i64"},
    {"identity 3:bool", "3:bool"},
    {"reduce 2x3x4", "1x1x1"},
    {"reduce 2x3x4 kind=mean axes=-1x0 keep_dims=0", "3"},
    {"reduce scalar kind=max", "scalar"},
    {"reduce 2x0x4 kind=min axes=1", "2x1x4"},
    {"reduce 3:bool kind=max", "1:bool"},
    {"arg_reduce 2x3x4 axis=-1", "2x3x1:i64"},
    {"arg_reduce 2x3x4:u8 axis=1 keep_dims=0", "2x4:i64"},
    {"arg_reduce 0x3 axis=1", "0x1:i64"},
    {"top_k 2x9 k=3 axis=1 outputs=2", "2x3 2x3:i64"},
    {"top_k 2x9:i32 k=0 axis=1", "2x0:i32"},
    {"cum_sum 2x3:i32 axis=-1", "2x3:i32"},
    {"where 3x1:bool 4:i8 2x1x1:i8", "2x3x4:i8"},
    {"gather_elements 5x6 3x9:i64 axis=1", "3x9"},
    {"gather_elements 5x6:bool 9x6:i32", "9x6:bool"},
    {"gather_nd 5x6x7 4x2:i64", "4x7"},
    {"gather_nd 5x6x7 2:i64", "7"},
    {"gather_nd 5x6x7 5x3x1:i32 batch_dims=1", "5x3x7"},
    {"scatter_elements 5x6:i8 2x3:i64 2x3:i8 axis=1", "5x6:i8"},
    {"scatter_nd 5x6x7 4x2:i64 4x7 reduction=add", "5x6x7"},
    {"scatter_nd 5x6 2:i64 scalar", "5x6"},
    {"compress 5x6 4:bool axis=1 outputs=2", "5x4 2:i64"},
    {"non_zero 2x3x4:bool outputs=2", "3x24:i64 2:i64"},
    {"non_max_suppression 2x9x4 2x3x9 most=5 outputs=2", "30x3:i64 2:i64"},
    {"non_max_suppression 2x9x4 2x3x9", "54x3:i64"},
    {"resize 1x3x8x8 sizes=1x3x16x12", "1x3x16x12"},
    {"resize 1x3x8x8:i8 mode=linear", "1x3x8x8:i8"},
    {"resize 3:bool sizes=6 scales=2.1", "6:bool"},
    {"resize 4x5 sizes=2x7 scales=0.6x0 mode=cubic antialias=1", "2x7"},
    {"resize 4x5 sizes=0x7 scales=0.1x0", "0x7"},
    {"resize scalar mode=linear", "scalar"},
    {"grid_sample 2x3x8x9 2x5x6x2", "2x3x5x6"},
    {"grid_sample 2x3x7x8x9:f64 2x4x5x6x3 mode=cubic padding=reflection align_corners=1", "2x3x4x5x6:f64"},
    {"roi_align 2x3x8x9 5x4 5:i64 out_height=2 out_width=3", "5x3x2x3"},
    {"roi_align 2x3x8x9 0x4 0:i64", "0x3x1x1"},
    {"reorder 1x3x8x8 from=cpu:nchw to=opencl:nchw16c", "1x3x8x8"},
    {"reorder 3:i64 from=cpu:nchw:i64 to=cpu:nchw:i64", "3:i64"},
};
INSTANTIATE_TEST_SUITE_P(Table, ShapeRule, testing::ValuesIn(rules));

class Refusal : public testing::TestWithParam<Rule> {};

TEST_P(Refusal, SaysWhatWasGivenAndWanted) {
  try {
    const LayerDesc layer = LayerDesc::parse(GetParam().layer);
    FAIL() << GetParam().layer << " gives " << layer.outputs[0].to_string();
  } catch (const ParseError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().output), std::string::npos) << error.what();
  }
}

constexpr Rule refusals[] = {
    {"reduce 2x3 axes=2", "axis 2 of a tensor of 2 dimensions"},
    {"reduce 2x3 axes=0x-2", "an axis is given twice"},
    {"reduce 2x3:bool", "numbers wanted"},
    {"reduce 2x3 kind=median", "no reduction"},
    {"arg_reduce 2x0 axis=1", "is empty"},
    {"arg_reduce 2:bool", "numbers wanted"},
    {"top_k 2x3 k=4 axis=1", "k=4: 0 to 3 wanted"},
    {"top_k 2x3 k=-1 axis=1", "k=-1"},
    {"cum_sum scalar", "axis 0 of a tensor of 0 dimensions"},
    {"where 3 3 3", "type bool wanted"},
    {"where 3:bool 3 3:i32", "type f32 wanted"},
    {"where 3:bool 4 4", "do not broadcast"},
    {"gather_elements 5x6 6x6:i64 axis=1", "leave axis 0"},
    {"gather_elements 5x0 2x3:i64 axis=1", "leave axis 1"},
    {"gather_elements 5x6 5:i64", "2 dimensions wanted"},
    {"gather_elements 5x6 5x6", "type i32 or i64 wanted"},
    {"gather_nd 5x6 4x3:i64", "do not fit"},
    {"gather_nd 5x6 4x0:i64", "do not fit"},
    {"gather_nd 5x6 4x1:i64 batch_dims=1", "do not fit"},
    {"gather_nd 5x6 5x1:i64 batch_dims=-1", "batch_dims=-1"},
    {"gather_nd 5x6 5x1:i64 batch_dims=2", "batch_dims=2"},
    {"gather_nd 0x6 4x1:i64", "no index is valid"},
    {"gather_nd scalar 1:i64", "1 to 8 dimensions wanted"},
    {"scatter_elements 5x6 2x3:i64 3x2", "updates is 3x2; 2x3 wanted"},
    {"scatter_elements 5x6 2x3:i64 2x3:i8", "type f32 wanted"},
    {"scatter_nd 5x6:bool 2:i64 scalar:bool reduction=max", "numbers wanted"},
    {"scatter_nd 5x6 4x1:i64 4", "updates is 4; 4x6 wanted"},
    {"scatter_nd 5x6 4x1:i64 4x6 reduction=sum", "no reduction of a scatter"},
    {"compress 5x6 6:bool", "at most the 5 elements"},
    {"compress 5x6 5", "type bool wanted"},
    {"non_zero scalar", "1 to 8 dimensions wanted"},
    {"non_max_suppression 2x9x5 2x3x9", "x 4 and images"},
    {"non_max_suppression 2x9x4 2x3x8", "x 4 and images"},
    {"non_max_suppression 2x9x4 2x3x9 most=-1", "most=-1"},
    {"non_max_suppression 2x9x4 2x3x9 iou_threshold=nan", "not a number"},
    {"resize 1x3x8x8 sizes=1x3x16", "sizes has 3 values; 4 wanted"},
    {"resize 1x3x8x8 sizes=1x3x16x-1", "each must be from 0"},
    {"resize 4x0 sizes=4x1", "axis 1 of input 4x0 is empty and cannot grow"},
    {"resize 4 sizes=8 scales=3", "scale 3 of axis 0 of input 4 does not lead to 8 elements"},
    {"resize 4 sizes=8 scales=-2", "does not lead to"},
    {"resize 4 sizes=8 scales=1x1", "2 scales for input 4"},
    {"resize 4 place=tf_crop_and_resize roi=0x1x2", "a start, then an end of each axis"},
    {"resize 4:bool sizes=8 mode=linear", "input is 4:bool; numbers wanted"},
    {"resize 4 sizes=8 mode=spline", "'spline' is no interpolation; wanted one of nearest, linear, cubic"},
    {"resize 4 sizes=8 place=corner", "'corner' is no place"},
    {"resize 4 sizes=8 rounding=up", "'up' is no rounding"},
    {"grid_sample 2x3x8x9 1x5x6x2", "2 images and 2 numbers for each place wanted"},
    {"grid_sample 2x3x8x9 2x5x6x3", "2 images and 2 numbers for each place wanted"},
    {"grid_sample 2x3x8x9 2x5x2", "grid is 2x5x2; 4 dimensions wanted"},
    {"grid_sample 2x3 2x2", "input is 2x3; 3 to 8 dimensions wanted"},
    {"grid_sample 2x3x0x9 2x5x6x2", "no element to sample"},
    {"grid_sample 2x3x8x9 2x5x6x2 padding=wrap", "'wrap' is no padding of a grid"},
    {"roi_align 2x3x8x9 5x3 5:i64", "rois is 5x3; 5x4 wanted"},
    {"roi_align 2x3x8x9 5x4 4:i64", "images is 4:i64; 5 wanted"},
    {"roi_align 2x3x8x9 5x4 5:i32", "images are 5:i32; i64 wanted"},
    {"roi_align 2x3x8x9 5x4 5:i64 out_width=0", "each must be from 1"},
    {"roi_align 2x3x8x9 5x4 5:i64 sampling_ratio=2000", "sampling_ratio=2000: each must be from 0 to 1024"},
    {"conv2d 1x3x8x8", "1 operands given; 2 to 3 wanted"},
    {"conv2d 1x3x8x8 - 3", "operand 1 (weights) is missing"},
    {"conv2d 1x3x8 4x3x3x3", "4 dimensions wanted"},
    {"conv2d 1x3x8x8 4x2x3x3", "does not fit weights"},
    {"conv2d 1x4x8x8 4x2x3x3 group=0", "group=0"},
    {"conv2d 1x4x8x8 3x2x3x3 group=2", "3 output channels in 2 groups"},
    {"conv2d 1x3x8x8 4x3x3x3 3", "bias is 3; 4 wanted"},
    {"conv2d 1x3x8x8 4x3x3x3:f64", "type f32 wanted"},
    {"conv2d 1x3x8x8:i8 4x3x3x3:i8", "a floating-point type wanted"},
    {"conv2d 1x3x2x8 4x3x3x3", "the kernel covers 3 elements of spatial axis 0, which has 2"},
    {"conv2d 1x3x8x8 4x3x3x3 stride=0x1", "stride=0x1: each must be from 1"},
    {"conv2d 1x3x8x8 4x3x3x3 stride=1", "stride has 1 values; 2 wanted"},
    {"conv2d 1x3x8x8 4x3x3x3 dilation=-1x1", "dilation=-1x1"},
    {"conv2d 1x3x8x8 4x3x3x3 pads_begin=9223372036854775807x0", "pads_begin="},
    {"conv2d 1x3x8x8 4x3x3x3 pads_end=1073741824x1073741824", "more than 2^40 elements"},
    {"conv2d 1x3x8x8 0x3x3x3", "without channels"},
    {"conv2d 1x3x8x8 4x3x0x3", "the kernel=0x3"},
    {"conv2d 1x3x8x8 4x3x3x3 1x4x8x8 +add", "the residual is 1x4x8x8; 1x4x6x6 wanted"},
    {"conv2d 1x3x8x8 4x3x3x3 1x4x6x6 +add +add", "two residuals"},
    {"conv2d 1x3x8x8 4x3x3x3 +logical_not", "type bool wanted"},
    {"conv3d 1x3x8x8 4x3x3x3", "5 dimensions wanted"},
    {"conv_transpose 1x8x5x5 4x8x3x3", "want 4 input channels"},
    {"conv_transpose 1x8x5x5 8x4x3x3 pads_begin=4x4 pads_end=4x4", "the pads leave -1 elements"},
    {"conv_transpose 1x8x5x5 8x4x3x3 group=9223372036854775807", "its channels in"},
    {"conv_transpose 1x1x1099511627776 1x1x1 stride=1073741824", "empty or too long"},
    {"conv2d_max_pool 1x3x8x8 4x3x3x3 window=7x2",
     "the window covers 7 results of spatial axis 0, which has 6"},
    {"conv2d_max_pool 1x3x8x8 4x3x3x3 window=0x2", "window=0x2"},
    {"conv2d_max_pool 1x3x8x8 4x3x3x3 window=2", "window has 1 values; 2 wanted"},
    {"conv2d_max_pool 1x3x8 4x3x3 window=2", "4 dimensions wanted"},
    {"conv2d_max_pool 1x3x8x8 4x3x3x3 1x4x6x6 window=2x2 +add", "the residual is 1x4x6x6; 1x4x3x3 wanted"},
    {"max_pool 1x3x8x8", "kernel has 0 values; 2 wanted"},
    {"max_pool 1x3x8x8 kernel=3x0", "kernel=3x0"},
    {"max_pool 1x3x8x8 kernel=3x9", "covers 9 elements of spatial axis 1, which has 8"},
    {"max_pool 1x3x8x8 kernel=2x2 pads_begin=2x2", "outside the image"},
    {"max_pool 1x3x8x8 kernel=2x2 outputs=3", "3 outputs asked for"},
    {"max_pool 1x3 kernel=2", "3 to 5 dimensions wanted"},
    {"max_pool 1x3x4:bool kernel=2", "numbers wanted"},
    {"average_pool 1x3x8x8 kernel=2x2 outputs=2", "2 outputs asked for; 1 to 1 possible"},
    {"average_pool 1x3x8x8:i8 kernel=2x2", "a floating-point type wanted"},
    {"gemm 2x3 4x5", "3 against 4"},
    {"gemm 2x3 3x5 4", "broadcasts to 2x5 wanted"},
    {"gemm 2x3x1 3x5", "2 dimensions wanted"},
    {"matmul scalar 3", "1 to 8 dimensions wanted"},
    {"matmul 2x4x3 3x3x5", "do not broadcast"},
    {"batch_norm 2x3x4 3 3 3 4", "variance is 4; 3 wanted"},
    {"batch_norm 3 3 3 3 3", "2 to 8 dimensions wanted"},
    {"batch_norm 2x3 3 3 3", "4 operands given; 5 to 5 wanted"},
    {"lrn 1x3x4 size=0", "size=0"},
    {"lrn 1x3x4 alpha=nan", "alpha is not a number"},
    {"softmax 3x4 first_axis=1 end_axis=3", "axes 1 to 3"},
    {"softmax scalar", "axes 0 to 1"},
    {"unary 3:i64 kind=exp", "a floating-point type wanted"},
    {"unary 3 kind=clip alpha=nan", "alpha is not a number"},
    {"binary 3x4 3", "4 against 3"},
    {"binary 3 3:f64", "type f32 wanted"},
    {"binary 3 3 kind=logical_and", "type bool wanted"},
    {"binary 3:bool 3:bool", "numbers wanted"},
    {"binary 3 2x3 kind=prelu", "broadcasts to 3 wanted"},
    {"concat 3x4 3x5", "differ along axis 1"},
    {"concat 3x4 3x4x1", "2 dimensions wanted"},
    {"concat 3x4 axis=2", "axis 2 of a tensor of 2"},
    {"concat 3x4 axis=-3", "axis -3"},
    {"concat scalar", "axis 0 of a tensor of 0"},
    {"reshape 3x4 dims=5x2", "12 elements; 5x2 has 10"},
    {"reshape 3x4 dims=-3x-4", "a dimension is negative"},
    {"transpose 3x4 perm=0x0", "perm=0x0"},
    {"transpose 3x4 perm=0x1x2", "no order of the axes"},
    {"slice 3x4 step=0x1", "a step of 0"},
    {"slice 3x4 start=1x0", "leave axis 0"},
    {"slice 3x4 start=0x0 size=3x4 step=1099511627776x1", "leave axis 0"},
    {"slice 3x4 size=3", "size has 1 values; 2 wanted"},
    {"gather 3x4 2", "type i32 or i64 wanted"},
    {"gather 0x4 2:i64", "is empty"},
    {"pad 3 begin=-2 end=-2", "remove more than axis 0"},
    {"pad 3 begin=3 mode=reflect", "cannot be reflected"},
    {"pad 0 begin=1 mode=edge", "no element to pad from"},
    {"pad 3 begin=9223372036854775807 end=9223372036854775807", "begin="},
    {"expand 3 dims=4", "does not broadcast to 4"},
    {"expand 3x1 dims=3", "does not broadcast to 3"},
    {"shape_of 3x4 start=1 end=3", "dimensions 1 to 3"},
    {"shape_of 3x4 start=-1 end=1", "dimensions -1 to 1"},
    {"reorder 3x4 to=cpu:nhwc", "layout nhwc does not exist for 3x4"},
    {"reorder 3:i64", "does not come from cpu:nchw"},
    {"reorder 3 +relu", "takes no epilogue"},
    {"expand 1 dims=1048576x1048576x2", "more than 2^40 elements"},
};
INSTANTIATE_TEST_SUITE_P(Table, Refusal, testing::ValuesIn(refusals));

TEST(OpTable, HasARowForEveryOpInTheirOrder) {
  std::set<std::string_view> names;
  for (size_t index = 0; index < all_ops().size(); ++index) {
    const OpInfo& info = all_ops()[index];
    EXPECT_EQ(static_cast<size_t>(info.op), index);
    EXPECT_EQ(parse_op(info.name), info.op);
    names.insert(info.name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(OpKind::reorder) + 1);
}

TEST(OpTable, NamesTheNearestOps) {
  try {
    parse_op("conv2");
    FAIL();
  } catch (const ParseError& error) {
    EXPECT_NE(std::string(error.what()).find("conv2d"), std::string::npos);
  }
}

TEST(Kinds, NamesAreReadBack) {
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::logical_not); ++kind) {
    EXPECT_EQ(parse_unary_kind(to_string(static_cast<UnaryKind>(kind))), static_cast<UnaryKind>(kind));
  }
  for (int kind = 0; kind <= static_cast<int>(BinaryKind::logical_xor); ++kind) {
    EXPECT_EQ(parse_binary_kind(to_string(static_cast<BinaryKind>(kind))), static_cast<BinaryKind>(kind));
  }
  for (int mode = 0; mode <= static_cast<int>(PadMode::wrap); ++mode) {
    EXPECT_EQ(parse_pad_mode(to_string(static_cast<PadMode>(mode))), static_cast<PadMode>(mode));
  }
  EXPECT_THROW(parse_unary_kind("relo"), ParseError);
  EXPECT_THROW(parse_binary_kind(""), ParseError);
  EXPECT_THROW(parse_pad_mode("mirror"), ParseError);
}

/// Every rule answers or refuses, whatever it is given: numbers at the edges of their types, operands of any
/// rank and type, absent ones. Undefined behaviour is for the sanitizers to see.
TEST(ShapeRules, TakeAnyParametersAndOperands) {
  constexpr uint64_t seed = 20240117;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Random random(seed);
  constexpr int64_t limits[] = {std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::max(),
                                int64_t{1} << 40,
                                int64_t{1} << 31,
                                -(int64_t{1} << 31),
                                int64_t{1} << 30,
                                -1,
                                0};
  const auto any_int = [&] { return random.below(3) == 0 ? limits[random.below(8)] : random.below(7) - 1; };
  const auto set = [&](std::string_view, auto& field) {
    using Field = std::remove_reference_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, std::vector<int64_t>>) {
      field.clear();
      for (int64_t left = random.below(5); left > 0; --left) field.push_back(any_int());
    } else if constexpr (std::is_same_v<Field, int64_t>) {
      field = any_int();
    } else if constexpr (std::is_same_v<Field, bool>) {
      field = random.below(2) == 1;
    }
  };
  int answered = 0;
  int refused = 0;
  for (int round = 0; round < 100000; ++round) {
    const OpInfo& info = all_ops()[static_cast<size_t>(random.below(static_cast<int64_t>(all_ops().size())))];
    std::vector<TensorDesc> descs(static_cast<size_t>(1 + random.below(5)));
    std::vector<const TensorDesc*> operands;
    const int64_t rank = random.below(7);
    for (TensorDesc& desc : descs) {
      std::vector<int64_t> dims(static_cast<size_t>(random.below(4) == 0 ? random.below(7) : rank));
      for (int64_t& dim : dims) dim = random.below(4);
      if (!dims.empty() && random.below(10) == 0) dims.back() = int64_t{1} << random.below(31);
      desc.shape = Shape(dims);
      if (random.below(12) == 0) desc.type = static_cast<DataType>(random.below(13));
      operands.push_back(random.below(20) == 0 ? nullptr : &desc);
    }
    OpParams params = info.defaults;
    if (random.below(4) > 0) std::visit([&](auto& p) { visit_fields(p, set); }, params);
    try {
      info.normalise(params, operands);
      const auto outputs = info.infer(params, operands);
      ASSERT_FALSE(outputs.empty());
      EXPECT_GE(info.flops(params, operands, outputs), 0);
      ++answered;
    } catch (const GraphError&) {
      ++refused;
    }
  }
  EXPECT_GT(answered, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace raceline
