#include "tests/graph/pass_cases.h"

#include "tests/graph/graph_maker.h"

namespace raceline::test {
namespace {

Graph constants_chain() {
  GraphMaker g;
  const ValueId x = g.input("x", {2, 3});
  const ValueId sum = g.add("sum", {g.constant("a", {3}), g.constant("b", {1, 3})});
  const ValueId twice = g.node("twice", OpKind::concat, ConcatParams{0}, {sum, sum});
  g.output(g.add("y", {x, twice}));
  return g.take();
}

Graph constants_diamond() {
  GraphMaker g;
  const ValueId x = g.input("x", {3});
  const ValueId sum = g.add("sum", {g.constant("a", {3}), g.constant("b", {3})});
  const ValueId negated = g.unary("negated", UnaryKind::neg, sum);
  const ValueId joined = g.unary("joined", UnaryKind::relu, g.add("both", {negated, sum}));
  g.output(g.add("y", {g.add("uses_joined", {x, joined}), sum}));
  return g.take();
}

Graph constants_that_stay_in_use() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 3});
  const ValueId a = g.constant("a", {1, 3});
  const ValueId b = g.unary("negated", UnaryKind::neg, a);
  const ValueId used = g.add("uses_b", {x, b});
  const ValueId c = g.add("b_and_a", {b, a});
  g.output(g.add("y", {used, c}));
  g.output(c, "constant_output");
  g.output(g.node("same", OpKind::identity, NoParams{}, {c}), "identity_of_constant");
  return g.take();
}

Graph constants_refused() {
  GraphMaker g;
  const ValueId x = g.input("x", {3});
  const ValueId a = g.unary("negated", UnaryKind::neg, g.constant("a", {3}));
  const ValueId b = g.unary("unknown", UnaryKind::erf, a);
  g.output(g.add("y", {x, b}));
  return g.take();
}

Graph shape_of_input() {
  GraphMaker g;
  const ValueId x = g.input("x", {2, 3, 4});
  const ValueId shape = g.node("shape", OpKind::shape_of, ShapeOfParams{0, 3}, {g.relu("relu", x)});
  const ValueId part = g.node("part", OpKind::shape_of, ShapeOfParams{1, 2}, {x});
  g.output(g.node("joined", OpKind::concat, ConcatParams{0}, {shape, part}));
  return g.take();
}

Graph dead_code() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  g.input("unused", {3});
  const ValueId alive = g.conv3x3("alive", x, 2);
  const ValueId dead = g.conv3x3("dead", x, 2);
  g.relu("dead_too", dead);
  const NodeId pool = g.graph().add_node("pool", OpKind::max_pool, PoolParams{.kernel = {2, 2}}, {alive},
                                         {"values", "indices"});
  g.output(g.graph().node(pool).outputs[0]);
  return g.take();
}

Graph identities() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 3, 1});
  ValueId v = g.relu("relu", x);
  v = g.node("dropout", OpKind::identity, NoParams{}, {v});
  v = g.node("reshape", OpKind::reshape, ReshapeParams{{1, 2, 3, 1}}, {v});
  v = g.node("transpose", OpKind::transpose, TransposeParams{{0, 1, 2, 3}}, {v});
  v = g.node("slice", OpKind::slice, SliceParams{}, {v});
  v = g.node("pad", OpKind::pad, PadParams{}, {v});
  v = g.node("cast", OpKind::cast, CastParams{}, {v});
  v = g.node("expand", OpKind::expand, ExpandParams{{1, 2, 3, 1}}, {v});
  v = g.node("concat", OpKind::concat, ConcatParams{1}, {v});
  g.output(g.relu("last", v));
  g.output(g.node("out", OpKind::identity, NoParams{}, {v}), "through_identity");
  return g.take();
}

Graph identities_that_are_none() {
  GraphMaker g;
  ValueId v = g.input("x", {1, 3, 3});
  v = g.node("reshape", OpKind::reshape, ReshapeParams{{3, 3}}, {v});
  v = g.node("transpose", OpKind::transpose, TransposeParams{}, {v});
  v = g.node("reverse", OpKind::slice, SliceParams{.start = {2, 0}, .step = {-1, 1}}, {v});
  v = g.node("shift", OpKind::pad, PadParams{.begin = {1, 0}, .end = {-1, 0}}, {v});
  v = g.node("cast", OpKind::cast, CastParams{DataType::f64}, {v});
  v = g.node("expand", OpKind::expand, ExpandParams{{2, 3, 3}}, {v});
  g.output(g.node("concat", OpKind::concat, ConcatParams{0}, {v, v}));
  return g.take();
}

