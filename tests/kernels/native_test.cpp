// Raceline's own CPU kernels: shapes that reach every path, tails of blocks and tiles included.
#include <cmath>
#include <cstring>

#include "raceline/kernels/common/elementwise.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/slice.h"
#include "raceline/kernels/native/transpose_tiles.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

class Native : public ::testing::Test, protected PrimitiveBench {
 protected:
  /// "<op>.native.<algorithm>.<layout>@cpu" in every layout.
  void expect_right_in_all_layouts(const std::string& prefix, std::initializer_list<const char*> keys) {
    for (const Layout layout : all_layouts) {
      for (const char* key : keys) expect_right(prefix + "." + std::string(to_string(layout)) + "@cpu", key);
    }
  }
};

TEST_F(Native, UnaryIsRightForEveryKindOfNumbersInEveryLayout) {
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::sign); ++kind) {
    UnaryParams params{static_cast<UnaryKind>(kind)};
    if (params.kind == UnaryKind::clip) params.beta = 0.5f, params.alpha = 0.1f;
    if (params.kind == UnaryKind::elu || params.kind == UnaryKind::leaky_relu) params.alpha = 0.3f;
    if (params.kind == UnaryKind::selu) params.alpha = 1.67f, params.beta = 1.05f;
    if (params.kind == UnaryKind::hard_sigmoid) params.alpha = 0.2f, params.beta = 0.5f;
    const LayerDesc layer =
        LayerDesc::make(OpKind::unary, params, {{.desc = {DataType::f32, {2, 19, 5, 7}}}});
    expect_right_in_all_layouts("unary.native.loop", {layer.key().c_str()});
  }
  expect_right("unary.native.loop.nchw@cpu", "unary 3x50001 kind=tanh");
}

TEST_F(Native, ExponentialsAreRightFarFromZeroAndNearIt) {
  const std::pair<UnaryKind, double (*)(double)> functions[] = {
      {UnaryKind::exp, [](double x) { return std::exp(x); }},
      {UnaryKind::tanh, [](double x) { return std::tanh(x); }},
      {UnaryKind::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }}};
  for (const auto& [kind, exact] : functions) {
    for (double magnitude = 1e-6; magnitude < 300; magnitude *= 1.37) {
      for (const double sign : {-1.0, 1.0}) {
        const auto x = static_cast<float>(sign * magnitude);
        float y = 0;
        unary_span({kind}, &x, &y, 1);
        const double want = exact(x);
        if (static_cast<float>(want) == INFINITY) {
          EXPECT_EQ(y, INFINITY);
        } else {
          EXPECT_NEAR(y, want, 4e-7 * std::abs(want) + 1.5e-45) << to_string(kind) << " of " << x;
        }
      }
    }
    float y = 0;
    const float nan = NAN;
    unary_span({kind}, &nan, &y, 1);
    EXPECT_TRUE(std::isnan(y)) << to_string(kind);
  }
}

