// Networks whose weights and inputs are f16 or bf16 ("fp16 export") run, and are as near to the same network
// in f32 as their type allows.
#include <cmath>

#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "raceline/tensor/half.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

/// The elements of an f32 tensor, rounded to the numbers of T and stored as To.
template <class T, class To>
Tensor rounded(const TensorView& x) {
  Tensor y({data_type_of<To>, x.desc.shape});
  for (int64_t i = 0; i < x.desc.shape.elements(); ++i) {
    y.data<To>()[i] = static_cast<To>(static_cast<float>(T(x.data<float>()[i])));
  }
  return y;
}

/// A network of f32 with constants rounded to the numbers of T, all its tensors stored as To.
template <class T, class To>
Graph rounded(const Graph& graph) {
  Graph copy;
  std::vector<ValueId> map(graph.values().size(), absent);
  for (const ValueId input : graph.inputs()) {
    map[static_cast<size_t>(input)] =
        copy.add_input(graph.value(input).name, {data_type_of<To>, graph.desc(input).shape});
  }
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values().size()); ++id) {
    if (!graph.is_constant(id)) continue;
    map[static_cast<size_t>(id)] =
        copy.add_constant(graph.value(id).name, rounded<T, To>(graph.constant(id)));
  }
  for (const Node& node : graph.nodes()) {
    std::vector<ValueId> inputs;
    for (const ValueId input : node.inputs)
      inputs.push_back(input == absent ? absent : map[static_cast<size_t>(input)]);
    std::vector<std::string> names;
    for (const ValueId output : node.outputs) names.push_back(graph.value(output).name);
    const NodeId id = copy.add_node(node.name, node.op, node.params, inputs, names);
    for (size_t slot = 0; slot < node.outputs.size(); ++slot)
      map[static_cast<size_t>(node.outputs[slot])] = copy.node(id).outputs[slot];
  }
  for (const Fusion& fusion : graph.fusions()) copy.add_fusion(fusion);
  for (const Graph::Output& output : graph.outputs())
    copy.mark_output(map[static_cast<size_t>(output.value)], output.name);
  return copy;
}

template <class T>
Tensor widened(const Tensor& x) {
  Tensor y({DataType::f32, x.desc().shape});
  for (int64_t i = 0; i < x.desc().shape.elements(); ++i)
    y.data<float>()[i] = static_cast<float>(x.data<T>()[i]);
  return y;
}

template <class T>
class HalfNetwork : public ::testing::Test {};
using Formats = ::testing::Types<Half, BFloat16>;
TYPED_TEST_SUITE(HalfNetwork, Formats);

TYPED_TEST(HalfNetwork, RunsByTheReferenceAndByRandomPlans) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  // Roundings of a dozen layers, some of which take differences.
  const double allowed = 64 * std::ldexp(1, -TypeParam::fraction_bits - 1);
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    Random random(seed);
    const Graph source = random_graph(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + source.to_string());
    Graph wide = rounded<TypeParam, float>(source);
    Graph halves = rounded<TypeParam, TypeParam>(source);
    std::vector<Tensor> wide_inputs, half_inputs;
    for (const Tensor& input : random_inputs(source, random)) {
      wide_inputs.push_back(rounded<TypeParam, float>(input.view()));
      half_inputs.push_back(rounded<TypeParam, TypeParam>(input.view()));
    }
    const auto expected = run_once(wide, Plan::reference(wide, registry), registry, device, wide_inputs);
    std::vector<Plan> plans;
    plans.push_back(Plan::reference(halves, registry));
    plans.push_back(random_plan(halves, registry, random));
    for (const Plan& plan : plans) {
      const auto outputs = run_once(halves, plan, registry, device, half_inputs);
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i].desc().type == DataType::i64) continue;  // where a maximum is: two may be equal now
        ASSERT_EQ(outputs[i].desc().type, data_type_of<TypeParam>);
        EXPECT_LE(difference(widened<TypeParam>(outputs[i]), expected[i]), allowed) << "output " << i;
      }
    }
  }
}

}  // namespace
}  // namespace raceline::testing
