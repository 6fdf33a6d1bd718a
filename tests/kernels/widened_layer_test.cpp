// Layers of 16-bit floats: computed in f32, rounded once.
#include <cmath>

#include <gtest/gtest.h>

#include "raceline/base/random.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/tensor/half.h"

namespace raceline {
namespace {

template <class T>
Tensor tensor_of(const Shape& shape, const std::vector<double>& values) {
  Tensor tensor({data_type_of<T>, shape});
  for (size_t i = 0; i < values.size(); ++i) tensor.data<T>()[i] = T(values[i]);
  return tensor;
}

class WidenedLayer : public testing::Test {
 protected:
  Tensor run(std::string_view key, std::span<const Tensor> operands) {
    return std::move(
        reference_evaluator(registry_, device_)(LayerDesc::parse(key), views_of(operands)).at(0));
  }
  template <class T>
  std::vector<double> compute(std::string_view key, const std::vector<std::vector<double>>& operands) {
    const LayerDesc layer = LayerDesc::parse(key);
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < operands.size(); ++i) {
      tensors.push_back(tensor_of<T>(layer.inputs[i].desc.shape, operands[i]));
    }
    const Tensor y = run(key, tensors);
    EXPECT_EQ(y.desc().type, data_type_of<T>);
    std::vector<double> values;
    for (int64_t i = 0; i < y.desc().shape.elements(); ++i)
      values.push_back(static_cast<double>(y.data<T>()[i]));
    return values;
  }

  PrimitiveRegistry registry_ = builtin_primitives();
  CpuDevice device_{Machine::detect()};
};

using Values = std::vector<double>;

TEST_F(WidenedLayer, sums_are_not_rounded_on_the_way) {
  // In f16 a sum of ones ends at 2048, in bf16 at 256.
  const Values ones(4096, 1);
  EXPECT_EQ(compute<Half>("gemm 1x4096:f16 4096x1:f16", {ones, ones}), (Values{4096}));
  EXPECT_EQ(compute<BFloat16>("gemm 1x4096:bf16 4096x1:bf16", {ones, ones}), (Values{4096}));
  EXPECT_EQ(compute<Half>("average_pool 1x1x4096:f16 kernel=4096", {ones}), (Values{1}));
}

TEST_F(WidenedLayer, an_epilogue_is_applied_before_the_result_is_rounded) {
  // 2048 + 1 is a tie that goes to 2048; with the residual it is 2050.
  EXPECT_EQ(compute<Half>("gemm 1x2:f16 2x1:f16", {{2048, 1}, {1, 1}}), (Values{2048}));
  EXPECT_EQ(compute<Half>("gemm 1x2:f16 2x1:f16 1x1:f16 +add", {{2048, 1}, {1, 1}, {1}}), (Values{2050}));
}

TEST_F(WidenedLayer, what_is_too_large_for_the_type_is_infinite) {
  EXPECT_EQ(compute<Half>("binary 1:f16 1:f16 kind=mul", {{300}, {300}}), (Values{HUGE_VAL}));
  EXPECT_EQ(compute<BFloat16>("binary 1:bf16 1:bf16 kind=mul", {{300}, {300}}), (Values{90112}));
}

TEST_F(WidenedLayer, sums_products_and_quotients_are_correctly_rounded) {
  constexpr uint64_t seed = 11;
  Random random(seed);
  constexpr int count = 20000;
  Values a, b;
  for (int i = 0; i < count; ++i) {
    // Ties come of operands with few digits, so half of them have few.
    const double digits = i % 2 == 0 ? 32 : 1e6;
    a.push_back(static_cast<double>(Half(std::nearbyint(random.uniform(-1, 1) * digits) / 32)));
    b.push_back(static_cast<double>(Half((1 + random.below(2000)) * 0x1p-7)));
  }
  for (const auto& [kind, exact] :
       {std::pair<std::string, double (*)(double, double)>{"add", [](double x, double y) { return x + y; }},
        {"sub", [](double x, double y) { return x - y; }},
        {"mul", [](double x, double y) { return x * y; }},
        {"div", [](double x, double y) { return x / y; }}}) {
    const Values got = compute<Half>("binary 20000:f16 20000:f16 kind=" + kind, {a, b});
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(got[i], static_cast<double>(Half(exact(a[i], b[i])))) << kind << ' ' << a[i] << ' ' << b[i];
    }
  }
}

TEST_F(WidenedLayer, comparisons_give_bool) {
  std::vector<Tensor> operands;
  operands.push_back(tensor_of<Half>({3}, {1, 2, 3}));
  operands.push_back(tensor_of<Half>({3}, {2, 2, 2}));
  const Tensor y = run("binary 3:f16 3:f16 kind=greater_equal", operands);
  ASSERT_EQ(y.desc().type, DataType::boolean);
  EXPECT_FALSE(y.data<bool>()[0]);
  EXPECT_TRUE(y.data<bool>()[1] && y.data<bool>()[2]);
}

TEST_F(WidenedLayer, constants_are_held_widened) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x1x2x2:f16 1x1x1x1:f16* 1:f16*");
  const Primitive& primitive = registry_.reference(layer);
  const Tensor weights = tensor_of<Half>({1, 1, 1, 1}, {2}), bias = tensor_of<Half>({1}, {0.5});
  const std::vector<TensorView> constants = {{}, weights.view(), bias.view()};
  const auto kernel = primitive.prepare(layer, {constants, device_, 1});
  EXPECT_TRUE(kernel->reads_constant(0));
  EXPECT_FALSE(kernel->reads_constant(1) || kernel->reads_constant(2));
  EXPECT_EQ(kernel->packed_bytes(), 2 * sizeof(float));
}

TEST_F(WidenedLayer, every_half_goes_through_a_cast_and_back) {
  Tensor all({DataType::f16, {0x10000}});
  for (int bits = 0; bits < 0x10000; ++bits) all.data<uint16_t>()[bits] = static_cast<uint16_t>(bits);
  const Tensor wide = run("cast 65536:f16 to=f64", {&all, 1});
  const Tensor back = run("cast 65536:f64 to=f16", {&wide, 1});
  for (int bits = 0; bits < 0x10000; ++bits) {
    const double value = wide.data<double>()[bits];
    ASSERT_EQ(value != value, (bits & 0x7FFF) > 0x7C00);
    if (value == value) {
      ASSERT_EQ(back.data<uint16_t>()[bits], bits);
    }
  }
}

TEST_F(WidenedLayer, a_cast_rounds_once_from_any_type) {
  // By way of f32 the first would become a tie, and go to 1.
  const Tensor doubles = tensor_of<double>({2}, {1 + 0x1p-11 + 0x1p-40, 65519.9999});
  const Tensor halves = run("cast 2:f64 to=f16", {&doubles, 1});
  EXPECT_EQ(halves.data<Half>()[0].bits(), 0x3C01);
  EXPECT_EQ(halves.data<Half>()[1].bits(), 0x7BFF);
  const int64_t integer = (int64_t{1} << 60) + (int64_t{1} << 52) + 1;
  const Tensor integers = Tensor::of<int64_t>({1}, std::span(&integer, 1));
  EXPECT_EQ(run("cast 1:i64 to=bf16", {&integers, 1}).data<BFloat16>()[0].bits(), 0x5D81);
  const Tensor large = tensor_of<Half>({2}, {-3.7, 300});
  const Tensor bytes = run("cast 2:f16 to=i8", {&large, 1});
  EXPECT_EQ(bytes.data<int8_t>()[0], -3);
  EXPECT_EQ(bytes.data<int8_t>()[1], 127);
}

}  // namespace
}  // namespace raceline
