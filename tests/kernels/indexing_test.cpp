// The reference primitives that reduce, gather, scatter and choose, against results computed by hand.
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
using Ints = std::vector<int64_t>;
constexpr float infinite = std::numeric_limits<float>::infinity();
const float nan = std::nanf("");

class Indexing : public testing::Test {
 protected:
  template <class... Operands>
  std::vector<Tensor> run(std::string_view key, const Operands&... operands) {
    const LayerDesc layer = LayerDesc::parse(key);
    std::vector<Tensor> tensors;
    (tensors.push_back(
         Tensor::of(layer.inputs[tensors.size()].desc.shape, std::span(operands.data(), operands.size()))),
     ...);
    std::vector<TensorView> views;
    for (size_t i = 0; i < tensors.size(); ++i) {
      views.push_back({layer.inputs[i].desc, tensors[i].view().memory});
    }
    return reference_evaluator(registry_, device_)(layer, views);
  }
  template <class T>
  static std::vector<T> values(const Tensor& tensor) {
    return std::vector<T>(tensor.data<T>(), tensor.data<T>() + tensor.desc().shape.elements());
  }
  template <class T = float, class... Operands>
  std::vector<T> first(std::string_view key, const Operands&... operands) {
    return values<T>(run(key, operands...)[0]);
  }

  PrimitiveRegistry registry_ = builtin_primitives();
  CpuDevice device_{Machine::detect()};
};

TEST_F(Indexing, reduce_joins_what_lies_along_the_axes) {
  const Floats x = {1, 2, 3, -4, 5, 6};
  EXPECT_EQ(first("reduce 2x3 axes=0", x), (Floats{-3, 7, 9}));
  EXPECT_EQ(first("reduce 2x3 axes=1 kind=mean", x), (Floats{2, 7.0f / 3}));
  EXPECT_EQ(first("reduce 2x3 kind=prod", x), (Floats{-720}));
  EXPECT_EQ(first("reduce 2x3 axes=1 kind=l1", x), (Floats{6, 15}));
  EXPECT_EQ(first("reduce 2x3 axes=0 kind=sum_square", x), (Floats{17, 29, 45}));
  EXPECT_EQ(first("reduce 1x2 kind=l2", Floats{3, -4}), (Floats{5}));
  EXPECT_FLOAT_EQ(first("reduce 2 kind=log_sum", Floats{1, 2})[0], std::log(3.0f));
  // Exponentials of these overflow.
  EXPECT_FLOAT_EQ(first("reduce 2 kind=log_sum_exp", Floats{1000, 1000})[0], 1000 + std::log(2.0f));
  EXPECT_TRUE(std::isnan(first("reduce 3 kind=max", Floats{1, nan, 2})[0]));
}

TEST_F(Indexing, reduce_of_nothing_gives_the_neutral_element) {
  EXPECT_EQ(first("reduce 1x0 axes=1", Floats{}), (Floats{0}));
  EXPECT_EQ(first("reduce 1x0 axes=1 kind=prod", Floats{}), (Floats{1}));
  EXPECT_EQ(first("reduce 1x0 axes=1 kind=max", Floats{}), (Floats{-infinite}));
  EXPECT_EQ(first("reduce 1x0 axes=1 kind=log_sum_exp", Floats{}), (Floats{-infinite}));
  EXPECT_TRUE(std::isnan(first("reduce 1x0 axes=1 kind=mean", Floats{})[0]));
  EXPECT_EQ(first<int32_t>("reduce 1x0:i32 axes=1 kind=min", std::vector<int32_t>{}),
            (std::vector<int32_t>{INT32_MAX}));
  EXPECT_EQ(first<int32_t>("reduce 1x0:i32 axes=1 kind=mean", std::vector<int32_t>{}),
            (std::vector<int32_t>{0}));
}

TEST_F(Indexing, reduce_of_integers_wraps_and_does_not_saturate) {
  EXPECT_EQ(first<int64_t>("reduce 2:i64", Ints{INT64_MAX, 1}), (Ints{INT64_MIN}));
  EXPECT_EQ(first<int64_t>("reduce 2:i64 kind=l1", Ints{INT64_MIN, 1}), (Ints{INT64_MIN + 1}));
  EXPECT_EQ(first<int64_t>("reduce 2:i64 kind=mean", Ints{-3, 0}), (Ints{-1}));
  EXPECT_EQ(first<int64_t>("reduce 1:i64 kind=l2", Ints{-5}), (Ints{5}));
  // Any byte but 0 is true.
  EXPECT_EQ(first<uint8_t>("reduce 2:bool kind=max", std::vector<uint8_t>{0, 7}), (std::vector<uint8_t>{1}));
}

