// Bounds, operands, and whether a check finds what is wrong.
#include "raceline/profile/accuracy.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/profile/error_bound.h"
#include "raceline/profile/sampled_outputs.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

const PrimitiveRegistry& builtin() {
  static const PrimitiveRegistry registry = builtin_primitives();
  return registry;
}

Tensor tensor_of(const Shape& shape, std::vector<float> elements) {
  return Tensor::of<float>(shape, elements);
}

TEST(RelativeError, IsTheLargestDifferenceOverTheLargestWanted) {
  const Tensor got = tensor_of({4}, {1, 2, 3, -8.5f});
  const Tensor want = tensor_of({4}, {1, 2.25f, 3, -8});
  EXPECT_DOUBLE_EQ(relative_error(got.view(), want.view()), 0.5 / 8);
  EXPECT_EQ(relative_error(want.view(), want.view()), 0);
}

TEST(RelativeError, OfALoneSumIsHeldToTheSizeOfItsTerms) {
  EXPECT_DOUBLE_EQ(relative_error(tensor_of({1}, {0.5f}).view(), tensor_of({1}, {0.25f}).view(), 8),
                   0.25 / 8);
  // 4 - 3 + 0 + 0: the terms' magnitudes sum to 7, over the root of their number.
  std::vector<Tensor> operands;
  operands.push_back(tensor_of({4}, {4, -3, 0, 1}));
  operands.push_back(tensor_of({4}, {1, 1, 1, 0}));
  CpuDevice device(Machine::detect());
  EXPECT_DOUBLE_EQ(usual_size(builtin(), device, LayerDesc::parse("matmul 4 4"), operands), 7 / std::sqrt(4));
  EXPECT_EQ(usual_size(builtin(), device, LayerDesc::parse("binary 4 4"), operands), 0);
}

TEST(RelativeError, ComparesLogicalElementsInAnyLayout) {
  const LayerDesc layer = LayerDesc::parse("unary 2x5x3x2");
  const Tensor plain = std::move(random_operands(layer, 5)[0]);
  for (const Layout layout : all_layouts) {
    const Tensor other = with_layout(plain.view(), layout);
    EXPECT_EQ(relative_error(other.view(), plain.view()), 0) << to_string(layout);
    Tensor changed = with_layout(plain.view(), layout);
    changed.data<float>()[element_offset(changed.desc(), 1, 4, 2, 1)] += 1;
    EXPECT_GT(relative_error(changed.view(), plain.view()), 0.1) << to_string(layout);
  }
}

TEST(ErrorBound, ResultsOf16BitsMayBeRoundedToTheirType) {
  const auto bound = [](std::string_view key) {
    const LayerDesc layer = LayerDesc::parse(key);
    return error_bound(builtin().reference(layer), layer);
  };
  const double plain = bound("binary 8 8 kind=mul");
  EXPECT_DOUBLE_EQ(bound("binary 8:f16 8:f16 kind=mul"), plain + 0x1p-11);
  EXPECT_DOUBLE_EQ(bound("binary 8:bf16 8:bf16 kind=mul"), plain + 0x1p-8);
  // What chooses an element or moves it rounds nothing, unless a limit may lie between two numbers.
  EXPECT_EQ(bound("binary 8:f16 8:f16 kind=max"), 0);
  EXPECT_EQ(bound("transpose 2x3:f16"), 0);
  EXPECT_EQ(bound("unary 8:f16 kind=clip alpha=0.1 beta=1"), 0x1p-11);
}

TEST(RelativeError, NotANumberOnOneSideIsInfinite) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Tensor one = tensor_of({3}, {1, nan, infinity});
  EXPECT_EQ(relative_error(one.view(), one.view()), 0);
  for (const std::vector<float>& other :
       {std::vector<float>{1, 2, infinity}, {1, nan, -infinity}, {1, nan, 5}}) {
    const Tensor two = tensor_of({3}, other);
    EXPECT_TRUE(std::isinf(relative_error(one.view(), two.view())));
    EXPECT_TRUE(std::isinf(relative_error(two.view(), one.view())));
  }
  // A finite error found later does not hide it.
  EXPECT_TRUE(std::isinf(relative_error(tensor_of({2}, {nan, 2}).view(), tensor_of({2}, {1, 1}).view())));
}

TEST(RelativeError, OfZerosIsTheDifference) {
  EXPECT_EQ(relative_error(tensor_of({2}, {0, 0.5f}).view(), tensor_of({2}, {0, 0}).view()), 0.5);
}