TEST_F(Native, BinaryIsRightForEveryBroadcastThatItTakes) {
  expect_right_in_all_layouts(
      "binary.native.loop",
      {"binary 2x19x5x7 2x19x5x7", "binary 2x19x5x7 2x19x5x7* kind=sub", "binary 2x19x5x7* 2x19x5x7 kind=sub",
       "binary 2x19x5x7 1x19x1x1 kind=sub", "binary 1x19x1x1 2x19x5x7 kind=sub",
       "binary 2x19x5x7 19x1x1* kind=mul", "binary 2x19x5x7 2x19x1x1 kind=mul",
       "binary 2x19x1x1 2x19x5x7 kind=sub", "binary 2x19x5x7 scalar kind=sub",
       "binary 1x1x1x1 2x19x5x7 kind=sub", "binary 1* 2x19x5x7 kind=div", "binary 2x19x5x7 2x19x5x7 kind=max",
       "binary 2x19x5x7 1x19x1x1* kind=prelu", "binary 2x19x5x7 2x19x5x7 2x19x5x7 +add +relu",
       "binary 2x19x5x7 2x19x5x7 +relu", "binary 2x19x5x7 2x19x5x7 +sigmoid",
       "binary 3x32x40x40 3x32x1x1 kind=mul", "binary 1x32x40x40 32x1x1 kind=mul"});
  for (const char* key : {"binary 7x33 33", "binary 33 7x33 kind=sub", "binary 4x5x6x7 7 kind=div",
                          "binary 4x5x6x7 6x7", "binary 4x5x6x7 5x1x1 kind=sub", "binary 2x3x4x5x6 1x3x4x1x1",
                          "binary scalar scalar", "binary 0x3 3"}) {
    expect_right("binary.native.loop.nchw@cpu", key);
  }
  expect_refused("binary.native.loop.nchw@cpu", "binary 4x1 1x5", "reference's");
  expect_refused("binary.native.loop.nchw@cpu", "binary 2x3x4 2x1x4", "reference's");
  expect_refused("binary.native.loop.nhwc@cpu", "binary 2x19x5x7 7", "reference's");
  expect_refused("binary.native.loop.nchw8c@cpu", "binary 2x19x5x7 19x1x1", "whole blocks");
  expect_refused("binary.native.loop.nchw@cpu", "binary 4 4 kind=less", "bool");
}

TEST_F(Native, BatchNormIsRightWithConstantAndWithOtherTables) {
  expect_right_in_all_layouts("batch_norm.native.loop",
                              {"batch_norm 2x19x5x7 19* 19* 19* 19*", "batch_norm 2x19x5x7 19 19* 19* 19",
                               "batch_norm 1x32x20x20 32* 32* 32* 32* +relu",
                               "batch_norm 1x19x3x3 19* 19* 19* 19* 1x19x3x3 +add +sigmoid"});
  expect_right("batch_norm.native.loop.nchw@cpu", "batch_norm 5x6 6* 6* 6* 6*");
  expect_right("batch_norm.native.loop.nchw@cpu", "batch_norm 2x6x3x4x5 6* 6* 6* 6*");
}

TEST_F(Native, PoolsAreRightAtBordersAndInCeilMode) {
  for (const char* op : {"max_pool", "average_pool"}) {
    for (const char* layer :
         {" 2x19x9x11 kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1", " 1x19x9x11 kernel=2x2 stride=2x2",
          " 1x19x10x12 kernel=3x3 stride=2x2 ceil=1", " 1x32x9x9 kernel=3x3 pads_begin=1x1 pads_end=1x1",
          " 1x130x7x7 kernel=7x7", " 1x19x6x5 kernel=2x4 stride=3x1 pads_begin=1x2 pads_end=0x3 ceil=1",
          " 1x5x1x40 kernel=1x5 stride=1x3"}) {
      expect_right_in_all_layouts(std::string(op) + ".native.loop", {(op + std::string(layer)).c_str()});
    }
  }
  expect_right_in_all_layouts(
      "average_pool.native.loop",
      {"average_pool 1x19x9x11 kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1 include_pad=1",
       "average_pool 1x19x10x12 kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1 ceil=1 include_pad=1"});
  expect_right("average_pool.native.global.nchw@cpu", "average_pool 2x19x7x5 kernel=7x5");
  expect_refused("average_pool.native.global.nchw@cpu", "average_pool 2x19x7x5 kernel=5x5", "not the image");
  expect_refused("max_pool.native.loop.nhwc@cpu", "max_pool 1x3x8x8 kernel=2x2 outputs=2", "f32 only");
}

TEST_F(Native, LrnIsRightForEvenAndOddAndHugeWindows) {
  expect_right_in_all_layouts(
      "lrn.native.loop", {"lrn 2x19x5x7", "lrn 1x40x17x19 size=5 alpha=0.01 beta=0.75 bias=2",
                          "lrn 1x19x3x3 size=4 alpha=1 beta=0.5", "lrn 1x5x3x3 size=1000 alpha=10 beta=1.5",
                          "lrn 1x1x3x3 size=1 alpha=2"});
}

