#include "tests/runtime/support.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "raceline/base/error.h"

namespace raceline::testing {
namespace {

class TestKernel final : public Kernel {
 public:
  TestKernel(TestTraits traits, size_t packed) : traits_(std::move(traits)), packed_(packed) {}
  Status run(const KernelArgs& args) const noexcept override { return traits_.run(args); }
  bool reads_constant(size_t) const override { return !traits_.packs_constants; }
  size_t packed_bytes() const override { return packed_; }

 private:
  TestTraits traits_;
  size_t packed_;
};

class TestPrimitive final : public Primitive {
 public:
  explicit TestPrimitive(TestTraits traits)
      : Primitive({.op = traits.op,
                   .library = traits.library,
                   .algorithm = traits.algorithm,
                   .processor = traits.processor,
                   .input = traits.input,
                   .output = traits.output}),
        traits_(std::move(traits)) {}
  Support supports(const LayerDesc&) const override {
    return traits_.refusal.empty() ? Support::yes() : Support::no(traits_.refusal);
  }
  Sharing sharing(const LayerDesc&) const override { return traits_.sharing; }
  size_t workspace_bytes(const LayerDesc&, int) const override { return traits_.workspace_bytes; }
  std::unique_ptr<const Kernel> prepare(const LayerDesc&, const PrepareArgs& args) const override {
    if (traits_.on_prepare) traits_.on_prepare(args);
    size_t packed = 0;
    for (const TensorView& constant : args.constants) {
      if (constant && traits_.packs_constants) packed += constant.desc.bytes();
    }
    return std::make_unique<TestKernel>(traits_, packed);
  }

 private:
  TestTraits traits_;
};

class TestReorder final : public Primitive {
 public:
  explicit TestReorder(std::atomic<int>* runs)
      : Primitive({.op = OpKind::reorder, .library = "reference", .algorithm = "loops"}), runs_(runs) {}
  Support supports(const LayerDesc& layer) const override {
    const auto& params = layer.as<ReorderParams>();
    const bool cpu = params.from.device == DeviceId{} && params.to.device == DeviceId{};
    return cpu && params.from.type == params.to.type ? Support::yes()
                                                     : Support::no("only layouts of the CPU");
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc&, const PrepareArgs&) const override {
    TestTraits traits;
    traits.run = [runs = runs_](const KernelArgs& args) {
      const Tensor copy = with_layout(args.inputs[0], args.outputs[0].desc.layout);
      std::memcpy(args.outputs[0].memory.host(), copy.data<std::byte>(), copy.desc().bytes());
      if (runs != nullptr) ++*runs;
      return Status::ok();
    };
    return std::make_unique<TestKernel>(std::move(traits), 0);
  }

 private:
  std::atomic<int>* runs_;
};

}  // namespace

Memory DirtyDevice::allocate(size_t bytes) {
  const Memory memory = cpu_.allocate(bytes);
  std::memset(memory.host(), 0xFF, bytes);  // a NaN in every float type
  return memory;
}

void add_test_primitive(PrimitiveRegistry& registry, TestTraits traits) {
  registry.add(std::make_unique<TestPrimitive>(std::move(traits)));
}

std::function<Status(const KernelArgs&)> elementwise(float (*f)(float)) {
  return [f](const KernelArgs& args) {
    for (int64_t i = 0; i < args.outputs[0].desc.stored_elements(); ++i) {
      args.outputs[0].data<float>()[i] = f(args.inputs[0].data<float>()[i]);
    }
    return Status::ok();
  };
}

void add_test_reorder(PrimitiveRegistry& registry, std::atomic<int>* runs) {
  registry.add(std::make_unique<TestReorder>(runs));
}

::testing::AssertionResult contains(std::string_view text, std::string_view part) {
  if (text.find(part) != std::string_view::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << text << "' does not contain '" << part << "'";
}

Tensor random_tensor(const TensorDesc& desc, Random& random) {
  Tensor tensor(desc);
  if (desc.type == DataType::f32) {
    for (int64_t i = 0; i < desc.stored_elements(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(random.uniform(-1, 1));
    }
  } else {
    std::memset(tensor.data<std::byte>(), static_cast<int>(random.below(2)), desc.bytes());
  }
  return tensor;
}

std::vector<Tensor> random_inputs(const Graph& graph, Random& random) {
  std::vector<Tensor> inputs;
  for (const ValueId input : graph.inputs()) inputs.push_back(random_tensor(graph.desc(input), random));
  return inputs;
}

std::vector<Tensor> empty_outputs(const Graph& graph) {
  std::vector<Tensor> outputs = output_tensors(graph);
  for (const Tensor& output : outputs) std::memset(output.data<std::byte>(), 0xFF, output.desc().bytes());
  return outputs;
}

std::vector<Tensor> run_once(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry,
                             Devices devices, std::span<const Tensor> inputs, SessionOptions options) {
  Session session(graph, plan, registry, devices, options);
  std::vector<Tensor> outputs = empty_outputs(graph);
  session.run(views_of(inputs), views_of(outputs));
  return outputs;
}

double difference(const Tensor& a, const Tensor& b) {
  if (a.desc() != b.desc()) return std::numeric_limits<double>::infinity();
  if (a.desc().type != DataType::f32) {
    const bool same = std::memcmp(a.data<std::byte>(), b.data<std::byte>(), a.desc().bytes()) == 0;
    return same ? 0 : std::numeric_limits<double>::infinity();
  }
  double largest = 0, magnitude = 1e-30;
  for (int64_t i = 0; i < a.desc().stored_elements(); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    if (std::isnan(x) || std::isnan(y)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(x - y));
    magnitude = std::max({magnitude, std::abs(x), std::abs(y)});
  }
  return largest / magnitude;
}

}  // namespace raceline::testing
