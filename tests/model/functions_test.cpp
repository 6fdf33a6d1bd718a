// Functions of a model and branches that are decided when it is built become plain nodes.
#include "raceline/model/wire.h"
#include "tests/model/messages.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;
using Names = std::vector<std::string>;

onnx::NodeProto& fill(onnx::NodeProto& node, const std::string& op, const Names& inputs, const Names& outputs,
                      const std::string& domain = {}, const std::string& name = {}) {
  node.set_op_type(op);
  node.set_domain(domain);
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  return node;
}

onnx::AttributeProto& attribute(onnx::NodeProto& node, const std::string& name) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  return attribute;
}

onnx::FunctionProto& function(onnx::ModelProto& model, const std::string& name, const Names& inputs,
                              const Names& outputs, int64_t opset = 13) {
  auto& function = *model.add_functions();
  function.set_domain("local");
  function.set_name(name);
  for (const std::string& input : inputs) function.add_input(input);
  for (const std::string& output : outputs) function.add_output(output);
  function.add_opset_import()->set_version(opset);
  return function;
}

/// Opset 13, inputs x and z of 2x3 floats, output y.
onnx::ModelProto empty_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  for (const char* name : {"x", "z"}) {
    auto& input = *model.mutable_graph()->add_input();
    input.set_name(name);
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_value(2);
    type.mutable_shape()->add_dim()->set_dim_value(3);
  }
  model.mutable_graph()->add_output()->set_name("y");
  return model;
}

onnx::NodeProto& node(onnx::ModelProto& model, const std::string& op, const Names& inputs,
                      const Names& outputs, const std::string& domain = {}, const std::string& name = {}) {
  return fill(*model.mutable_graph()->add_node(), op, inputs, outputs, domain, name);
}

onnx::NodeProto& node(onnx::FunctionProto& body, const std::string& op, const Names& inputs,
                      const Names& outputs, const std::string& domain = {}, const std::string& name = {}) {
  return fill(*body.add_node(), op, inputs, outputs, domain, name);
}

Graph build(const onnx::ModelProto& model) {
  const TempFolder folder;
  write_file(folder / "m.onnx", model.SerializeAsString());
  Reference reference;
  Graph graph = OnnxModel::load(folder / "m.onnx").build({}, reference.evaluator());
  graph.verify();
  return graph;
}

/// "name=op(operands)" of every node.
Names nodes(const onnx::ModelProto& model) {
  const Graph graph = build(model);
  Names lines;
  for (const Node& each : graph.nodes()) {
    std::string line = graph.value(each.outputs[0]).name + "=" + std::string(to_string(each.op)) + "(";
    for (const ValueId input : each.inputs) line += graph.value(input).name + " ";
    line.back() = ')';
    lines.push_back(line);
  }
  return lines;
}

template <class Exception>
std::string refused(const onnx::ModelProto& model) {
  return thrown<Exception>([&] { build(model); });
}

TEST(Functions, AreReplacedByTheirBodies) {
  onnx::ModelProto model = empty_model();
  auto& inner = function(model, "half", {"a"}, {"b"});
  node(inner, "Exp", {"a"}, {"t"});
  node(inner, "Tanh", {"t"}, {"b"});
  auto& outer = function(model, "whole", {"a", "c"}, {"d"});
  node(outer, "half", {"a"}, {"t"}, "local", "h");
  node(outer, "Add", {"t", "c"}, {"d"});
  node(model, "whole", {"x", "z"}, {"first"}, "local", "w");
  node(model, "whole", {"first", "z"}, {"y"}, "local", "w");
  EXPECT_EQ(nodes(model), (Names{"w.1/h.2/t=unary(x)", "w.1/t=unary(w.1/h.2/t)", "first=binary(w.1/t z)",
                                 "w.3/h.4/t=unary(first)", "w.3/t=unary(w.3/h.4/t)", "y=binary(w.3/t z)"}));
}