TEST(ErrorBound, GrowsWithTheSumAndIsZeroForCopies) {
  const Primitive& conv = *builtin().candidates(LayerDesc::parse("conv2d 1x64x8x8 16x64x3x3*")).at(0);
  const double small = error_bound(conv, LayerDesc::parse("conv2d 1x4x8x8 16x4x3x3*"));
  const double large = error_bound(conv, LayerDesc::parse("conv2d 1x64x8x8 16x64x3x3*"));
  EXPECT_GT(small, 0);
  EXPECT_NEAR(large / small, 4, 0.1);
  EXPECT_LT(large, 2e-5);
  EXPECT_EQ(additions(LayerDesc::parse("concat 1x2x4x4 1x3x4x4 axis=1")), 0);
  EXPECT_EQ(additions(LayerDesc::parse("max_pool 1x2x4x4 kernel=3x3")), 0);
  EXPECT_EQ(additions(LayerDesc::parse("average_pool 1x2x4x4 kernel=3x3")), 9);
}

TEST(RandomOperands, HaveTheMomentsTheyPromise) {
  const LayerDesc layer = LayerDesc::parse("conv2d 2x64x32x32 64x64x3x3*");
  const std::vector<Tensor> operands = random_operands(layer, 11);
  const auto moments = [](const Tensor& tensor) {
    double sum = 0, squares = 0;
    const int64_t count = tensor.desc().stored_elements();
    for (int64_t i = 0; i < count; ++i) {
      sum += tensor.data<float>()[i];
      squares += std::pow(tensor.data<float>()[i], 2);
    }
    return std::pair{sum / static_cast<double>(count), squares / static_cast<double>(count)};
  };
  const auto [mean, variance] = moments(operands[0]);
  EXPECT_NEAR(mean, 0, 0.02);
  EXPECT_NEAR(variance, 1, 0.03);
  EXPECT_NEAR(moments(operands[1]).second * 64 * 9 / 2, 1, 0.05);
}

TEST(RandomOperands, RepeatBySeedAndDifferByIt) {
  const LayerDesc layer = LayerDesc::parse("binary 3x4 3x4");
  const auto first = random_operands(layer, 1), same = random_operands(layer, 1),
             other = random_operands(layer, 2);
  EXPECT_EQ(relative_error(first[0].view(), same[0].view()), 0);
  EXPECT_GT(relative_error(first[0].view(), other[0].view()), 0);
  EXPECT_GT(relative_error(first[0].view(), first[1].view()), 0);
}

TEST(RandomOperands, StayInRange) {
  const std::vector<Tensor> gather = random_operands(LayerDesc::parse("gather 5x3 40:i64"), 3);
  for (int i = 0; i < 40; ++i) {
    EXPECT_GE(gather[1].data<int64_t>()[i], -5);
    EXPECT_LT(gather[1].data<int64_t>()[i], 5);
  }
  const std::vector<Tensor> norm = random_operands(LayerDesc::parse("batch_norm 1x9x2x2 9* 9* 9* 9*"), 3);
  for (int i = 0; i < 9; ++i) EXPECT_GT(norm[4].data<float>()[i], 0);
  const std::vector<Tensor> roots = random_operands(LayerDesc::parse("unary 40 kind=sqrt"), 3);
  for (int i = 0; i < 40; ++i) EXPECT_GT(roots[0].data<float>()[i], 0);
}

TEST(RandomOperands, AreAsSparseAsTheirClass) {
  const Tensor weights = std::move(random_operands(LayerDesc::parse("conv2d 1x16x4x4 16x16x3x3*3"), 3)[1]);
  int nonzero = 0;
  for (int i = 0; i < 2304; ++i) nonzero += weights.data<float>()[i] != 0 ? 1 : 0;
  EXPECT_LE(nonzero, 2304 / 8);
  EXPECT_GT(nonzero, 2304 / 8 - 10);
}

TEST(SampledOutputs, AgreeWithTheWholeReference) {
  CpuDevice device{Machine{}};
  for (const char* key :
       {"conv2d 2x6x9x11 8x3x3x2* 8* stride=2x1 dilation=1x2 pads_begin=1x2 pads_end=0x3 group=2",
        "conv2d 1x5x7x7 4x5x3x3* 4* 1x4x7x7 pads_begin=1x1 pads_end=1x1 +add +relu",
        "conv2d 1x5x7x7 4x5x3x3* pads_begin=1x1 pads_end=1x1 +sigmoid",
        "conv2d_max_pool 2x5x9x8 4x5x3x3* 4* 2x4x4x2 pads_begin=1x1 pads_end=1x1 window=2x3 +add +relu",
        "gemm 5x7 7x6* 6*", "gemm 7x5 6x7* 5x1* alpha=0.5 beta=2 trans_a=1 trans_b=1 +relu",
        "gemm 4x9 9x3*"}) {
    SCOPED_TRACE(key);
    const LayerDesc layer = LayerDesc::parse(key);
    ASSERT_TRUE(can_be_sampled(layer));
    const std::vector<Tensor> operands = random_operands(layer, 9);
    const Tensor whole = std::move(reference_outputs_f64(builtin(), device, layer, operands).at(0));
    std::vector<int64_t> positions(static_cast<size_t>(whole.desc().stored_elements()));
    std::iota(positions.begin(), positions.end(), 0);
    const std::vector<double> sampled = sampled_outputs(builtin(), device, layer, operands, positions);
    for (size_t i = 0; i < positions.size(); ++i)
      ASSERT_NEAR(sampled[i], whole.data<double>()[i], 1e-12) << i;
  }
}

