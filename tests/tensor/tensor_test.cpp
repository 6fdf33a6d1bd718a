#include "raceline/tensor/tensor.h"

#include <numeric>

#include <gtest/gtest.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

Tensor counting(const Shape& shape) {
  Tensor tensor({DataType::i64, shape});
  std::iota(tensor.data<int64_t>(), tensor.data<int64_t>() + shape.elements(), int64_t{0});
  return tensor;
}

TEST(FirstPart, KeepsTheElementsBelowTheShapeInOrder) {
  const Tensor whole = counting({2, 3, 4});
  const Tensor part = first_part(whole.view(), {2, 2, 3});
  ASSERT_EQ(part.desc(), (TensorDesc{DataType::i64, {2, 2, 3}}));
  const std::vector<int64_t> wanted{0, 1, 2, 4, 5, 6, 12, 13, 14, 16, 17, 18};
  EXPECT_EQ(std::vector<int64_t>(part.data<int64_t>(), part.data<int64_t>() + 12), wanted);
}

TEST(FirstPart, TakesScalarsVectorsAndNothing) {
  const Tensor scalar = counting({});
  EXPECT_EQ(first_part(scalar.view(), {}).data<int64_t>()[0], 0);
  const Tensor vector = counting({5});
  const Tensor part = first_part(vector.view(), {3});
  EXPECT_EQ(part.desc().shape, Shape({3}));
  EXPECT_EQ(part.data<int64_t>()[2], 2);
  const Tensor whole = counting({2, 3});
  EXPECT_EQ(first_part(whole.view(), {2, 0}).desc().shape, Shape({2, 0}));
  EXPECT_EQ(first_part(whole.view(), {0, 3}).desc().shape, Shape({0, 3}));
}

TEST(FirstPart, RefusesAShapeThatIsNoPart) {
  const Tensor whole = counting({2, 3});
  EXPECT_THROW(first_part(whole.view(), {3, 3}), Error);
  EXPECT_THROW(first_part(whole.view(), {2}), Error);
  EXPECT_THROW(first_part(whole.view(), {2, 3, 1}), Error);
}

}  // namespace
}  // namespace raceline