TEST(Functions, TakeAttributesOfTheCallTheirDefaultsOrNone) {
  onnx::ModelProto model = empty_model();
  auto& body = function(model, "f", {"a"}, {"b"});
  body.add_attribute("slope");
  // attribute_proto, which older message classes do not have
  onnx::AttributeProto usual;
  usual.set_name("axis");
  usual.set_type(onnx::AttributeProto::INT);
  usual.set_i(0);
  std::string text = body.SerializeAsString();
  const std::string value = usual.SerializeAsString();
  append_bytes_field(text, 11, std::as_bytes(std::span(value)));
  ASSERT_TRUE(body.ParseFromString(text));
  attribute(node(body, "LeakyRelu", {"a"}, {"t"}), "alpha").set_ref_attr_name("slope");
  attribute(node(body, "Concat", {"t", "t"}, {"b"}), "axis").set_ref_attr_name("axis");
  auto& call = node(model, "f", {"x"}, {"t"}, "local");
  auto& slope = attribute(call, "slope");
  slope.set_type(onnx::AttributeProto::FLOAT);
  slope.set_f(0.25f);
  auto& other = node(model, "f", {"t"}, {"y"}, "local");
  auto& axis = attribute(other, "axis");
  axis.set_type(onnx::AttributeProto::INT);
  axis.set_i(1);
  const Graph built = build(model);
  std::vector<float> slopes;
  for (const Node& each : built.nodes()) {
    if (each.op == OpKind::unary) slopes.push_back(std::get<UnaryParams>(each.params).alpha);
  }
  EXPECT_EQ(slopes, (std::vector<float>{0.25f, 0.01f}));
  EXPECT_EQ(built.desc(built.find_value("t")).shape, (Shape{4, 3}));
  EXPECT_EQ(built.desc(built.find_value("y")).shape, (Shape{4, 6}));
}

TEST(Functions, MayPassOnOmitAndRepeat) {
  onnx::ModelProto model = empty_model();
  // An input that is an output, one output under two names, an operand and an output that are not given.
  auto& body = function(model, "f", {"a", "low", "high"}, {"a", "b", "b", "c"});
  node(body, "Clip", {"a", "low", "high"}, {"b"});
  node(body, "Neg", {"b"}, {"c"});
  node(model, "f", {"x"}, {"p", "q", "r"}, "local");
  node(model, "Sum", {"p", "q", "r"}, {"y"});
  EXPECT_NO_THROW(nodes(model));
}

TEST(Functions, MeanTheirOwnOpset) {
  onnx::ModelProto model = empty_model();
  auto& body = function(model, "f", {"a"}, {"b"}, 12);
  node(body, "Softmax", {"a"}, {"b"});  // opset 12: axis 1, all axes from there on
  node(model, "f", {"x"}, {"t"}, "local");
  node(model, "HardSwish", {"t"}, {"y"}, {}, "newer");
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "'newer' (HardSwish), opset 13"));
  model.mutable_functions(0)->mutable_node(0)->set_op_type("HardSwish");
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "(HardSwish), opset 12"));
}

TEST(Functions, KeepTheNamesOfTheModelApart) {
  onnx::ModelProto model = empty_model();
  auto& body = function(model, "f", {"a"}, {"b"});
  node(body, "Exp", {"a"}, {"t"});
  node(body, "Neg", {"t"}, {"b"});
  node(model, "Abs", {"x"}, {"f.1/t"});
  node(model, "f", {"f.1/t"}, {"y"}, "local");
  EXPECT_EQ(nodes(model), (Names{"f.1/t=unary(x)", "f.1/t_=unary(f.1/t)", "y=unary(f.1/t_)"}));
}