TEST_F(Native, SoftmaxIsRightOverAnyAxes) {
  for (const char* key :
       {"softmax 3x1000 first_axis=1 end_axis=2", "softmax 2x19x5x7 first_axis=1 end_axis=2",
        "softmax 2x19x5x7 first_axis=1 end_axis=4", "softmax 2x19x150 first_axis=1 end_axis=2 log=1",
        "softmax 3x10 first_axis=1 end_axis=2 log=1", "softmax 7", "softmax 4x3 first_axis=0 end_axis=1"}) {
    expect_right("softmax.native.loop.nchw@cpu", key);
  }
}

TEST_F(Native, ConcatCopiesEveryOperandToItsPlace) {
  expect_right_in_all_layouts("concat.native.copy",
                              {"concat 2x16x5x7 2x32x5x7 2x16x5x7 axis=1", "concat 1x16x5x7 1x19x5x7 axis=1",
                               "concat 1x64x40x40 1x64x40x40 axis=1", "concat 2x9x5x7 axis=1"});
  for (const char* key : {"concat 2x3x4 2x3x5 axis=2", "concat 3 4", "concat 2x3x4x5 2x7x4x5 axis=1",
                          "concat 2x0x4 2x3x4 axis=1", "concat 0x3 0x4 axis=1"}) {
    expect_right("concat.native.copy.nchw@cpu", key);
  }
  expect_right("concat.native.copy.nhwc@cpu", "concat 2x3x4x5 2x7x4x5 axis=1");
  expect_refused("concat.native.copy.nchw16c@cpu", "concat 2x3x4x5 2x16x4x5 axis=1", "whole blocks");
  expect_refused("concat.native.copy.nhwc@cpu", "concat 2x3x4x5 2x3x4x5 axis=2", "channels only");
  expect_right("concat.native.in_place.nchw@cpu", "concat 1x3x4x5 1x7x4x5 axis=1");
  expect_right("concat.native.in_place.nchw@cpu", "concat 2x3x4x5 5x3x4x5 axis=0");
  expect_right("concat.native.in_place.nchw16c@cpu", "concat 1x16x4x5 1x7x4x5 axis=1");
  expect_refused("concat.native.in_place.nchw@cpu", "concat 2x3x4x5 2x7x4x5 axis=1", "no one piece");
  expect_refused("concat.native.in_place.nchw8c@cpu", "concat 1x3x4x5 1x8x4x5 axis=1", "whole blocks");
}

TEST_F(Native, PadFillsBordersAndKeepsPaddedChannelsZero) {
  expect_right_in_all_layouts("pad.native.copy", {"pad 2x19x5x7 begin=0x0x1x2 end=0x0x3x0 value=1.5",
                                                  "pad 1x19x5x7 begin=0x0x0x1 end=0x0x0x1"});
  expect_refused("pad.native.copy.nchw@cpu", "pad 2x19x5x7 begin=0x1x0x0 end=0x0x0x0", "spatial axes");
}

TEST_F(Native, ReordersAreExactForEveryTail) {
  for (const Layout from : all_layouts) {
    for (const Layout to : all_layouts) {
      const bool both_blocked = block_of(from) > 1 && block_of(to) > 1;
      if (from == to || both_blocked) continue;
      const bool nchw = from == Layout::nchw || to == Layout::nchw;
      const std::string name = "reorder.native." + std::string(nchw ? "transpose." : "copy.") +
                               std::string(to_string(from)) + "-" + std::string(to_string(to)) + "@cpu";
      for (const Shape& shape :
           {Shape{1, 64, 56, 56}, Shape{2, 19, 5, 7}, Shape{1, 3, 33, 31}, Shape{1, 16, 4, 4},
            Shape{3, 8, 1, 1}, Shape{1, 1, 9, 9}, Shape{2, 130, 3, 43}, Shape{1, 17, 1, 257}}) {
        const LayerDesc layer = LayerDesc::reorder({DataType::f32, shape}, {.layout = from}, {.layout = to});
        expect_right(name, layer.key());
      }
    }
  }
}

