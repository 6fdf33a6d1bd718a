// Stand-in primitives, a graph of a ReLU and a store for the tests of the profiler.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/profile/profiler.h"
#include "tests/profile/stand_ins.h"

namespace raceline {

inline const Shape shape{1, 8, 6, 5};
inline constexpr const char* reference_name = "unary.reference.pretend.nchw@cpu";

inline std::string relu_name(const std::string& library, const std::string& layout = "nchw") {
  return "unary." + library + ".pretend." + layout + "@cpu";
}

class ProfilerTest : public testing::Test {
 protected:
  ProfilerTest() {
    options.timing.clock = [this] { return pretence.now_us; };
    options.lock.clear();
    const ValueId x = graph.add_input("x", {DataType::f32, shape, Layout::nchw});
    const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {x});
    graph.mark_output(graph.node(relu).outputs[0], "y");
    relu_key = graph.layer(relu).key();
    add_relu("reference", 400);
  }

  void add_relu(const std::string& library, double us, Layout layout = Layout::nchw,
                Behaviour behaviour = Behaviour::right) {
    registry.add(std::make_unique<StandIn>(stand_in_info(OpKind::unary, library, layout, layout), pretence,
                                           us, behaviour));
  }
  void add_relu_on_threads(const std::string& library, double all_us, double single_us) {
    auto relu = std::make_unique<StandIn>(stand_in_info(OpKind::unary, library, Layout::nchw, Layout::nchw),
                                          pretence, all_us);
    relu->set_single_us(single_us);
    registry.add(std::move(relu));
  }
  void add_reorders(double us) {
    for (const auto& [from, to] : {std::pair{Layout::nchw, Layout::nhwc}, {Layout::nhwc, Layout::nchw}}) {
      registry.add(
          std::make_unique<StandIn>(stand_in_info(OpKind::reorder, "reference", from, to), pretence, us));
    }
  }
  ProfileReport run() {
    table = CostTable();
    pretence.runs.clear();
    const CandidateSet candidates(graph, registry, {});
    return profile(candidates, registry, device, store, options, table);
  }
  CostKey key(const std::string& primitive) const {
    return {relu_key,        primitive,     registry.at(primitive).revision(), device.fingerprint(),
            options.threads, options.pinned};
  }

  Pretence pretence;
  PrimitiveRegistry registry;
  CpuDevice device{Machine{}};
  CostStore store = CostStore::temporary();
  ProfileOptions options;
  CostTable table;
  Graph graph;
  std::string relu_key;
};

}  // namespace raceline
