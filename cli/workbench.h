// What most commands need: the machine, its CPU, the primitives, and a model made into a graph.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "raceline/device/cpu_device.h"
#include "raceline/device/devices.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/profile/store.h"
#include "raceline/runtime/network.h"
#include "raceline/runtime/packed_directory.h"

namespace raceline::cli {

/// Sets what the environment does not hold yet of blas_environment(): call it before there are threads, those
/// of an accelerator's driver too. Once more it changes nothing.
void set_library_environment(const Machine& machine);
/// The primitives of this build, after set_library_environment().
PrimitiveRegistry load_primitives(const Machine& machine, DeviceKind accelerator = DeviceKind::cpu);

/// Machine, devices and primitives of this process.
struct Workbench {
  /// With the primitives of an accelerator, which may be null, beside the CPU's.
  explicit Workbench(std::unique_ptr<Device> accelerator = nullptr);
  /// A command's own CPU, and the accelerator.
  Devices devices(CpuDevice& own) const { return {own, accelerator.get()}; }

  std::unique_ptr<Device> accelerator;
  CpuDevice cpu;
  PrimitiveRegistry registry;
  Evaluator evaluator;
};

/// Options that say which model, in which shape, and which graph to make of it.
struct ModelOptions {
  std::filesystem::path path;
  std::vector<std::string> shapes;  ///< NAME=1x3x224x224, or several shapes with commas between them
  std::vector<int64_t> batch;       ///< empty: not given
  std::vector<std::string> inputs;  ///< NAME=FILE.npy
  bool no_fusion = false;
  std::vector<std::string> without_passes;
  uint64_t seed = 1;  ///< of inputs that are not given

  /// Adds the options to a command; the model is positional.
  void add_to(CLI::App& app, bool required = true);
  /// One of these for each binding that lists of shapes and batches describe: the first entry of each list,
  /// the second, ...; a single entry serves all. Throws Error for lists of different lengths.
  std::vector<ModelOptions> bindings() const;
};

/// A model and what the options say of its inputs.
struct OpenedModel {
  OnnxModel model;
  Bindings bindings;                    ///< values are views of `given`
  std::map<std::string, Tensor> given;  ///< from files

  /// A tensor for each of these inputs of the model: from a file, else random. Throws GraphError when a file
  /// holds something else.
  std::vector<Tensor> inputs(const std::vector<std::pair<std::string, TensorDesc>>& wanted, uint64_t seed);
  /// All inputs, in the model's order. Throws GraphError for an open dimension and for a shape argument
  /// without file.
  std::vector<Tensor> all_inputs(uint64_t seed);
};

/// Reads the model and the files; the options must describe one binding.
OpenedModel open_model(const ModelOptions& options);

/// The first stage of a model made into a graph, with tensors for its inputs.
struct LoadedModel {
  std::string name;
  Graph graph;
  std::vector<Tensor> inputs;  ///< in the order of graph.inputs()
  Plan plan;                   ///< of the plans given, the one that fits

  /// The shapes as a Plan stores them.
  std::map<std::string, std::string> shapes() const;
};

/// Reads, binds and passes. With plans, the passes, fusion and shapes of the one that fits are used (shapes
/// given in the options must be its own). Says on stderr when the model has later stages: they are no part of
/// it.
LoadedModel load_model(const ModelOptions& options, const Workbench& bench, const PlanSet* plans = nullptr);

/// Plans of the libraries' primitives, the reference where there is none: for stages that are not tuned.
std::function<Plan(const Graph&)> library_planner(const Workbench& bench);

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

/// A plan file; of an empty path none. Throws ParseError naming the file.
PlanSet read_plans(const std::filesystem::path& path);

/// --cache DIR: packed weights kept for the next start.
void add_cache(CLI::App& app, std::filesystem::path& folder);
/// The store in that folder; none where no folder is given.
std::optional<PackedDirectory> open_cache(const std::filesystem::path& folder);
/// What can not be kept costs time at the next start, so it is a warning on stderr and no error.
void warn_of_trouble(const std::optional<PackedDirectory>& cache);

}  // namespace raceline::cli