TEST_F(Native, TransposesSwapGroupsOfAxes) {
  for (const char* key :
       {"transpose 65x33 perm=1x0", "transpose 2x19x5x7 perm=0x2x3x1", "transpose 2x5x7x19 perm=0x3x1x2",
        "transpose 2x3x40x19 perm=0x1x3x2", "transpose 2x3x8x5x7 perm=0x2x1x3x4",
        "transpose 1x40x1x3 perm=3x0x1x2", "transpose 3x4x5 perm=0x1x2", "transpose 0x4 perm=1x0"}) {
    expect_right("transpose.native.tiles.nchw@cpu", key);
  }
  expect_refused("transpose.native.tiles.nchw@cpu", "transpose 3x4x5 perm=2x1x0", "no swap");
}

TEST(TransposeTiles, MatchesThePlainLoopForAllSmallExtents) {
  for (int64_t rows = 1; rows <= 35; ++rows) {
    for (int64_t columns = 1; columns <= 35; columns += rows % 3 + 1) {
      const int64_t from_stride = columns + 2, to_stride = rows + 3;
      std::vector<float> from(static_cast<size_t>(rows * from_stride));
      for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) + 1;
      std::vector<float> want(static_cast<size_t>(columns * to_stride), -1.0f);
      std::vector<float> got = want;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < columns; ++c) {
          want[static_cast<size_t>(c * to_stride + r)] = from[static_cast<size_t>(r * from_stride + c)];
        }
      }
      transpose(from.data(), from_stride, got.data(), to_stride, rows, columns);
      ASSERT_EQ(got, want) << rows << " x " << columns;
    }
  }
}

TEST(SliceOf, CoverEverythingOnceInWholeGrains) {
  for (const int64_t count : {0, 1, 15, 16, 17, 100, 1000}) {
    for (const int64_t parts : {1, 2, 3, 7}) {
      int64_t next = 0;
      for (int64_t index = 0; index < parts; ++index) {
        const Slice slice = slice_of(count, index, parts, 16);
        EXPECT_EQ(slice.first, next);
        EXPECT_TRUE(slice.last % 16 == 0 || slice.last == count);
        next = slice.last;
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(SharedEpilogue, AppliesItsStepsInOrderOnSlicesOfAnySize) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x3x6x5 19x3x1x1* 1x19x6x5 +add +clip(-0.5,0.5) +sigmoid");
  for (const Layout layout : all_layouts) {
    const TensorDesc desc = layer.outputs[0].with(layout);
    const Epilogue epilogue(layer, layout);
    Tensor output(desc), residual(desc);
    const int64_t count = desc.stored_elements();
    for (int64_t i = 0; i < count; ++i) {
      output.data<float>()[i] = std::sin(static_cast<float>(i));
      residual.data<float>()[i] = std::cos(static_cast<float>(3 * i));
    }
    clear_padding(desc, output.data<float>(), 0, count);
    clear_padding(desc, residual.data<float>(), 0, count);
    const Tensor before = with_layout(output.view(), Layout::nchw);
    const Tensor added = with_layout(residual.view(), Layout::nchw);
    for (int64_t first = 0; first < count; first += 37) {
      epilogue.apply(output.data<float>(), residual.data<float>(), first, std::min(first + 37, count));
    }
    const Tensor after = with_layout(output.view(), Layout::nchw);
    for (int64_t i = 0; i < after.desc().shape.elements(); ++i) {
      const float sum = before.data<float>()[i] + added.data<float>()[i];
      const float want = 1 / (1 + std::exp(-std::min(0.5f, std::max(-0.5f, sum))));
      EXPECT_NEAR(after.data<float>()[i], want, 1e-6f) << to_string(layout);
    }
    // Sigmoid makes 0.5 of the zeros in padded channels, which must be zero again: the way back shows it.
    const Tensor back = with_layout(after.view(), layout);
    EXPECT_EQ(std::memcmp(back.data<float>(), output.data<float>(), desc.bytes()), 0) << to_string(layout);
  }
}

}  // namespace
}  // namespace raceline
