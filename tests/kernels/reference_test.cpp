// The reference primitives against results computed by hand: they are what everything else is tested against.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/kernels/common/scalar_math.h"

namespace raceline {
namespace {

using Floats = std::vector<float>;

template <class T>
Tensor filled(const TensorDesc& desc, const std::vector<T>& values) {
  return Tensor::of<T>(desc.shape, values);
}

class Reference : public testing::Test {
 protected:
  /// Runs the layer on row-major operands of any types; an empty tensor is absent.
  std::vector<Tensor> run(std::string_view key, std::vector<Tensor> operands) {
    const LayerDesc layer = LayerDesc::parse(key);
    std::vector<TensorView> views;
    for (const Tensor& operand : operands) views.push_back(operand ? operand.view() : TensorView{});
    return reference_evaluator(registry_, device_)(layer, views);
  }

  /// The first output of a layer whose operands and output are all of type T.
  template <class T = float>
  std::vector<T> compute(std::string_view key, const std::vector<std::vector<T>>& operands) {
    const LayerDesc layer = LayerDesc::parse(key);
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < operands.size(); ++i) {
      const OperandDesc& operand = layer.inputs[i];
      tensors.push_back(operand.present ? filled<T>(operand.desc, operands[i]) : Tensor());
    }
    return values<T>(run(key, std::move(tensors))[0]);
  }

  template <class T>
  static std::vector<T> values(const Tensor& tensor) {
    EXPECT_EQ(tensor.desc().type, data_type_of<T>);
    return std::vector<T>(tensor.data<T>(), tensor.data<T>() + tensor.desc().shape.elements());
  }

  static void expect_near(const Floats& got, const Floats& want, double tolerance = 1e-6) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << "element " << i;
  }

  PrimitiveRegistry registry_ = builtin_primitives();
  CpuDevice device_{Machine::detect()};
};

Floats iota(int count) {
  Floats values;
  for (int i = 1; i <= count; ++i) values.push_back(static_cast<float>(i));
  return values;
}

TEST_F(Reference, conv2d_sums_products_over_the_window) {
  // The 3x3 image 1..9 under the kernel [1 2; 3 4]: 1*1 + 2*2 + 4*3 + 5*4 = 37, and so on.
  EXPECT_EQ(compute("conv2d 1x1x3x3 1x1x2x2 1", {iota(9), iota(4), {0.5f}}),
            (Floats{37.5f, 47.5f, 67.5f, 77.5f}));
}

TEST_F(Reference, conv2d_pads_strides_and_dilates) {
  // Padding at the end only, stride 2: the windows start at 0 and 2.
  EXPECT_EQ(compute("conv2d 1x1x3x3 1x1x2x2 stride=2x2 pads_end=1x1", {iota(9), {1, 1, 1, 1}}),
            (Floats{12, 9, 15, 9}));
  // Dilation 2 joins the four corners.
  EXPECT_EQ(compute("conv2d 1x1x3x3 1x1x2x2 dilation=2x2", {iota(9), {1, 10, 100, 1000}}), (Floats{9731}));
  // Asymmetric padding on the left.
  EXPECT_EQ(compute("conv2d 1x1x1x3 1x1x1x2 pads_begin=0x1", {{1, 2, 3}, {10, 1}}), (Floats{1, 12, 23}));
}

TEST_F(Reference, conv2d_keeps_groups_apart) {
  EXPECT_EQ(compute("conv2d 1x4x1x1 2x2x1x1 group=2", {{1, 2, 3, 4}, {1, 10, 100, 1000}}),
            (Floats{21, 4300}));
}

TEST_F(Reference, epilogue_steps_apply_in_order) {
  const std::vector<Floats> operands = {{1, 2}, {-3}, {2, 9}};
  EXPECT_EQ(compute("conv2d 1x1x1x2 1x1x1x1 1x1x1x2 +add +relu", operands), (Floats{0, 3}));
  EXPECT_EQ(compute("conv2d 1x1x1x2 1x1x1x1 1x1x1x2 +relu +add", operands), (Floats{2, 9}));
}

