#include "cli/workbench.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/base/text.h"
#include "raceline/model/npy.h"
#include "raceline/tensor/half.h"
#include "raceline/tune/plan_graph.h"

namespace raceline::cli {

Workbench::Workbench()
    : cpu(Machine::detect()), registry(builtin_primitives()), evaluator(reference_evaluator(registry, cpu)) {}

void ModelOptions::add_to(CLI::App& app, bool required) {
  auto* model = app.add_option("model", path, "ONNX file")->type_name("MODEL");
  if (required) model->required();
  app.add_option("--shape", shapes, "Shape of an input, for symbolic dimensions")
      ->type_name("NAME=1x3x224x224");
  app.add_option("--batch", batch, "Value of a symbolic batch dimension")->check(CLI::PositiveNumber);
  app.add_option("--input", inputs, "Values of an input; random where not given")->type_name("NAME=FILE.npy");
  app.add_flag("--no-fusion", no_fusion, "Keep the layers of the model: no folding of batch-norm, no fusion");
  app.add_option("--without-pass", without_passes, "Leave out a graph pass")->type_name("NAME");
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

LoadedModel load_model(const ModelOptions& options, const Workbench& bench, const Plan* plan) {
  OnnxModel model = OnnxModel::load(options.path);
  Bindings bindings;
  for (const std::string& text : options.shapes) {
    const auto [name, shape] = name_value(text, "--shape");
    bindings.shapes[name] = Shape::parse(shape);
  }
  if (options.batch > 0) bindings.default_batch = options.batch;
  std::map<std::string, Tensor> given;
  for (const std::string& text : options.inputs) {
    const auto [name, file] = name_value(text, "--input");
    given.insert_or_assign(name, read_npy(file));
  }
  const std::vector<std::string> shape_arguments = model.shape_arguments();
  std::vector<std::string> known;
  for (const OnnxInput& input : model.inputs()) known.push_back(input.name);
  for (const auto& [name, tensor] : given) {
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
  LoadedModel loaded{.name = options.path.stem().string(), .graph = {}, .inputs = {}};
  if (plan != nullptr) {
    loaded.graph = graph_for_plan(model, *plan, std::move(bindings), bench.evaluator);
  } else {
    loaded.graph = run_passes(model.build(bindings, bench.evaluator), bench.evaluator,
                              {.fusion = !options.no_fusion, .without = options.without_passes});
  }
  uint64_t seed = options.seed;
  for (const ValueId input : loaded.graph.inputs()) {
    const Value& value = loaded.graph.value(input);
    const auto found = given.find(value.name);
    if (found == given.end()) {
      loaded.inputs.push_back(random_tensor(value.desc, seed++));
      continue;
    }
    if (found->second.desc() != value.desc) {
      throw GraphError(fmt::format("--input {}: the file holds {}, the model wants {}", value.name,
                                   found->second.desc().to_string(), value.desc.to_string()));
    }
    loaded.inputs.push_back(std::move(found->second));
  }
  return loaded;
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
      ->type_name("NAME")
      ->delimiter(',');
  app.add_option("--without", filter.without, "Do not use these primitives")
      ->type_name("NAME")
      ->delimiter(',');
}

Plan read_plan(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  try {
    return Plan::from_json(text);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("plan '{}': {}", path.string(), error.what()));
  }
}

}  // namespace raceline::cli
