// Networks of the zoo as sessions meet them, run by each library in turn.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "raceline/graph/passes/passes.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/model/zoo/zoo.h"
#include "raceline/search/forced_plan.h"
#include "tests/runtime/support.h"

namespace raceline::testing {

/// The network after the passes. Its file is gone afterwards, but stays mapped.
inline Graph zoo_graph(std::string_view name, const PrimitiveRegistry& registry, Device& device) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("raceline_" + std::string(name) + "_" + std::to_string(::getpid()) + ".onnx");
  write_zoo(name, path);
  const Evaluator evaluator = reference_evaluator(registry, device);
  Graph graph = run_passes(OnnxModel::load(path).build({}, evaluator), evaluator, {});
  std::filesystem::remove(path);
  return graph;
}

/// Every library that has a matrix layer of the network, "reference" aside.
inline std::set<std::string> libraries_of(const Graph& graph, const PrimitiveRegistry& registry) {
  std::set<std::string> libraries;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    const OpKind op = graph.node(node).op;
    if (op != OpKind::conv2d && op != OpKind::gemm) continue;
    for (const Primitive* primitive : registry.candidates(graph.layer(node)))
      libraries.insert(primitive->info().library);
  }
  libraries.erase("reference");
  return libraries;
}

/// Matrix layers by the library where it can; the rest by the library or by our own kernels.
inline Plan plan_by_library(const Graph& graph, const PrimitiveRegistry& registry,
                            const std::string& library) {
  PrimitiveFilter wanted{.only = {library, "native"}, .without = {}};
  if (library != "native") wanted.without = {"conv2d.native", "gemm.native"};
  return forced_plan(graph, CandidateSet(graph, registry, {}), wanted);
}

}  // namespace raceline::testing
