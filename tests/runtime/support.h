// What the tests of the runtime share: a device whose memory is never clean, random networks, random plans,
// and primitives whose every property can be set.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "raceline/base/random.h"
#include "raceline/device/cpu_device.h"
#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"
#include "raceline/runtime/plan.h"
#include "raceline/runtime/session.h"

namespace raceline::testing {

/// The CPU, with memory that is full of NaN when it is allocated: what is read before it is written shows.
class DirtyDevice final : public Device {
 public:
  DirtyDevice() : cpu_(Machine{.cpu_model = "dirty"}) {}
  DeviceId id() const override { return cpu_.id(); }
  std::string name() const override { return cpu_.name(); }
  std::string fingerprint() const override { return cpu_.fingerprint(); }
  Memory allocate(size_t bytes) override;
  void release(Memory memory) noexcept override { cpu_.release(memory); }
  std::unique_ptr<Queue> make_queue(int threads) override { return cpu_.make_queue(threads); }

 private:
  CpuDevice cpu_;
};

/// A primitive that is whatever a test wants. `run` may be called by one thread at a time.
struct TestTraits {
  OpKind op = OpKind::unary;
  std::string library = "test";
  std::string algorithm = "plain";
  Layout input = Layout::nchw, output = Layout::nchw;
  DeviceId processor = {};
  Sharing sharing = Sharing::none;
  size_t workspace_bytes = 0;
  bool packs_constants = false;
  std::string refusal = "";  ///< why it supports nothing; empty: supports all
  std::function<Status(const KernelArgs&)> run;
  std::function<void(const PrepareArgs&)> on_prepare = {};
};
void add_test_primitive(PrimitiveRegistry& registry, TestTraits traits);
/// y = f(x) on f32 in order of memory, over any layout.
std::function<Status(const KernelArgs&)> elementwise(float (*f)(float));
/// Reorders between any layouts of f32 on the CPU, as library "reference"; counts its runs if asked.
void add_test_reorder(PrimitiveRegistry& registry, std::atomic<int>* runs = nullptr);

/// Calls `action`, which must throw an Exception, and gives its text.
template <class Exception, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}
::testing::AssertionResult contains(std::string_view text, std::string_view part);

/// Uniform in [-1, 1); other types get small whole numbers.
Tensor random_tensor(const TensorDesc& desc, Random& random);
std::vector<Tensor> random_inputs(const Graph& graph, Random& random);
/// Tensors full of NaN for the graph's outputs.
std::vector<Tensor> empty_outputs(const Graph& graph);
/// Runs once in a session of its own.
std::vector<Tensor> run_once(Graph& graph, const Plan& plan, const PrimitiveRegistry& registry,
                             Devices devices, std::span<const Tensor> inputs, SessionOptions options = {});
/// The largest difference as a share of the largest magnitude; infinity where there is a NaN.
double difference(const Tensor& a, const Tensor& b);

/// A small network of convolutions, pools, elementwise ops, concats and reshapes; with fusions, several
/// outputs of all kinds, and values nobody uses.
Graph random_graph(Random& random);
/// A plan of random candidates, fusions and conversions that fits the graph.
Plan random_plan(const Graph& graph, const PrimitiveRegistry& registry, Random& random);

}  // namespace raceline::testing