Graph batch_norms() {
  GraphMaker g;
  const ValueId x = g.input("x", {2, 4, 5, 5});
  ValueId v = g.batch_norm("bn1", g.conv3x3("conv1", x, 6));
  v = g.relu("relu1", v);
  v = g.conv("grouped", {v, g.constant("grouped.w", {4, 3, 3, 3}), g.constant("grouped.b", {4})},
             {.group = 2});
  v = g.batch_norm("bn3", g.batch_norm("bn2", v));
  v = g.node("up", OpKind::conv_transpose, ConvTransposeParams{.stride = {2, 2}, .group = 2},
             {v, g.constant("up.w", {4, 3, 2, 2}), g.constant("up.b", {6})});
  g.output(g.batch_norm("bn4", v));
  return g.take();
}

Graph batch_norms_of_gemm() {
  GraphMaker g;
  const ValueId x = g.input("x", {3, 4});
  ValueId v = g.node("fc1", OpKind::gemm, GemmParams{.alpha = 0.5f, .beta = 2},
                     {x, g.constant("b1", {4, 5}), g.constant("c1", {1, 5})});
  v = g.batch_norm("bn1", v);
  v = g.node("fc2", OpKind::gemm, GemmParams{.trans_b = true}, {v, g.constant("b2", {4, 5})});
  v = g.batch_norm("bn2", v);
  v = g.node("fc3", OpKind::gemm, GemmParams{}, {v, g.constant("b3", {4, 2}), g.constant("c3", {})});
  v = g.batch_norm("bn3", v);
  // A bias that differs between rows stays, and so does the batch_norm behind it.
  v = g.node("fc4", OpKind::gemm, GemmParams{}, {v, g.constant("b4", {2, 2}), g.constant("c4", {3, 1})});
  g.output(g.batch_norm("bn4", v));
  return g.take();
}

Graph batch_norm_of_conv3d() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4, 4});
  const ValueId w = g.constant("w", {3, 2, 2, 2, 2});
  g.output(g.batch_norm("bn", g.node("conv", OpKind::conv3d, ConvParams{.stride = {1, 2, 1}}, {x, w})));
  return g.take();
}

Graph batch_norm_shared_weights() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 3, 4, 4});
  const ValueId w = g.constant("w", {3, 3, 1, 1});
  const ValueId b = g.constant("b", {3});
  const ValueId first = g.batch_norm("bn1", g.conv("conv1", {x, w, b}));
  const ValueId second = g.conv("conv2", {first, w, b});
  g.output(g.batch_norm("bn2", g.conv("conv3", {second, w, b})));
  return g.take();
}

Graph batch_norms_that_stay() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 3, 4, 4});
  const ValueId first = g.batch_norm("after_input", x);
  const ValueId twice = g.conv3x3("used_twice", first, 3);
  const ValueId normal = g.batch_norm("bn_of_used_twice", twice);
  const ValueId shown = g.conv3x3("is_output", g.add("sum", {twice, normal}), 3);
  g.output(shown, "shown");
  const ValueId weights = g.input("weights", {3, 3, 1, 1});
  const ValueId moving =
      g.batch_norm("bn_of_moving_weights", g.conv("moving", {g.batch_norm("bn_shown", shown), weights}));
  const ValueId mean = g.input("mean", {3});
  const ValueId scale = g.constant("scale", {3}, 0.5);
  const ValueId odd = g.node("bn_of_moving_mean", OpKind::batch_norm, BatchNormParams{},
                             {g.conv3x3("before_mean", moving, 3), scale, scale, mean, scale});
  const ValueId zero = g.graph().add_constant("zero", Tensor::of<float>({3}, std::vector<float>{0, 1, 1}));
  g.output(g.node("bn_of_no_variance", OpKind::batch_norm, BatchNormParams{0},
                  {g.conv3x3("before_zero", odd, 3), scale, scale, scale, zero}));
  return g.take();
}

