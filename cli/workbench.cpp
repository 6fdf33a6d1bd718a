#include "cli/workbench.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "cli/load_graph.h"
#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/base/text.h"
#include "raceline/kernels/common/blas_library.h"
#include "raceline/model/npy.h"
#include "raceline/search/forced_plan.h"
#include "raceline/tensor/half.h"

namespace raceline::cli {

void set_library_environment(const Machine& machine) {
  for (const LibraryVariable& variable : blas_environment(machine)) {
    ::setenv(variable.name.c_str(), variable.value.c_str(), 0);
  }
}

PrimitiveRegistry load_primitives(const Machine& machine, DeviceKind accelerator) {
  set_library_environment(machine);
  return builtin_primitives(accelerator);
}

Workbench::Workbench(std::unique_ptr<Device> opened)
    : accelerator(std::move(opened)),
      cpu(Machine::detect()),
      registry(load_primitives(cpu.machine(), accelerator ? accelerator->id().kind : DeviceKind::cpu)),
      evaluator(reference_evaluator(registry, cpu)) {}

void ModelOptions::add_to(CLI::App& app, bool required) {
  auto* model = app.add_option("model", path, "ONNX file")->type_name("MODEL");
  if (required) model->required();
  app.add_option(
         "--shape", shapes,
         "Shape of an input, for symbolic dimensions. tune takes several with commas between them, and "
         "makes a plan for each: NAME=1x3x224x224,1x3x320x320")
      ->type_name("NAME=1x3x224x224");
  app.add_option(
         "--batch", batch,
         "Value of a symbolic batch dimension. tune takes several: 1,4. Lists of --shape and --batch go "
         "together, entry by entry; a single entry serves all")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--input", inputs, "Values of an input; random where not given")->type_name("NAME=FILE.npy");
  app.add_flag("--no-fusion", no_fusion, "Keep the layers of the model: no folding of batch-norm, no fusion");
  app.add_option("--without-pass", without_passes, "Leave out a graph pass")->type_name("PASS");
  app.add_option("--seed", seed, "Of random inputs, and of strategies that sample")->capture_default_str();
}

std::map<std::string, std::string> LoadedModel::shapes() const {
  std::map<std::string, std::string> shapes;
  for (const ValueId input : graph.inputs()) shapes[graph.value(input).name] = graph.desc(input).to_string();
  return shapes;
}

std::pair<std::string, std::string> name_value(const std::string& text, std::string_view option) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(fmt::format("{} '{}': wanted NAME=VALUE", option, text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<ModelOptions> ModelOptions::bindings() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> lists;
  for (const std::string& text : shapes) {
    const auto [name, list] = name_value(text, "--shape");
    auto found = std::find_if(lists.begin(), lists.end(),
                              [&, &wanted = name](const auto& each) { return each.first == wanted; });
    if (found == lists.end()) found = lists.insert(lists.end(), {name, {}});
    for (const std::string_view shape : split(list, ',')) found->second.emplace_back(shape);
  }
  size_t count = std::max<size_t>(1, batch.size());
  for (const auto& [name, list] : lists) count = std::max(count, list.size());
  const auto check = [&](std::string_view option, size_t length) {
    if (length == 1 || length == count) return;
    throw Error(fmt::format("{}: {} values given; wanted is one, or {} as in the longest list", option,
                            length, count));
  };
  if (!batch.empty()) check("--batch", batch.size());
  for (const auto& [name, list] : lists) check(fmt::format("--shape {}", name), list.size());
  std::vector<ModelOptions> all(count, *this);
  for (size_t index = 0; index < count; ++index) {
    all[index].shapes.clear();
    for (const auto& [name, list] : lists) {
      all[index].shapes.push_back(fmt::format("{}={}", name, list[list.size() == 1 ? 0 : index]));
    }
    if (batch.size() > 1) all[index].batch = {batch[index]};
  }
  return all;
}

OpenedModel open_model(const ModelOptions& options) {
  const std::vector<ModelOptions> one = options.bindings();
  if (one.size() > 1) {
    throw Error(fmt::format("--shape and --batch describe {} bindings; wanted is one", one.size()));
  }
  OpenedModel opened{.model = OnnxModel::load(options.path), .bindings = {}, .given = {}};
  Bindings& bindings = opened.bindings;
  for (const std::string& text : one.front().shapes) {
    const auto [name, shape] = name_value(text, "--shape");
    bindings.shapes[name] = Shape::parse(shape);
  }
  if (!options.batch.empty()) bindings.batch = options.batch.front();
  for (const std::string& text : options.inputs) {
    const auto [name, file] = name_value(text, "--input");
    opened.given.insert_or_assign(name, read_npy(file));
  }
  const std::vector<std::string> shape_arguments = opened.model.shape_arguments();
  std::vector<std::string> known;
  for (const OnnxInput& input : opened.model.inputs()) known.push_back(input.name);
  for (const auto& [name, tensor] : opened.given) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(fmt::format("--input {}: the model has no such input; it has {}", name, join(known, ", ")));
    }
    const bool decides_shapes =
        std::find(shape_arguments.begin(), shape_arguments.end(), name) != shape_arguments.end();
    if (decides_shapes) {
      bindings.values[name] = tensor.view();
    } else if (!bindings.shapes.contains(name)) {
      bindings.shapes[name] = tensor.desc().shape;
    }
  }
  return opened;
}