TEST_F(Reference, conv3d_sums_over_depth) {
  EXPECT_EQ(compute("conv3d 1x1x2x1x2 1x1x2x1x1", {{1, 2, 3, 4}, {1, 10}}), (Floats{31, 42}));
}

TEST_F(Reference, conv_transpose_spreads_each_element) {
  EXPECT_EQ(compute("conv_transpose 1x1x2 1x1x3 1 stride=2", {{1, 10}, {1, 2, 3}, {100}}),
            (Floats{101, 102, 113, 120, 130}));
  EXPECT_EQ(compute("conv_transpose 1x1x2 1x1x3 stride=2 pads_begin=1 pads_end=1 output_padding=1",
                    {{1, 10}, {1, 2, 3}}),
            (Floats{2, 13, 20, 30}));
  EXPECT_EQ(compute("conv_transpose 1x2x1x1 2x1x1x2 group=2", {{1, 10}, {1, 2, 3, 4}}),
            (Floats{1, 2, 30, 40}));
}

TEST_F(Reference, max_pool_gives_maxima_and_their_indices) {
  Tensor x = Tensor::of<float>({1, 2, 2, 3}, Floats{1, 5, 2, 5, 0, -1, -7, -8, -9, -7, -5, -6});
  const auto outputs = run("max_pool 1x2x2x3 kernel=2x2 outputs=2", [&] {
    std::vector<Tensor> operands;
    operands.push_back(with_layout(x.view(), Layout::nchw));
    return operands;
  }());
  EXPECT_EQ(values<float>(outputs[0]), (Floats{5, 5, -5, -5}));
  EXPECT_EQ(values<int64_t>(outputs[1]), (std::vector<int64_t>{1, 1, 10, 10}));
  std::vector<Tensor> operands;
  operands.push_back(std::move(x));
  const auto columns = run("max_pool 1x2x2x3 kernel=2x2 outputs=2 column_major=1", std::move(operands));
  EXPECT_EQ(values<int64_t>(columns[1]), (std::vector<int64_t>{2, 2, 9, 9}));
}

TEST_F(Reference, max_pool_never_takes_padding) {
  EXPECT_EQ(compute("max_pool 1x1x1x2 kernel=1x2 pads_begin=0x1 pads_end=0x1", {{-3, -2}}),
            (Floats{-3, -2, -2}));
  EXPECT_EQ((compute<int8_t>("max_pool 1x1x1x2:i8 kernel=1x2 pads_begin=0x1", {{-128, -2}})),
            (std::vector<int8_t>{-128, -2}));
}

TEST_F(Reference, average_pool_counts_what_it_should) {
  const std::vector<Floats> x = {{3, 6, 9}};
  EXPECT_EQ(compute("average_pool 1x1x3 kernel=2 pads_begin=1", x), (Floats{3, 4.5f, 7.5f}));
  EXPECT_EQ(compute("average_pool 1x1x3 kernel=2 pads_begin=1 include_pad=1", x), (Floats{1.5f, 4.5f, 7.5f}));
  // In ceil mode the last window hangs over the end; what hangs over is never counted.
  EXPECT_EQ(compute("average_pool 1x1x3 kernel=2 stride=2 ceil=1", x), (Floats{4.5f, 9}));
  EXPECT_EQ(compute("average_pool 1x1x3 kernel=2 stride=2 ceil=1 include_pad=1", x), (Floats{4.5f, 9}));
}