Graph biases() {
  GraphMaker g;
  const ValueId x = g.input("x", {2, 3, 4, 4});
  ValueId v = g.add("add1", {g.conv3x3("conv1", x, 3), g.constant("c1", {1, 3, 1, 1})});
  v = g.relu("relu", v);
  v = g.add("add2", {g.constant("c2", {3, 1, 1}),
                     g.conv("conv2", {v, g.constant("w2", {3, 3, 1, 1}), g.constant("b2", {3})})});
  v = g.node("conv3", OpKind::conv_transpose, ConvTransposeParams{}, {v, g.constant("w3", {3, 2, 2, 2})});
  v = g.add("add4", {g.add("add3", {v, g.constant("c3", {})}), g.constant("c4", {1, 1, 1, 1})});
  v = g.node("flatten", OpKind::reshape, ReshapeParams{{2, 50}}, {v});
  v = g.node("fc1", OpKind::gemm, GemmParams{}, {v, g.constant("b5", {50, 4})});
  v = g.add("add5", {v, g.constant("c5", {4})});
  v = g.node("fc2", OpKind::gemm, GemmParams{.beta = 3},
             {v, g.constant("b6", {4, 4}), g.constant("bias6", {4})});
  g.output(g.add("add6", {v, g.constant("c6", {1, 4})}));
  return g.take();
}

Graph biases_that_stay() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 3, 3, 3});
  ValueId v = g.add("along_width", {g.conv3x3("conv1", x, 3), g.constant("c1", {3})});
  v = g.add("each_pixel", {g.conv3x3("conv2", v, 3), g.constant("c2", {3, 3, 3})});
  v = g.add("grows", {g.conv3x3("conv3", v, 3), g.constant("c3", {2, 3, 1, 1})});
  const ValueId twice = g.conv3x3("conv4", v, 3);
  v = g.add("of_used_twice", {twice, g.constant("c4", {3, 1, 1})});
  v = g.add("no_constant", {twice, v});
  v = g.node("times", OpKind::binary, BinaryParams{BinaryKind::mul},
             {g.conv3x3("conv5", v, 3), g.constant("c5", {3, 1, 1})});
  g.output(g.add("of_no_conv", {v, g.constant("c6", {3, 1, 1})}));
  return g.take();
}

Graph activations() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  ValueId v = g.relu("relu", g.conv3x3("conv1", x, 2));
  v = g.unary("relu6", UnaryKind::clip, g.conv3x3("conv2", v, 2), 0, 6);
  v = g.node("flatten", OpKind::reshape, ReshapeParams{{2, 16}}, {v});
  v = g.node("fc", OpKind::gemm, GemmParams{}, {v, g.constant("b", {16, 3})});
  // The clip is a second step: it is offered with nothing.
  v = g.unary("then_clip", UnaryKind::clip, g.relu("relu_of_fc", v), 0, 1);
  g.output(v);
  return g.take();
}

Graph activations_that_stay() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  const ValueId twice = g.conv3x3("used_twice", x, 2);
  const ValueId sum = g.add("sum", {g.relu("relu1", twice), twice});
  const ValueId shown = g.conv3x3("is_output", sum, 2);
  g.output(shown, "shown");
  const ValueId v = g.relu("relu3", g.add("no_anchor", {g.relu("relu2", shown), sum}));
  const ValueId w = g.input("weights", {2, 2, 1, 1});
  const ValueId moving = g.relu("relu4", g.conv("moving_weights", {v, w}));
  g.output(g.unary("no_activation", UnaryKind::neg, g.conv3x3("conv", moving, 2)));
  return g.take();
}

Graph poolings() {
  GraphMaker g;
  const PoolParams pool{.kernel = {2, 2}, .stride = {2, 2}};
  ValueId v = g.node("pool1", OpKind::max_pool, pool,
                     {g.relu("relu1", g.conv3x3("conv1", g.input("x", {1, 2, 16, 16}), 2))});
  v = g.relu("relu2", g.node("pool2", OpKind::max_pool, pool, {g.conv3x3("conv2", v, 2)}));
  v = g.relu("relu3b", g.node("pool3", OpKind::max_pool, pool, {g.relu("relu3a", g.conv3x3("conv3", v, 2))}));
  g.output(v);
  return g.take();
}

