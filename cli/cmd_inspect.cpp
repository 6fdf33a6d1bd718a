// raceline inspect: the layers of a model with their work, or facts about the machine.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/roofline.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/device/opencl/opencl.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  bool machine = false;
  bool graph = false;
  bool json = false;
};

Json opencl_json(const OpenClListing& listing) {
  Json devices = Json::array();
  for (const OpenClInfo& info : listing.devices) {
    devices.push_back({{"device", fmt::format("opencl:{}", devices.size())},
                       {"name", info.name},
                       {"vendor", info.vendor},
                       {"version", info.version},
                       {"driver", info.driver},
                       {"platform", info.platform},
                       {"is_cpu", info.is_cpu},
                       {"compute_units", info.compute_units},
                       {"memory_bytes", info.memory_bytes},
                       {"largest_buffer_bytes", info.largest_buffer_bytes}});
  }
  return devices;
}

void print_devices(const OpenClListing& listing) {
  fmt::print("devices      cpu\n");
  for (size_t index = 0; index < listing.devices.size(); ++index) {
    const OpenClInfo& info = listing.devices[index];
    fmt::print("             opencl:{}  {} ({} {}), {} units, {}{}\n", index, printable(info.name),
               printable(info.platform), printable(info.driver), info.compute_units,
               human_bytes(static_cast<double>(info.memory_bytes)),
               info.is_cpu ? ", this machine's own cores" : "");
  }
  if (listing.devices.empty()) fmt::print("             no opencl: {}\n", listing.why_none);
}

int inspect_machine(const Options& options, const Workbench& bench) {
  const OpenClListing opencl = list_opencl_devices();
  const Machine& machine = bench.cpu.machine();
  const Peaks one = measure_peaks(machine, 1);
  const Peaks all = machine.physical_cores > 1 ? measure_peaks(machine, machine.physical_cores) : one;
  if (options.json) {
    print_json({{"cpu", machine.cpu_model},
                {"physical_cores", machine.physical_cores},
                {"logical_cores", machine.logical_cores},
                {"l1d_bytes", machine.l1d_bytes},
                {"l2_bytes", machine.l2_bytes},
                {"l3_bytes", machine.l3_bytes},
                {"ram_bytes", machine.ram_bytes},
                {"isa", machine.isa},
                {"system", machine.system},
                {"fingerprint", machine.fingerprint()},
                {"peaks", {peaks_json(one), peaks_json(all)}},
                {"devices", {bench.cpu.id().to_string()}},
                {"opencl", opencl_json(opencl)}});
    return done;
  }
  const auto bytes = [](int64_t count) { return human_bytes(static_cast<double>(count)); };
  fmt::print("processor    {}, {} cores ({} logical)\n", machine.cpu_model, machine.physical_cores,
             machine.logical_cores);
  fmt::print("caches       L1d {}, L2 {}, L3 {}; memory {}\n", bytes(machine.l1d_bytes),
             bytes(machine.l2_bytes), bytes(machine.l3_bytes), bytes(machine.ram_bytes));
  fmt::print("instructions {}\n", join(machine.isa, " "));
  fmt::print("FMA peak     {:.0f} GFLOP/s one core, {:.0f} all\n", one.fma_gflops, all.fma_gflops);
  fmt::print(
      "reading      L2 {:.0f} GB/s, L3 {:.0f} GB/s, memory {:.0f} GB/s one core; {:.0f}, {:.0f}, {:.0f} "
      "all\n",
      one.l2_gbs, one.l3_gbs, one.ram_gbs, all.l2_gbs, all.l3_gbs, all.ram_gbs);
  fmt::print("system       {}\nfingerprint  {}\n", machine.system, machine.fingerprint());
  print_devices(opencl);
  return done;
}

int inspect_model(const Options& options, const Workbench& bench) {
  const LoadedModel model = load_model(options.model, bench);
  const Graph& graph = model.graph;
  if (options.graph) {
    fmt::print("{}", printable(graph.to_string()));
    return done;
  }
  Json layers = Json::array();
  std::vector<std::vector<std::string>> rows{{"node", "MFLOP", "MB", "FLOP/B", "layer"}};
  double flops = 0, moved = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const LayerDesc layer = graph.layer(id);
    flops += layer.flops();
    moved += layer.bytes_moved();
    rows.push_back({graph.node(id).name, fmt::format("{:.3f}", layer.flops() * 1e-6),
                    fmt::format("{:.3f}", layer.bytes_moved() * 1e-6),
                    fmt::format("{:.1f}", layer.flops() / std::max(1.0, layer.bytes_moved())), layer.key()});
    layers.push_back({{"node", graph.node(id).name},
                      {"op", to_string(layer.op)},
                      {"key", layer.key()},
                      {"flops", layer.flops()},
                      {"bytes", layer.bytes_moved()}});
  }
  const auto parameters = static_cast<double>(graph.constant_bytes());
  if (options.json) {
    print_json({{"model", model.name},
                {"graph", graph.key()},
                {"layers", layers},
                {"flops", flops},
                {"bytes", moved},
                {"weights_bytes", parameters}});
    return done;
  }
  fmt::print("{}\n", align_table(rows));
  for (const ValueId input : graph.inputs()) {
    fmt::print("input  {} {}\n", printable(graph.value(input).name), graph.desc(input).to_string());
  }
  for (const Graph::Output& output : graph.outputs()) {
    fmt::print("output {} {}\n", printable(output.name), graph.desc(output.value).to_string());
  }
  fmt::print("{} layers, {:.3f} GFLOP, {} moved, {} of weights\n", graph.nodes().size(), flops * 1e-9,
             human_bytes(moved), human_bytes(parameters));
  return done;
}

}  // namespace

std::function<int()> setup_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app, false);
  app.add_flag("--machine", options->machine,
               "Facts about this machine: caches, FMA peak, bandwidths, devices");
  app.add_flag("--graph", options->graph, "The graph after the passes, as text");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] {
    if (!options->machine && options->model.path.empty()) {
      throw Error("inspect: give a MODEL or --machine");
    }
    const Workbench bench;
    return options->machine ? inspect_machine(*options, bench) : inspect_model(*options, bench);
  };
}

}  // namespace raceline::cli