TEST_F(Reference, gemm_scales_transposes_and_broadcasts) {
  const Floats a = {1, 2, 3, 4}, b = {5, 6, 7, 8};
  EXPECT_EQ(compute("gemm 2x2 2x2", {a, b}), (Floats{19, 22, 43, 50}));
  EXPECT_EQ(compute("gemm 2x2 2x2 trans_a=1", {a, b}), (Floats{26, 30, 38, 44}));
  EXPECT_EQ(compute("gemm 2x2 2x2 trans_b=1", {a, b}), (Floats{17, 23, 39, 53}));
  EXPECT_EQ(compute("gemm 2x2 2x2 2 alpha=2 beta=0.5", {a, b, {10, 20}}), (Floats{43, 54, 91, 110}));
  EXPECT_EQ(compute("gemm 2x2 2x2 2x1", {a, b, {10, 20}}), (Floats{29, 32, 63, 70}));
  EXPECT_EQ(compute("gemm 2x2 2x2 scalar", {a, b, {1}}), (Floats{20, 23, 44, 51}));
  EXPECT_EQ(compute("gemm 1x2 5x2 trans_b=1", {{1, 10}, iota(10)}), (Floats{21, 43, 65, 87, 109}));
}

TEST_F(Reference, matmul_follows_numpy) {
  EXPECT_EQ(compute("matmul 2 2x2", {{1, 2}, {1, 2, 3, 4}}), (Floats{7, 10}));
  EXPECT_EQ(compute("matmul 2x2 2", {{1, 2, 3, 4}, {1, 2}}), (Floats{5, 11}));
  EXPECT_EQ(compute("matmul 2 2", {{1, 2}, {3, 4}}), (Floats{11}));
  EXPECT_EQ(compute("matmul 2x1x1x2 2x2x1", {{1, 2, 3, 4}, {1, 10, 100, 1000}}),
            (Floats{21, 2100, 43, 4300}));
  EXPECT_EQ((compute<uint8_t>("matmul 1x1:u8 1x1:u8", {{200}, {2}})), (std::vector<uint8_t>{144}));
}

TEST_F(Reference, batch_norm_normalises_each_channel) {
  EXPECT_EQ(compute("batch_norm 1x2x2 2 2 2 2 epsilon=1", {{1, 2, 3, 4}, {2, 4}, {10, 20}, {1, 3}, {3, 15}}),
            (Floats{10, 11, 20, 21}));
}

TEST_F(Reference, lrn_divides_by_the_window_around_a_channel) {
  // size 2: the window is the channel and the one after it. 1 / (1 + (1 + 4) / 2) and so on.
  expect_near(compute("lrn 1x3 size=2 alpha=1 beta=1", {{1, 2, 3}}), {1 / 3.5f, 2 / 7.5f, 3 / 5.5f});
  expect_near(compute("lrn 1x3 size=3 alpha=3 beta=0.5 bias=2", {{1, 2, 3}}),
              {1 / std::sqrt(7.0f), 2 / 4.0f, 3 / std::sqrt(15.0f)});
}

TEST_F(Reference, softmax_sums_to_one_over_its_axes) {
  const float ln2 = std::log(2.0f);
  expect_near(compute("softmax 1x2 first_axis=1 end_axis=2", {{0, ln2}}), {1 / 3.0f, 2 / 3.0f});
  expect_near(compute("softmax 2x2 end_axis=1", {{0, 0, ln2, 0}}), {1 / 3.0f, 0.5f, 2 / 3.0f, 0.5f});
  expect_near(compute("softmax 2x2 end_axis=2", {{0, 0, 0, 0}}), {0.25f, 0.25f, 0.25f, 0.25f});
  expect_near(compute("softmax 1x2 first_axis=1 end_axis=2 log=1", {{0, 1000}}), {-1000, 0});
}