std::vector<Tensor> OpenedModel::inputs(const std::vector<std::pair<std::string, TensorDesc>>& wanted,
                                        uint64_t seed) {
  std::vector<Tensor> tensors;
  for (const auto& [name, desc] : wanted) {
    const auto found = given.find(name);
    if (found == given.end()) {
      tensors.push_back(random_tensor(desc, seed++));
      continue;
    }
    if (found->second.desc() != desc) {
      throw GraphError(fmt::format("--input {}: the file holds {}, the model wants {}", name,
                                   found->second.desc().to_string(), desc.to_string()));
    }
    tensors.push_back(with_layout(found->second.view(), Layout::nchw));
  }
  return tensors;
}

std::vector<Tensor> OpenedModel::all_inputs(uint64_t seed) {
  for (const std::string& name : model.shape_arguments()) {
    if (bindings.values.contains(name)) continue;
    throw GraphError(fmt::format(
        "the value of input '{}' decides shapes of this model and must be given (--input NAME=FILE.npy)",
        name));
  }
  const std::vector<TensorDesc> descs = model.resolve(bindings);
  std::vector<std::pair<std::string, TensorDesc>> wanted;
  for (size_t index = 0; index < descs.size(); ++index) {
    wanted.emplace_back(model.inputs()[index].name, descs[index]);
  }
  return inputs(wanted, seed);
}

LoadedModel load_model(const ModelOptions& options, const Workbench& bench, const PlanSet* plans) {
  OpenedModel opened = open_model(options);
  LoadedModel loaded = load_graph(opened, options, bench, plans);
  std::vector<std::pair<std::string, TensorDesc>> wanted;
  for (const ValueId input : loaded.graph.inputs()) {
    wanted.emplace_back(loaded.graph.value(input).name, loaded.graph.desc(input));
  }
  loaded.inputs = opened.inputs(wanted, options.seed);
  return loaded;
}

std::function<Plan(const Graph&)> library_planner(const Workbench& bench) {
  return [&bench](const Graph& graph) {
    const CandidateSet candidates(graph, bench.registry, {});
    return forced_plan(graph, candidates, {.only = {}, .without = {"reference"}});
  };
}

Tensor random_tensor(const TensorDesc& desc, uint64_t seed) {
  Tensor tensor(desc);
  Random random(seed);
  const int64_t count = desc.stored_elements();
  const auto fill = [&](auto* data, auto&& next) {
    for (int64_t index = 0; index < count; ++index) data[index] = next();
  };
  switch (desc.type) {
    case DataType::f32:
      fill(tensor.data<float>(), [&] { return static_cast<float>(random.normal()); });
      break;
    case DataType::f64:
      fill(tensor.data<double>(), [&] { return random.normal(); });
      break;
    case DataType::f16:
      fill(tensor.data<Half>(), [&] { return Half(random.normal()); });
      break;
    case DataType::bf16:
      fill(tensor.data<BFloat16>(), [&] { return BFloat16(random.normal()); });
      break;
    case DataType::i64:
    case DataType::u64:
      fill(tensor.data<int64_t>(), [&] { return random.below(10); });
      break;
    case DataType::i32:
    case DataType::u32:
      fill(tensor.data<int32_t>(), [&] { return static_cast<int32_t>(random.below(10)); });
      break;
    case DataType::i16:
    case DataType::u16:
      fill(tensor.data<int16_t>(), [&] { return static_cast<int16_t>(random.below(10)); });
      break;
    case DataType::i8:
    case DataType::u8:
      fill(tensor.data<uint8_t>(), [&] { return static_cast<uint8_t>(random.below(10)); });
      break;
    case DataType::boolean:
      fill(tensor.data<bool>(), [&] { return random.below(2) == 1; });
      break;
  }
  return tensor;
}

std::filesystem::path default_store() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return std::filesystem::path(cache) / "raceline" / "costs.db";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".cache" / "raceline" / "costs.db";
  }
  return "raceline-costs.db";
}

void TimingOptions::add_to(CLI::App& app) {
  app.add_option("--threads", threads, "Threads a layer may use; 0: one a physical core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--no-pin", no_pin, "Leave the threads where the system puts them");
  store = default_store();
  app.add_option("--store", store, "Store of measured costs")->type_name("DB")->capture_default_str();
}

int TimingOptions::prepare(const Workbench& bench) const {
  const int count = threads > 0 ? threads : bench.cpu.machine().physical_cores;
  if (!no_pin) pin_threads(count);
  return count;
}

CostStore TimingOptions::open_store(CostStore::Mode mode) const {
  if (mode == CostStore::Mode::write && store.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(store.parent_path(), error);
    if (error) {
      throw IoError(
          fmt::format("cannot make the folder of the store '{}': {}", store.string(), error.message()));
    }
  }
  return CostStore::open(store, mode);
}

void add_filter(CLI::App& app, PrimitiveFilter& filter) {
  app.add_option("--only", filter.only, "Use these primitives wherever they can (a name or a part of one)")
      ->type_name("PRIMITIVE")
      ->delimiter(',');
  app.add_option("--without", filter.without, "Do not use these primitives")
      ->type_name("PRIMITIVE")
      ->delimiter(',');
}

void add_cache(CLI::App& app, std::filesystem::path& folder) {
  app.add_option("--cache", folder, "Keep packed weights in this folder, and take them from there")
      ->type_name("DIR");
}

std::optional<PackedDirectory> open_cache(const std::filesystem::path& folder) {
  if (folder.empty()) return std::nullopt;
  return PackedDirectory(folder);
}

void warn_of_trouble(const std::optional<PackedDirectory>& cache) {
  if (!cache || cache->trouble().empty()) return;
  fmt::print(stderr, "warning: packed weights are not kept: {}\n", cache->trouble());
}

PlanSet read_plans(const std::filesystem::path& path) {
  if (path.empty()) return {};
  const std::string text = read_file(path);
  try {
    return PlanSet::from_json(text);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("plan '{}': {}", path.string(), error.what()));
  }
}

}  // namespace raceline::cli
