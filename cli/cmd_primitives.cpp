// raceline primitives: the list, or who can compute a layer and who cannot and why.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/devices.h"
#include "cli/json.h"
#include "cli/workbench.h"
#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

struct Options {
  std::string op, layer;
  DeviceOptions devices;
  bool json = false;
};

Json missing_json(const PrimitiveRegistry& registry) {
  Json missing = Json::array();
  for (const Missing& item : registry.missing()) missing.push_back({{"what", item.what}, {"why", item.why}});
  return missing;
}

void print_missing(const PrimitiveRegistry& registry) {
  for (const Missing& item : registry.missing()) fmt::print("missing: {}: {}\n", item.what, item.why);
}

int list_all(const Options& options, const Workbench& bench) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows{
      {"primitive", "library", "algorithm", "implementation", "revision"}};
  if (!options.op.empty()) parse_op(options.op);
  for (const auto& primitive : bench.registry.all()) {
    const PrimitiveInfo& info = primitive->info();
    if (!options.op.empty() && to_string(info.op) != options.op) continue;
    rows.push_back(
        {primitive->name(), info.library, info.algorithm, info.implementation, primitive->revision()});
    list.push_back({{"name", primitive->name()},
                    {"op", to_string(info.op)},
                    {"library", info.library},
                    {"algorithm", info.algorithm},
                    {"implementation", info.implementation},
                    {"blas", info.blas},
                    {"processor", info.processor.to_string()},
                    {"input", to_string(info.input)},
                    {"output", to_string(info.output)},
                    {"revision", primitive->revision()}});
  }
  if (options.json) {
    print_json({{"primitives", list}, {"missing", missing_json(bench.registry)}});
    return done;
  }
  fmt::print("{}{} primitives\n", align_table(rows), rows.size() - 1);
  print_missing(bench.registry);
  return done;
}

int list_for_layer(const Options& options, const Workbench& bench) {
  const LayerDesc layer = LayerDesc::parse(options.layer);
  const auto able = bench.registry.candidates(layer);
  const auto refusals = bench.registry.refusals(layer);
  if (options.json) {
    Json can = Json::array(), cannot = Json::array();
    for (const Primitive* primitive : able) can.push_back(primitive->name());
    for (const auto& refusal : refusals)
      cannot.push_back({{"name", refusal.primitive->name()}, {"why", refusal.why}});
    print_json({{"layer", layer.key()},
                {"can", can},
                {"cannot", cannot},
                {"missing", missing_json(bench.registry)}});
    return done;
  }
  fmt::print("{}\n\n{} can:\n", layer.key(), able.size());
  for (const Primitive* primitive : able) fmt::print("  {}\n", primitive->name());
  fmt::print("\n{} cannot:\n", refusals.size());
  std::vector<std::vector<std::string>> rows;
  rows.reserve(refusals.size());
  for (const auto& refusal : refusals) rows.push_back({"  " + refusal.primitive->name(), refusal.why});
  fmt::print("{}", align_table(rows));
  print_missing(bench.registry);
  return done;
}

}  // namespace

std::function<int()> setup_primitives(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--op", options->op, "Only primitives of this op")->type_name("OP");
  app.add_option("--layer", options->layer, "A layer's key, as `inspect` prints it")
      ->type_name("KEY")
      ->excludes("--op");
  options->devices.add_to(app);
  app.add_flag("--json", options->json, "One JSON document");
  return [options] {
    const Workbench bench(options->devices.open_or_go_on());
    return options->layer.empty() ? list_all(*options, bench) : list_for_layer(*options, bench);
  };
}

}  // namespace raceline::cli