TEST(Functions, OfOneNameAreToldApartByTheirOverload) {
  onnx::ModelProto model = empty_model();
  const auto overload = [](auto& message, uint32_t number, const std::string& name) {
    std::string text = message.SerializeAsString();
    append_bytes_field(text, number, std::as_bytes(std::span(name)));
    ASSERT_TRUE(message.ParseFromString(text));
  };
  for (const std::string& which : {std::string("one"), std::string("two")}) {
    auto& body = function(model, "f", {"a"}, {"b"});
    node(body, which == "one" ? "Exp" : "Identity", {"a"}, {"b"});
    overload(body, 13, which);
  }
  overload(node(model, "f", {"x"}, {"y"}, "local"), 8, "one");
  EXPECT_EQ(nodes(model), (Names{"y=unary(x)"}));
}

TEST(Functions, ThatCallThemselvesAreRefused) {
  onnx::ModelProto model = empty_model();
  node(function(model, "f", {"a"}, {"b"}), "g", {"a"}, {"b"}, "local");
  node(function(model, "g", {"a"}, {"b"}), "f", {"a"}, {"b"}, "local");
  node(model, "f", {"x"}, {"y"}, "local");
  EXPECT_TRUE(contains(refused<ParseError>(model), "'local:f' calls itself"));
}

TEST(Functions, ThatGrowWithoutBoundAreRefused) {
  // 30 functions, each of which calls the next one ten times.
  onnx::ModelProto model = empty_model();
  for (int level = 0; level < 30; ++level) {
    auto& body = function(model, "f" + std::to_string(level), {"a"}, {"b"});
    const std::string op = level == 29 ? "Exp" : "f" + std::to_string(level + 1);
    for (int call = 0; call < 10; ++call) {
      node(body, op, {call == 0 ? "a" : "t" + std::to_string(call - 1)},
           {call == 9 ? "b" : "t" + std::to_string(call)}, level == 29 ? "" : "local");
    }
  }
  node(model, "f0", {"x"}, {"y"}, "local");
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "become more than"));
}

TEST(Functions, OfLongNamesDoNotFillTheMemory) {
  onnx::ModelProto model = empty_model();
  auto& body = function(model, "f", {"a"}, {"b"});
  auto& sum = node(body, "Sum", {"a"}, {"b"});
  for (int operand = 0; operand < 1000; ++operand) sum.add_input("i" + std::to_string(operand));
  node(model, "f", {"x"}, {"y"}, "local", std::string(1 << 20, 'n'));
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "become more than"));
}

TEST(Functions, NestedTooDeeplyAreRefused) {
  onnx::ModelProto model = empty_model();
  for (int level = 0; level < 200; ++level) {
    node(function(model, "f" + std::to_string(level), {"a"}, {"b"}),
         level == 199 ? "Exp" : "f" + std::to_string(level + 1), {"a"}, {"b"}, level == 199 ? "" : "local");
  }
  node(model, "f0", {"x"}, {"y"}, "local");
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "within 100 others"));
}

TEST(Functions, CalledWithTooMuchOrGivenTwiceAreRefused) {
  onnx::ModelProto model = empty_model();
  node(function(model, "f", {"a"}, {"b"}), "Exp", {"a"}, {"b"});
  node(model, "f", {"x", "z"}, {"y"}, "local");
  EXPECT_TRUE(contains(refused<ParseError>(model), "called with 2 and 1"));
  function(model, "f", {"a"}, {"b"});
  EXPECT_TRUE(contains(refused<ParseError>(model), "given twice"));
  model.clear_functions();
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "ops of domain 'local' are not known"));
}

void set_boolean(onnx::TensorProto& tensor, const std::string& name, bool value) {
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::BOOL);
  tensor.add_int32_data(value ? 1 : 0);
}