TEST_F(Reference, unary_functions) {
  const Floats x = {-2, 0, 3};
  EXPECT_EQ(compute("unary 3", {x}), (Floats{0, 0, 3}));
  EXPECT_EQ(compute("unary 3 kind=leaky_relu alpha=0.5", {x}), (Floats{-1, 0, 3}));
  EXPECT_EQ(compute("unary 3 kind=clip alpha=-1 beta=2", {x}), (Floats{-1, 0, 2}));
  EXPECT_EQ(compute("unary 3 kind=hard_sigmoid alpha=0.25 beta=0.5", {x}), (Floats{0, 0.5f, 1}));
  EXPECT_EQ(compute("unary 3 kind=hard_swish", {{-3, 0, 3}}), (Floats{0, 0, 3}));
  EXPECT_EQ(compute("unary 3 kind=softsign", {{-1, 0, 3}}), (Floats{-0.5f, 0, 0.75f}));
  EXPECT_EQ(compute("unary 3 kind=sign", {x}), (Floats{-1, 0, 1}));
  EXPECT_EQ(compute("unary 3 kind=reciprocal", {{-2, 4, 1}}), (Floats{-0.5f, 0.25f, 1}));
  EXPECT_EQ(compute("unary 2 kind=floor", {{-1.5f, 1.5f}}), (Floats{-2, 1}));
  EXPECT_EQ(compute("unary 2 kind=ceil", {{-1.5f, 1.5f}}), (Floats{-1, 2}));
  expect_near(compute("unary 3 kind=sigmoid", {{-100, 0, 100}}), {0, 0.5f, 1});
  expect_near(compute("unary 3 kind=softplus", {{-100, 0, 100}}), {0, std::log(2.0f), 100});
  expect_near(compute("unary 2 kind=elu alpha=2", {{-1, 1}}), {2 * (std::exp(-1.0f) - 1), 1});
  expect_near(compute("unary 2 kind=selu alpha=2 beta=3", {{-1, 1}}), {6 * (std::exp(-1.0f) - 1), 3});
  expect_near(compute("unary 2 kind=erf", {{0, 1}}), {0, 0.8427008f});
  EXPECT_EQ((compute<int32_t>("unary 2:i32 kind=neg", {{std::numeric_limits<int32_t>::min(), 5}})),
            (std::vector<int32_t>{std::numeric_limits<int32_t>::min(), -5}));
}

TEST_F(Reference, binary_functions_broadcast) {
  EXPECT_EQ(compute("binary 2x2 2x1 kind=sub", {{1, 2, 3, 4}, {1, 10}}), (Floats{0, 1, -7, -6}));
  EXPECT_EQ(compute("binary 2x1 1x2 kind=mul", {{2, 3}, {5, 7}}), (Floats{10, 14, 15, 21}));
  EXPECT_EQ(compute("binary 2 scalar kind=pow", {{2, 3}, {2}}), (Floats{4, 9}));
  EXPECT_EQ(compute("binary 2 1 kind=prelu", {{-2, 3}, {0.5f}}), (Floats{-1, 3}));
}

TEST_F(Reference, integer_arithmetic_never_traps) {
  constexpr int32_t low = std::numeric_limits<int32_t>::min(), high = std::numeric_limits<int32_t>::max();
  const auto integers = [&](std::string_view kind, std::vector<int32_t> a, std::vector<int32_t> b) {
    const std::string n = std::to_string(a.size());
    return compute<int32_t>("binary " + n + ":i32 " + n + ":i32 kind=" + std::string(kind), {a, b});
  };
  EXPECT_EQ(integers("div", {7, -7, 5, low}, {2, 2, 0, -1}), (std::vector<int32_t>{3, -3, 0, low}));
  EXPECT_EQ(integers("add", {high, 1}, {1, 1}), (std::vector<int32_t>{low, 2}));
  EXPECT_EQ(integers("mul", {65536, -3}, {65536, 5}), (std::vector<int32_t>{0, -15}));
  EXPECT_EQ(integers("pow", {3, 2, -1, 0, 1}, {4, -1, -3, -2, -9}), (std::vector<int32_t>{81, 0, -1, 0, 1}));
  EXPECT_EQ((compute<uint16_t>("binary 1:u16 1:u16 kind=mul", {{65535}, {65535}})),
            (std::vector<uint16_t>{1}));
}