Graph poolings_that_stay() {
  GraphMaker g;
  const PoolParams pool{.kernel = {2, 2}, .stride = {2, 2}};
  const ValueId x = g.input("x", {1, 2, 16, 16});
  ValueId v = g.node("overlapping", OpKind::max_pool, PoolParams{.kernel = {3, 3}, .stride = {2, 2}},
                     {g.conv3x3("conv1", x, 2)});
  const ValueId twice = g.conv3x3("used_twice", v, 2);
  v = g.add("sum", {g.node("pool2", OpKind::max_pool, PoolParams{.kernel = {1, 1}}, {twice}), twice});
  v = g.node("after_residual", OpKind::max_pool, pool, {g.add("residual", {g.conv3x3("conv3", v, 2), v})});
  g.output(g.node("of_no_conv", OpKind::max_pool, pool, {v}));
  return g.take();
}

Graph residuals() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  const ValueId block = g.relu("relu1", g.conv3x3("conv1", x, 2));
  ValueId v = g.relu("relu2", g.add("identity_shortcut", {g.conv3x3("conv2", block, 2), x}));
  // Either convolution can take the other's result.
  const ValueId left = g.conv3x3("left", v, 2);
  const ValueId right = g.conv3x3("right", v, 2);
  v = g.relu("relu3", g.add("both", {left, right}));
  g.output(g.add("last", {v, g.conv3x3("conv3", v, 2)}));
  return g.take();
}

Graph residuals_that_stay() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  const ValueId doubled = g.conv3x3("doubled", x, 2);
  ValueId v = g.relu("relu1", g.add("x_plus_x", {doubled, doubled}));
  v = g.add("constant", {g.conv3x3("conv1", v, 2), g.constant("c", {1, 2, 4, 4})});
  v = g.add("broadcast", {g.conv3x3("conv2", v, 2), g.input("row", {4})});
  const ValueId twice = g.conv3x3("used_twice", v, 2);
  v = g.add("depends_on_it", {twice, g.relu("relu2", twice)});
  v = g.node("product", OpKind::binary, BinaryParams{BinaryKind::mul}, {g.conv3x3("conv3", v, 2), x});
  const ValueId shown = g.conv3x3("is_output", v, 2);
  g.output(shown, "shown");
  g.output(g.add("last", {shown, x}));
  return g.take();
}

constexpr PassCase cases[] = {
    {"constants_chain", "fold_constants", constants_chain},
    {"constants_diamond", "fold_constants", constants_diamond},
    {"constants_that_stay_in_use", "fold_constants", constants_that_stay_in_use},
    {"constants_refused", "fold_constants", constants_refused, false},
    {"shape_of_input", "fold_constants", shape_of_input, false},
    {"dead_code", "remove_dead_code", dead_code, false},
    {"identities", "remove_identity", identities, false},
    {"identities_that_are_none", "remove_identity", identities_that_are_none, false},
    {"batch_norms", "fold_batch_norm", batch_norms},
    {"batch_norms_of_gemm", "fold_batch_norm", batch_norms_of_gemm},
    {"batch_norm_of_conv3d", "fold_batch_norm", batch_norm_of_conv3d},
    {"batch_norm_shared_weights", "fold_batch_norm", batch_norm_shared_weights},
    {"batch_norms_that_stay", "fold_batch_norm", batch_norms_that_stay, false},
    {"biases", "fold_bias", biases},
    {"biases_that_stay", "fold_bias", biases_that_stay},
    {"activations", "fuse_activation", activations},
    {"activations_that_stay", "fuse_activation", activations_that_stay},
    {"residuals", "fuse_residual", residuals},
    {"residuals_that_stay", "fuse_residual", residuals_that_stay},
    {"poolings", "fuse_max_pool", poolings},
    {"poolings_that_stay", "fuse_max_pool", poolings_that_stay},
};

}  // namespace

std::span<const PassCase> pass_cases() {
  return cases;
}

}  // namespace raceline::test