/// y = condition ? exp(x) : w + x, where both branches name their values alike.
onnx::NodeProto& add_if(onnx::ModelProto& model, const std::string& condition, const std::string& x,
                        const std::string& y) {
  auto& choice = node(model, "If", {condition}, {y}, {}, "choice");
  auto& then_graph = *attribute(choice, "then_branch").mutable_g();
  fill(*then_graph.add_node(), "Exp", {x}, {"t"});
  fill(*then_graph.add_node(), "Neg", {"t"}, {"u"});
  then_graph.add_output()->set_name("u");
  auto& else_graph = *attribute(choice, "else_branch").mutable_g();
  auto& weights = *else_graph.add_initializer();
  weights.set_name("t");
  weights.set_data_type(onnx::TensorProto::FLOAT);
  weights.add_float_data(2);
  fill(*else_graph.add_node(), "Add", {"t", x}, {"u"});
  else_graph.add_output()->set_name("u");
  return choice;
}

TEST(Branches, OfAKnownConditionAreTaken) {
  onnx::ModelProto model = empty_model();
  set_boolean(*model.mutable_graph()->add_initializer(), "yes", true);
  set_boolean(*model.mutable_graph()->add_initializer(), "no", false);
  add_if(model, "yes", "x", "a");
  add_if(model, "no", "a", "b");
  add_if(model, "yes", "b", "y");
  EXPECT_EQ(nodes(model),
            (Names{"t=unary(x)", "u=unary(t)", "u_1=binary(t_1 u)", "t_2=unary(u_1)", "u_2=unary(t_2)"}));
}

TEST(Branches, MayDependOnShapes) {
  // As exporters write squeeze(): shape(x)[1] == 3.
  onnx::ModelProto model = empty_model();
  const auto number = [&](const std::string& name, int64_t value) {
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_int64_data(value);
  };
  number("one", 1);
  number("three", 3);
  node(model, "Shape", {"x"}, {"shape"});
  node(model, "Gather", {"shape", "one"}, {"dim"});
  node(model, "Equal", {"dim", "three"}, {"is_three"});
  add_if(model, "is_three", "x", "y");
  const Names lines = nodes(model);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[lines.size() - 2], "t=unary(x)");
}

TEST(Branches, MayPassOnWhatIsAroundThemAndCallFunctions) {
  onnx::ModelProto model = empty_model();
  set_boolean(*model.mutable_graph()->add_initializer(), "yes", true);
  node(function(model, "f", {"a"}, {"b"}), "Exp", {"a"}, {"b"});
  auto& choice = node(model, "If", {"yes"}, {"p", "q"});
  auto& then_graph = *attribute(choice, "then_branch").mutable_g();
  fill(*then_graph.add_node(), "f", {"x"}, {"t"}, "local");
  then_graph.add_output()->set_name("z");
  then_graph.add_output()->set_name("t");
  attribute(choice, "else_branch").mutable_g();
  node(model, "Add", {"p", "q"}, {"y"});
  EXPECT_EQ(nodes(model), (Names{"t=unary(x)", "y=binary(z t)"}));
}

TEST(Branches, ThatCannotBeDoneAreRefusedByTheirNode) {
  onnx::ModelProto model = empty_model();
  set_boolean(*model.mutable_graph()->add_initializer(), "yes", true);
  auto& choice = add_if(model, "yes", "x", "y");
  auto& then_graph = *choice.mutable_attribute(0)->mutable_g();
  then_graph.mutable_node(0)->set_op_type("FancyOp");
  then_graph.mutable_node(0)->set_name("inside");
  EXPECT_TRUE(contains(refused<UnsupportedError>(model), "node 'inside' (FancyOp), opset 13"));
  then_graph.clear_output();
  EXPECT_FALSE(refused<Error>(model).empty());
}

TEST(Branches, ThatDependOnAnInputsValuesAreNotRunInSilence) {
  onnx::ModelProto model = empty_model();
  node(model, "Greater", {"x", "z"}, {"more"});
  add_if(model, "more", "x", "y");
  EXPECT_FALSE(refused<Error>(model).empty());
  onnx::ModelProto loop = empty_model();
  node(loop, "Loop", {"", "", "x"}, {"y"}, {}, "again");
  EXPECT_TRUE(contains(refused<UnsupportedError>(loop), "'again' (Loop), opset 13: loops are not supported"));
}

}  // namespace
}  // namespace raceline