TEST(SampledOutputs, PositionsHoldAllCornersAndLieInside) {
  const Shape shape{2, 33, 14, 14};
  const std::vector<int64_t> positions = sample_positions(shape, 2000, 1);
  EXPECT_GT(positions.size(), 1000u);
  EXPECT_LE(positions.size(), 2016u);
  EXPECT_GE(positions.front(), 0);
  EXPECT_EQ(positions.back(), shape.elements() - 1);
  EXPECT_TRUE(std::is_sorted(positions.begin(), positions.end()));
  for (const int64_t n : {0, 1}) {
    for (const int64_t c : {0, 32}) {
      for (const int64_t hw : {0, 13, 13 * 14, 195}) {
        EXPECT_TRUE(std::binary_search(positions.begin(), positions.end(), (n * 33 + c) * 196 + hw));
      }
    }
  }
  EXPECT_TRUE(sample_positions({3, 0}, 2000, 1).empty());
}

TEST(ReferenceOutputs, AreInDoublePrecisionForFloatsAndExactForOthers) {
  CpuDevice device{Machine{}};
  const LayerDesc floats = LayerDesc::parse("softmax 2x7 first_axis=1 end_axis=2");
  EXPECT_EQ(reference_outputs_f64(builtin(), device, floats, random_operands(floats, 1)).at(0).desc().type,
            DataType::f64);
  const LayerDesc whole = LayerDesc::parse("binary 2x7:i64 2x7:i64");
  EXPECT_EQ(reference_outputs_f64(builtin(), device, whole, random_operands(whole, 1)).at(0).desc().type,
            DataType::i64);
}

class CheckTest : public testing::Test {
 protected:
  CheckResult check(Behaviour behaviour, Layout layout = Layout::nchw) {
    PrimitiveRegistry registry;
    registry.add(std::make_unique<StandIn>(
        stand_in_info(OpKind::unary, "reference", Layout::nchw, Layout::nchw), pretence, 1));
    registry.add(std::make_unique<StandIn>(stand_in_info(OpKind::unary, "mine", layout, layout), pretence, 1,
                                           behaviour));
    return check_primitive(registry, device, *registry.all()[1], LayerDesc::parse("unary 1x5x3x3"));
  }
  Pretence pretence;
  CpuDevice device{Machine{}};
};

TEST_F(CheckTest, RightPrimitivePassesInEveryUnblockedLayout) {
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const CheckResult result = check(Behaviour::right, layout);
    EXPECT_EQ(result.why, "");
    EXPECT_EQ(result.error, 0);
  }
}

TEST_F(CheckTest, WrongMissingAndStrayElementsAreFound) {
  EXPECT_GT(check(Behaviour::wrong_at_end).error, 0.1);
  EXPECT_TRUE(std::isinf(check(Behaviour::skips_element).error));
  EXPECT_NE(check(Behaviour::overruns).why.find("past the end"), std::string::npos);
  EXPECT_EQ(check(Behaviour::fails).why, "out of luck");
  EXPECT_EQ(check(Behaviour::refuses).why, "the library refuses after all");
}

TEST_F(CheckTest, PaddedChannelsMustBeZero) {
  // The stand-in writes logical elements only: 5 of 8 channels.
  EXPECT_NE(check(Behaviour::right, Layout::nchw8c).why.find("padded channels"), std::string::npos);
}

TEST(CheckPrimitive, LargeLayersAreSampledAndStillChecked) {
  CpuDevice device{Machine{}};
  const LayerDesc layer =
      LayerDesc::parse("conv2d 1x64x28x28 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1 +relu");
  ASSERT_GT(layer.flops(), CheckOptions{}.whole_below_flops);
  const Primitive& reference = builtin().reference(layer);
  const CheckResult result = check_primitive(builtin(), device, reference, layer);
  EXPECT_EQ(result.why, "");
  EXPECT_GT(result.error, 0);
  EXPECT_LT(result.error, error_bound(reference, layer));
}

}  // namespace
}  // namespace raceline
