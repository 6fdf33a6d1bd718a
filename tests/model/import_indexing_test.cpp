// Reductions, gathering, scattering and choosing, and the ops that are patterns of these.
#include "raceline/base/error.h"
#include "tests/model/one_node.h"

namespace raceline {
namespace {

using namespace testing;

Tensor scalar(float value) {
  return Tensor::of<float>({}, std::span(&value, 1));
}

TEST(ImportReduce, KeepsItsAxesOrDropsThem) {
  EXPECT_EQ(OneNode(18, "ReduceMax")
                .input("x", {2, 3})
                .ints("axes", {-2})
                .attributes({{"keepdims", int64_t{0}}})
                .nodes(),
            "n: y 3 = reduce(x) kind=max axes=0 keep_dims=0\n");
  EXPECT_EQ(OneNode(13, "ReduceL2").input("x", {2, 3}).nodes(), "n: y 1x1 = reduce(x) kind=l2\n");
  EXPECT_EQ(OneNode(13, "ReduceSum").input("x", {2, 3}, DataType::i64).ints("axes", {}).nodes(),
            "n: y 1x1:i64 = reduce(x) kind=sum\n");
  EXPECT_EQ(OneNode(18, "ReduceProd")
                .input("x", {2, 3})
                .ints("axes", {})
                .attributes({{"noop_with_empty_axes", int64_t{1}}})
                .nodes(),
            "n: y 2x3 = identity(x)\n");
  OneNode twice(18, "ReduceMax");
  twice.input("x", {2, 3}).ints("axes", {0, -2});
  EXPECT_THROW(twice.build(), GraphError);
}

TEST(ImportReduce, PlacesOfExtremes) {
  EXPECT_EQ(OneNode(13, "ArgMin")
                .input("x", {2, 3})
                .attributes({{"axis", int64_t{-1}}, {"select_last_index", int64_t{1}}})
                .nodes(),
            "n: y 2x1:i64 = arg_reduce(x) axis=1 smallest=1 last=1\n");
  EXPECT_EQ(OneNode(11, "ArgMax").input("x", {2, 3}).attributes({{"keepdims", int64_t{0}}}).nodes(),
            "n: y 3:i64 = arg_reduce(x) keep_dims=0\n");
}

TEST(ImportReduce, RunningSumsAndNorms) {
  EXPECT_EQ(OneNode(14, "CumSum")
                .input("x", {2, 3})
                .ints("axis", {-1})
                .attributes({{"reverse", int64_t{1}}})
                .nodes(),
            "n: y 2x3 = cum_sum(x) axis=1 reverse=1\n");
  EXPECT_EQ(OneNode(22, "LpNormalization").input("x", {2, 3}).attributes({{"p", int64_t{1}}}).nodes(),
            "n.norm: n.norm:0 2x1 = reduce(x) kind=l1 axes=1\n"
            "n.divisor: n.divisor:0 2x1 = binary(n.norm:0, n.least) kind=max\n"
            "n: y 2x3 = binary(x, n.divisor:0) kind=div\n");
}

TEST(ImportIndexing, SequencesAreReversedUpToTheirLengths) {
  EXPECT_EQ(OneNode(10, "ReverseSequence").input("x", {4, 2, 3}).input("n", {2}, DataType::i64).nodes(),
            "n.length: n.length:0 1x2:i64 = reshape(n) dims=1x2\n"
            "n.last: n.last:0 1x2:i64 = binary(n.length:0, n.one) kind=sub\n"
            "n.mirrored: n.mirrored:0 4x2:i64 = binary(n.last:0, n.step) kind=sub\n"
            "n.within: n.within:0 4x2:bool = binary(n.step, n.length:0) kind=less\n"
            "n.from: n.from:0 4x2:i64 = where(n.within:0, n.mirrored:0, n.step)\n"
            "n.from_all: n.from_all:0 4x2x1:i64 = reshape(n.from:0) dims=4x2x1\n"
            "n.index: n.index:0 4x2x3:i64 = expand(n.from_all:0) dims=4x2x3\n"
            "n: y 4x2x3 = gather_elements(x, n.index:0)\n");
  OneNode same_axes(10, "ReverseSequence");
  same_axes.input("x", {4, 2}).input("n", {2}, DataType::i64).attributes({{"batch_axis", int64_t{0}}});
  EXPECT_THROW(same_axes.build(), GraphError);
  OneNode too_few(10, "ReverseSequence");
  too_few.input("x", {4, 2}).input("n", {3}, DataType::i64);
  EXPECT_THROW(too_few.build(), GraphError);
}

TEST(ImportIndexing, TopKOfAllVersions) {
  EXPECT_EQ(OneNode(9, "TopK").input("x", {2, 9}).attributes({{"k", int64_t{3}}}).outputs({"v", "i"}).nodes(),
            "n: v 2x3, i 2x3:i64 = top_k(x) k=3 axis=1 outputs=2\n");
  EXPECT_EQ(OneNode(11, "TopK")
                .input("x", {9, 2})
                .ints("k", {4})
                .attributes({{"axis", int64_t{0}}, {"largest", int64_t{0}}})
                .outputs({"v", "i"})
                .nodes(),
            "n: v 4x2, i 4x2:i64 = top_k(x) k=4 smallest=1 outputs=2\n");
  OneNode many(11, "TopK");
  many.input("x", {2, 9}).ints("k", {10}).outputs({"v", "i"});
  EXPECT_THROW(many.build(), GraphError);
}

TEST(ImportIndexing, GathersAndScatters) {
  EXPECT_EQ(OneNode(13, "GatherElements")
                .input("x", {5, 6})
                .input("i", {5, 2}, DataType::i32)
                .attributes({{"axis", int64_t{-1}}})
                .nodes(),
            "n: y 5x2 = gather_elements(x, i) axis=1\n");
  EXPECT_EQ(OneNode(13, "GatherND")
                .input("x", {5, 6, 7})
                .input("i", {5, 1}, DataType::i64)
                .attributes({{"batch_dims", int64_t{1}}})
                .nodes(),
            "n: y 5x7 = gather_nd(x, i) batch_dims=1\n");
  EXPECT_EQ(OneNode(10, "Scatter")
                .input("x", {5, 6})
                .input("i", {2, 2}, DataType::i64)
                .input("u", {2, 2})
                .attributes({{"axis", int64_t{1}}})
                .nodes(),
            "n: y 5x6 = scatter_elements(x, i, u) axis=1\n");
  EXPECT_EQ(OneNode(18, "ScatterND")
                .input("x", {5, 6})
                .input("i", {3, 1}, DataType::i64)
                .input("u", {3, 6})
                .attributes({{"reduction", std::string("min")}})
                .nodes(),
            "n: y 5x6 = scatter_nd(x, i, u) reduction=min\n");
  OneNode other(18, "ScatterND");
  other.input("x", {5}).input("i", {3, 1}, DataType::i64).input("u", {3});
  other.attributes({{"reduction", std::string("average")}});
  EXPECT_THROW(other.build(), UnsupportedError);
}

TEST(ImportSelection, SaysWhereItsExtentsAre) {
  EXPECT_EQ(OneNode(13, "NonZero").input("x", {2, 3}).nodes(),
            "n: y 2x6:i64 within n:1, n:1 2:i64 = non_zero(x) outputs=2\n");
  EXPECT_EQ(OneNode(11, "Compress").input("x", {2, 3}).input("c", {5}, DataType::boolean).nodes(),
            "n.flat: n.flat:0 6 = reshape(x) dims=6\n"
            "n: y 5 within n:1, n:1 1:i64 = compress(n.flat:0, c) outputs=2\n");
  EXPECT_EQ(OneNode(11, "NonMaxSuppression")
                .input("b", {1, 9, 4})
                .input("s", {1, 2, 9})
                .ints("most", {3})
                .constant("iou", scalar(0.5f))
                .constant("score", scalar(0.25f))
                .nodes(),
            "n: y 6x3:i64 within n:1, n:1 2:i64 = non_max_suppression(b, s) most=3 iou_threshold=0.5 "
            "score_threshold=0.25 outputs=2\n");
  // Without a limit there is no box.
  EXPECT_EQ(OneNode(11, "NonMaxSuppression").input("b", {1, 9, 4}).input("s", {1, 2, 9}).nodes(),
            "n: y 0x3:i64 within n:1, n:1 2:i64 = non_max_suppression(b, s) most=0 outputs=2\n");
}

TEST(ImportSelection, OfConstantsHasItsActualSize) {
  const Graph graph = OneNode(13, "NonZero").ints("x", {0, 7, 0, 9}).build();
  const ValueId y = graph.find_value("y");
  ASSERT_EQ(graph.desc(y).shape, (Shape{1, 2}));
  EXPECT_EQ(graph.constant(y).data<int64_t>()[0], 1);
  EXPECT_EQ(graph.constant(y).data<int64_t>()[1], 3);
}

TEST(ImportEinsum, IsSumsTranspositionsAndAProduct) {
  const auto einsum = [](const std::string& equation, const Shape& a, const Shape& b) {
    return OneNode(12, "Einsum").input("a", a).input("b", b).attributes({{"equation", equation}}).nodes();
  };
  EXPECT_EQ(einsum("bij, bjk -> bik", {2, 3, 4}, {2, 4, 5}),
            "n.a_matrix: n.a_matrix:0 2x3x4 = reshape(a) dims=2x3x4\n"
            "n.b_matrix: n.b_matrix:0 2x4x5 = reshape(b) dims=2x4x5\n"
            "n: n:0 2x3x5 = matmul(n.a_matrix:0, n.b_matrix:0)\n"
            "n.product: n.product:0 2x3x5 = reshape(n:0) dims=2x3x5\n"
            "n.out: y 2x3x5 = transpose(n.product:0) perm=0x1x2\n");
  EXPECT_EQ(einsum("bhwc,hkc->bhwk", {2, 3, 4, 5}, {3, 6, 5}),
            "n.a_order: n.a_order:0 3x2x4x5 = transpose(a) perm=1x0x2x3\n"
            "n.b_order: n.b_order:0 3x5x6 = transpose(b) perm=0x2x1\n"
            "n.a_matrix: n.a_matrix:0 3x8x5 = reshape(n.a_order:0) dims=3x8x5\n"
            "n.b_matrix: n.b_matrix:0 3x5x6 = reshape(n.b_order:0) dims=3x5x6\n"
            "n: n:0 3x8x6 = matmul(n.a_matrix:0, n.b_matrix:0)\n"
            "n.product: n.product:0 3x2x4x6 = reshape(n:0) dims=3x2x4x6\n"
            "n.out: y 2x3x4x6 = transpose(n.product:0) perm=1x0x2x3\n");
  EXPECT_EQ(
      OneNode(12, "Einsum").input("a", {2, 3, 4}).attributes({{"equation", std::string("ijk->ki")}}).nodes(),
      "n.sum_0: n.sum_0:0 2x4 = reduce(a) kind=sum axes=1 keep_dims=0\n"
      "n: y 4x2 = transpose(n.sum_0:0)\n");
  for (const char* wrong : {"ij,jk->il", "ijk,jk->ik", "ij->ji", "ij,kj->ik"}) {
    EXPECT_THROW(einsum(wrong, {2, 3}, {3, 4}), GraphError) << wrong;
  }
  for (const char* unknown : {"ii,ij->j", "...j,jk->...k", "ij,jk->ii", "i1,1k->ik"}) {
    EXPECT_THROW(einsum(unknown, {2, 2}, {2, 2}), UnsupportedError) << unknown;
  }
}

TEST(ImportPattern, RefusesWhatWouldBeHuge) {
  OneNode eye(9, "EyeLike");
  eye.input("x", {int64_t{1} << 30, 4});
  EXPECT_THROW(eye.build(), UnsupportedError);
  OneNode hot(11, "OneHot");
  hot.input("i", {3}, DataType::i64).ints("depth", {int64_t{1} << 40}).weights("values", {2});
  EXPECT_THROW(hot.build(), UnsupportedError);
}

TEST(ImportShape, TilesOfManyAxesAreMadeOneByOne) {
  EXPECT_EQ(OneNode(13, "Tile").input("x", {2, 1, 1, 1, 1, 1, 3}).ints("r", {2, 1, 1, 1, 1, 3, 2}).nodes(),
            "n.split_0: n.split_0:0 1x1x6 = reshape(x) dims=1x1x6\n"
            "n.repeat_0: n.repeat_0:0 1x2x6 = expand(n.split_0:0) dims=1x2x6\n"
            "n.split_5: n.split_5:0 4x1x3 = reshape(n.repeat_0:0) dims=4x1x3\n"
            "n.repeat_5: n.repeat_5:0 4x3x3 = expand(n.split_5:0) dims=4x3x3\n"
            "n.split_6: n.split_6:0 12x1x3 = reshape(n.repeat_5:0) dims=12x1x3\n"
            "n.repeat_6: n.repeat_6:0 12x2x3 = expand(n.split_6:0) dims=12x2x3\n"
            "n: y 4x1x1x1x1x3x6 = reshape(n.repeat_6:0) dims=4x1x1x1x1x3x6\n");
}

}  // namespace
}  // namespace raceline