TEST_F(Reference, comparisons_give_bool_and_read_any_byte_as_bool) {
  std::vector<Tensor> numbers;
  numbers.push_back(Tensor::of<float>({3}, Floats{1, 2, std::nanf("")}));
  numbers.push_back(Tensor::of<float>({3}, Floats{1, 3, 1}));
  EXPECT_EQ(values<bool>(run("binary 3 3 kind=equal", std::move(numbers))[0]),
            (std::vector<bool>{true, false, false}));
  std::vector<Tensor> bytes;
  bytes.emplace_back(TensorDesc{DataType::boolean, {2}, Layout::nchw});
  bytes[0].data<uint8_t>()[0] = 7;
  bytes[0].data<uint8_t>()[1] = 0;
  EXPECT_EQ(values<bool>(run("unary 2:bool kind=logical_not", std::move(bytes))[0]),
            (std::vector<bool>{false, true}));
}

TEST_F(Reference, movement_ops) {
  EXPECT_EQ(compute("concat 2x1 2x2 axis=1", {{1, 2}, {3, 4, 5, 6}}), (Floats{1, 3, 4, 2, 5, 6}));
  EXPECT_EQ(compute("reshape 2x3 dims=3x2", {iota(6)}), iota(6));
  EXPECT_EQ(compute("transpose 2x3", {iota(6)}), (Floats{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(compute("transpose 1x2x3 perm=2x0x1", {iota(6)}), (Floats{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(compute("slice 6 start=5 size=3 step=-2", {iota(6)}), (Floats{6, 4, 2}));
  EXPECT_EQ(compute("slice 2x3 start=0x1 size=2x2", {iota(6)}), (Floats{2, 3, 5, 6}));
  EXPECT_EQ(compute("expand 2x1 dims=2x2x2", {{1, 2}}), (Floats{1, 1, 2, 2, 1, 1, 2, 2}));
  EXPECT_EQ(compute("identity 2", {{1, 2}}), (Floats{1, 2}));
}

TEST_F(Reference, pad_modes) {
  EXPECT_EQ(compute("pad 3 begin=1 end=2 value=9", {iota(3)}), (Floats{9, 1, 2, 3, 9, 9}));
  EXPECT_EQ(compute("pad 3 begin=2 end=2 mode=reflect", {iota(3)}), (Floats{3, 2, 1, 2, 3, 2, 1}));
  EXPECT_EQ(compute("pad 3 begin=2 end=1 mode=edge", {iota(3)}), (Floats{1, 1, 1, 2, 3, 3}));
  EXPECT_EQ(compute("pad 3 begin=2 end=4 mode=wrap", {iota(3)}), (Floats{2, 3, 1, 2, 3, 1, 2, 3, 1}));
  EXPECT_EQ(compute("pad 4 begin=-1 end=2 mode=reflect", {iota(4)}), (Floats{2, 3, 4, 3, 2}));
  EXPECT_EQ(compute("pad 1x2 begin=1x0 end=0x0", {{5, 6}}), (Floats{0, 0, 5, 6}));
}

TEST_F(Reference, gather_takes_slices_and_catches_bad_indices) {
  const auto gather = [&](std::vector<int64_t> indices) {
    std::vector<Tensor> operands;
    operands.push_back(Tensor::of<float>({2, 3}, iota(6)));
    operands.push_back(Tensor::of<int64_t>({2}, indices));
    return values<float>(run("gather 2x3 2:i64 axis=1", std::move(operands))[0]);
  };
  EXPECT_EQ(gather({2, -3}), (Floats{3, 1, 6, 4}));
  EXPECT_THROW(gather({0, 3}), Error);
  EXPECT_THROW(gather({-4, 0}), Error);
  EXPECT_THROW(gather({std::numeric_limits<int64_t>::min(), 0}), Error);
}

TEST_F(Reference, cast_saturates_and_truncates) {
  const auto cast = [&](std::string_view to, const Floats& x) {
    std::vector<Tensor> operands;
    operands.push_back(Tensor::of<float>({static_cast<int64_t>(x.size())}, x));
    return run("cast " + std::to_string(x.size()) + " to=" + std::string(to), std::move(operands));
  };
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(values<int32_t>(cast("i32", {-1.9f, 1.9f, 3e9f, -infinity, std::nanf("")})[0]),
            (std::vector<int32_t>{-1, 1, std::numeric_limits<int32_t>::max(),
                                  std::numeric_limits<int32_t>::min(), 0}));
  EXPECT_EQ(values<uint8_t>(cast("u8", {-1, 255, 256, 254.9f})[0]), (std::vector<uint8_t>{0, 255, 255, 254}));
  EXPECT_EQ(values<int64_t>(cast("i64", {0x1p63f, -0x1p63f})[0]),
            (std::vector<int64_t>{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(values<bool>(cast("bool", {0, 0.1f, -2})[0]), (std::vector<bool>{false, true, true}));
}

TEST_F(Reference, shape_of_gives_dimensions) {
  std::vector<Tensor> operands;
  operands.emplace_back(TensorDesc{DataType::f32, {2, 3, 5}, Layout::nchw});
  EXPECT_EQ(values<int64_t>(run("shape_of 2x3x5 start=1 end=3", std::move(operands))[0]),
            (std::vector<int64_t>{3, 5}));
}

TEST_F(Reference, every_pair_of_layouts_has_a_reorder) {
  for (const Layout from : all_layouts) {
    for (const Layout to : all_layouts) {
      if (from == to) continue;
      const LayerDesc layer = LayerDesc::reorder({DataType::i16, {1, 9, 2, 3}, Layout::nchw},
                                                 {{}, from, DataType::i16}, {{}, to, DataType::i16});
      const Primitive& primitive = registry_.reference(layer);
      EXPECT_EQ(primitive.info().input, from);
      EXPECT_EQ(primitive.info().output, to);
    }
  }
}

TEST_F(Reference, reshape_of_one_pixel_is_a_view_in_any_layout) {
  const auto supports = [&](std::string_view name, std::string_view key) {
    return static_cast<bool>(registry_.at(name).supports(LayerDesc::parse(key)));
  };
  constexpr std::string_view nhwc = "reshape.reference.view.nhwc-nchw@cpu";
  constexpr std::string_view blocked = "reshape.reference.view.nchw16c-nchw@cpu";
  EXPECT_TRUE(supports(nhwc, "reshape 2x19x1x1 dims=2x19"));
  EXPECT_FALSE(supports(nhwc, "reshape 2x19x1x2 dims=2x38"));
  EXPECT_FALSE(supports(nhwc, "reshape 2x19 dims=38"));
  EXPECT_TRUE(supports(blocked, "reshape 2x32x1x1 dims=2x32"));
  EXPECT_FALSE(supports(blocked, "reshape 2x24x1x1 dims=2x24"));
  const LayerDesc layer = LayerDesc::parse("reshape 2x32x1x1 dims=2x32");
  EXPECT_EQ(registry_.at(blocked).sharing(layer), Sharing::view);
}

TEST_F(Reference, every_op_has_a_reference_that_stands_first) {
  for (const OpInfo& info : all_ops()) {
    const auto found = std::find_if(registry_.all().begin(), registry_.all().end(),
                                    [&](const auto& primitive) { return primitive->info().op == info.op; });
    ASSERT_NE(found, registry_.all().end()) << info.name;
    EXPECT_EQ((*found)->info().library, "reference") << info.name;
  }
}

TEST_F(Reference, a_refusal_has_a_reason) {
  const Support support = registry_.at("reorder.reference.loop.nchw-nhwc@cpu")
                              .supports(LayerDesc::parse("reorder 1x8x2x2 from=cpu:nchw to=cpu:nhwc:f16"));
  EXPECT_FALSE(support);
  EXPECT_NE(support.why().find("the type changes"), std::string::npos) << support.why();
}

}  // namespace
}  // namespace raceline