TEST_F(Indexing, arg_reduce_and_top_k_take_the_first_of_equal_ones) {
  const Floats x = {2, 5, 5, 1, nan, 9};
  EXPECT_EQ(first<int64_t>("arg_reduce 2x3 axis=1", x), (Ints{1, 1}));
  EXPECT_EQ(first<int64_t>("arg_reduce 2x3 axis=1 last=1", x), (Ints{2, 1}));
  EXPECT_EQ(first<int64_t>("arg_reduce 2x3 axis=1 smallest=1", x), (Ints{0, 0}));
  const auto top = run("top_k 6 k=4 outputs=2", Floats{5, 1, 5, 9, 5, 0});
  EXPECT_EQ(values<float>(top[0]), (Floats{9, 5, 5, 5}));
  EXPECT_EQ(values<int64_t>(top[1]), (Ints{3, 0, 2, 4}));
  const auto least = run("top_k 3x2 k=2 smallest=1 outputs=2", Floats{3, 1, 2, 2, 3, 1});
  EXPECT_EQ(values<float>(least[0]), (Floats{2, 1, 3, 1}));
  EXPECT_EQ(values<int64_t>(least[1]), (Ints{1, 0, 0, 2}));
  EXPECT_EQ(values<int64_t>(run("top_k 4 k=4 outputs=2", Floats{1, nan, infinite, nan})[1]),
            (Ints{1, 3, 2, 0}));
}

TEST_F(Indexing, cum_sum_runs_both_ways) {
  const Floats x = {1, 2, 3};
  EXPECT_EQ(first("cum_sum 3", x), (Floats{1, 3, 6}));
  EXPECT_EQ(first("cum_sum 3 exclusive=1", x), (Floats{0, 1, 3}));
  EXPECT_EQ(first("cum_sum 3 reverse=1", x), (Floats{6, 5, 3}));
  EXPECT_EQ(first("cum_sum 3 reverse=1 exclusive=1", x), (Floats{5, 3, 0}));
}

TEST_F(Indexing, where_broadcasts) {
  EXPECT_EQ(first("where 2:bool 2x1 scalar", std::vector<uint8_t>{2, 0}, Floats{1, 2}, Floats{9}),
            (Floats{1, 9, 2, 9}));
}

TEST_F(Indexing, gathers_count_from_the_end_and_refuse_what_lies_outside) {
  const Floats x = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(first("gather_elements 2x3 1x3:i64", x, Ints{-1, 0, 1}), (Floats{4, 2, 6}));
  EXPECT_EQ(first("gather_nd 2x3 2x2:i64", x, Ints{-1, -1, 0, 1}), (Floats{6, 2}));
  EXPECT_EQ(first("gather_nd 2x3 2x1:i64 batch_dims=1", x, Ints{2, 0}), (Floats{3, 4}));
  for (const int64_t outside : {int64_t{2}, int64_t{-3}, INT64_MAX, INT64_MIN}) {
    EXPECT_THROW(run("gather_elements 2x3 1x1:i64", x, Ints{outside}), Error) << outside;
    EXPECT_THROW(run("gather_nd 2x3 1x1:i64", x, Ints{outside}), Error) << outside;
    EXPECT_THROW(run("gather 2x3 1:i64", x, Ints{outside}), Error) << outside;
    EXPECT_THROW(run("scatter_elements 2x3 1x1:i64 1x1", x, Ints{outside}, Floats{0}), Error) << outside;
    EXPECT_THROW(run("scatter_nd 2x3 1x1:i64 1x3", x, Ints{outside}, Floats{0, 0, 0}), Error) << outside;
  }
}

TEST_F(Indexing, scatters_apply_updates_in_order) {
  const Floats x = {1, 2, 3};
  const Ints twice = {1, 1, -1};
  const Floats updates = {10, 20, 30};
  EXPECT_EQ(first("scatter_elements 3 3:i64 3", x, twice, updates), (Floats{1, 20, 30}));
  EXPECT_EQ(first("scatter_elements 3 3:i64 3 reduction=add", x, twice, updates), (Floats{1, 32, 33}));
  EXPECT_EQ(first("scatter_nd 3 3x1:i64 3 reduction=mul", x, twice, updates), (Floats{1, 400, 90}));
  EXPECT_EQ(first("scatter_nd 3 3x1:i64 3 reduction=min", x, twice, updates), (Floats{1, 2, 3}));
  EXPECT_EQ(first("scatter_nd 3x2 1x1:i64 1x2", Floats{1, 2, 3, 4, 5, 6}, Ints{1}, Floats{8, 9}),
            (Floats{1, 2, 8, 9, 5, 6}));
}

