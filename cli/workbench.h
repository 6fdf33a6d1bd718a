// What most commands need: the machine, its CPU, the primitives, and a model made into a graph.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "raceline/device/cpu_device.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/profile/store.h"
#include "raceline/runtime/plan.h"

namespace raceline::cli {

/// Machine, device and primitives of this process.
struct Workbench {
  Workbench();
  CpuDevice cpu;
  PrimitiveRegistry registry;
  Evaluator evaluator;
};

/// Options that say which model, in which shape, and which graph to make of it.
struct ModelOptions {
  std::filesystem::path path;
  std::vector<std::string> shapes;  ///< NAME=1x3x224x224
  int64_t batch = 0;                ///< 0: not given
  std::vector<std::string> inputs;  ///< NAME=FILE.npy
  bool no_fusion = false;
  std::vector<std::string> without_passes;
  uint64_t seed = 1;  ///< of inputs that are not given

  /// Adds the options to a command; the model is positional.
  void add_to(CLI::App& app, bool required = true);
};

/// A model made into a graph, with tensors for its inputs: from files, else random.
struct LoadedModel {
  std::string name;
  Graph graph;
  std::vector<Tensor> inputs;  ///< in the order of graph.inputs()

  /// The shapes as a Plan stores them.
  std::map<std::string, std::string> shapes() const;
};

/// Reads, binds and passes. With a plan, its passes, fusion and shapes are used (shapes given in the options
/// win).
LoadedModel load_model(const ModelOptions& options, const Workbench& bench, const Plan* plan = nullptr);

/// A tensor of seeded random elements: normal for floats, 0 to 9 for integers.
Tensor random_tensor(const TensorDesc& desc, uint64_t seed);

/// --threads, --pin, --store, and the primitives that may be chosen.
struct TimingOptions {
  int threads = 0;  ///< 0: the physical cores
  bool no_pin = false;
  std::filesystem::path store;

  void add_to(CLI::App& app);
  /// The number of threads, pinned if wanted; once in a process.
  int prepare(const Workbench& bench) const;
  CostStore open_store(CostStore::Mode mode) const;
};

/// --only and --without.
void add_filter(CLI::App& app, PrimitiveFilter& filter);
/// $XDG_CACHE_HOME/raceline/costs.db, or below ~/.cache.
std::filesystem::path default_store();
/// Splits NAME=VALUE. Throws Error.
std::pair<std::string, std::string> name_value(const std::string& text, std::string_view option);

Plan read_plan(const std::filesystem::path& path);

}  // namespace raceline::cli