TEST_F(Indexing, chosen_elements_come_first_and_the_rest_is_zero) {
  const auto zeros = run("non_zero 2x3 outputs=2", Floats{0, 1, -0.0f, nan, 0, 2});
  EXPECT_EQ(values<int64_t>(zeros[0]), (Ints{0, 1, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0}));
  EXPECT_EQ(values<int64_t>(zeros[1]), (Ints{2, 3}));
  const auto some =
      run("compress 2x3 2:bool axis=1 outputs=2", Floats{1, 2, 3, 4, 5, 6}, std::vector<uint8_t>{0, 1});
  EXPECT_EQ(values<float>(some[0]), (Floats{2, 0, 5, 0}));
  EXPECT_EQ(values<int64_t>(some[1]), (Ints{2, 1}));
}

TEST_F(Indexing, non_max_suppression_is_greedy) {
  // Two that overlap by 1/3, one apart, given by either diagonal; and a score that is none.
  const Floats boxes = {0, 0, 2, 2, 3, 2, 1, 0, 8, 8, 9, 9, 0, 0, 2, 2};
  const Floats scores = {0.5f, 0.9f, 0.9f, nan};
  const auto kept = run("non_max_suppression 1x4x4 1x1x4 iou_threshold=0.3 outputs=2", boxes, scores);
  EXPECT_EQ(values<int64_t>(kept[0]), (Ints{0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(values<int64_t>(kept[1]), (Ints{2, 3}));
  const auto all = run("non_max_suppression 1x4x4 1x1x4 iou_threshold=0.34 outputs=2", boxes, scores);
  EXPECT_EQ(values<int64_t>(all[1]), (Ints{3, 3}));
  const auto best = run("non_max_suppression 1x4x4 1x1x4 most=1 iou_threshold=0.34 outputs=2", boxes, scores);
  EXPECT_EQ(values<int64_t>(best[0]), (Ints{0, 0, 1}));
  const auto high =
      run("non_max_suppression 1x4x4 1x1x4 iou_threshold=0.34 score_threshold=0.5 outputs=2", boxes, scores);
  EXPECT_EQ(values<int64_t>(high[1]), (Ints{2, 3}));
}

TEST_F(Indexing, remainders_have_the_sign_of_dividend_or_divisor) {
  using I8 = std::vector<int8_t>;
  EXPECT_EQ(first<int8_t>("binary 5:i8 5:i8 kind=modulo", I8{7, -7, 7, -128, 5}, I8{3, 3, -3, -1, 0}),
            (I8{1, 2, -2, 0, 0}));
  EXPECT_EQ(first<int8_t>("binary 5:i8 5:i8 kind=remainder", I8{7, -7, 7, -128, 5}, I8{3, 3, -3, -1, 0}),
            (I8{1, -1, 1, 0, 0}));
  EXPECT_EQ(first("binary 3 3 kind=modulo", Floats{7.5f, -7.5f, 7.5f}, Floats{2, 2, -2}),
            (Floats{1.5f, 0.5f, -0.5f}));
  EXPECT_EQ(first("binary 2 2 kind=remainder", Floats{7.5f, -7.5f}, Floats{2, 2}), (Floats{1.5f, -1.5f}));
}

TEST_F(Indexing, rounding_and_thresholds_at_their_edges) {
  EXPECT_EQ(first("unary 6 kind=round", Floats{0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 2.4f}),
            (Floats{0, 2, 2, -0.0f, -2, 2}));
  EXPECT_EQ(first("unary 4 kind=thresholded_relu alpha=1", Floats{1, 1.5f, -3, 0}), (Floats{0, 1.5f, 0, 0}));
  EXPECT_EQ(first("unary 5 kind=shrink alpha=1 beta=0.5", Floats{1, 1.5f, -1, -3, 0}),
            (Floats{0, 1, 0, -2.5f, 0}));
}

}  // namespace
}  // namespace raceline
