// raceline collect: measure layers on a platform, for a dataset that predictors are trained on.
#include <fmt/format.h>

#include "cli/collect_items.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/platform_command.h"
#include "cli/progress.h"
#include "cli/scratch_folder.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/gzip.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/dataset/dataset.h"

namespace raceline::cli {
namespace {

struct Options {
  ItemOptions items;
  std::vector<std::string> models;
  std::vector<int64_t> batches{1};
  std::string platform, shard = "1/1";
  std::filesystem::path python, store = default_store(), csv;
  CollectOptions collect;
  double budget_ms = 50;
  int64_t pairs = 0;
  bool dry_run = false, json = false;
};

void read_shard(Options& options) {
  const std::vector<std::string_view> parts = split(options.shard, '/');
  if (parts.size() == 2) {
    const int64_t part = parse_int(parts[0], "--shard"), all = parse_int(parts[1], "--shard");
    if (part >= 1 && part <= all && all <= 100'000) {
      options.items.shard = static_cast<int>(part);
      options.items.shards = static_cast<int>(all);
      return;
    }
  }
  throw Error(fmt::format("--shard: '{}'; wanted I/N with I from 1 to N", options.shard));
}

std::string machine_text(const Machine& machine) {
  return fmt::format("{}, {} cores, L2 {}, L3 {}, {}, {}", machine.cpu_model, machine.physical_cores,
                     human_bytes(static_cast<double>(machine.l2_bytes)),
                     human_bytes(static_cast<double>(machine.l3_bytes)),
                     human_bytes(static_cast<double>(machine.ram_bytes)), machine.system);
}

/// What is measured, as the sitting says it of the command, without paths.
std::string items_text(const Options& options) {
  if (!options.models.empty()) return fmt::format("models {}", join(options.models, ","));
  if (options.pairs > 0)
    return fmt::format("pairs {} seed {} shard {}", options.pairs, options.items.seed, options.shard);
  return fmt::format("set {} space {} layers {} samples {} seed {} shard {}", options.items.set,
                     options.items.space,
                     options.items.layers.empty() ? "all" : join(options.items.layers, ","),
                     options.items.samples, options.items.seed, options.shard);
}

/// And how.
std::string what_text(const Options& options) {
  return fmt::format("{} rounds {}-{} of {} ms, a process for each", items_text(options),
                     options.collect.rounds, options.collect.most_rounds, options.budget_ms);
}

Json to_json(const CollectReport& report) {
  return {{"items", report.items},
          {"samples", report.samples},
          {"from_store", report.from_store},
          {"failed", report.failed},
          {"disturbed", report.disturbed},
          {"restarts", report.restarts},
          {"repeats_not_due", report.repeats_not_due},
          {"failures", report.failures},
          {"complete", report.complete},
          {"seconds", report.seconds}};
}

void print_report(const CollectReport& report) {
  fmt::print("{} items: {} samples in {:.0f} s ({:.2f} a second), {} items were in the store\n", report.items,
             report.samples, report.seconds,
             report.seconds > 0 ? static_cast<double>(report.samples) / report.seconds : 0,
             report.from_store);
  fmt::print("{} failed, {} disturbed rounds kept, worker started anew {} times\n", report.failed,
             report.disturbed, report.restarts);
  constexpr size_t shown = 10;
  for (size_t index = 0; index < std::min(shown, report.failures.size()); ++index) {
    fmt::print("  {}\n", printable(report.failures[index]));
  }
  if (report.failures.size() > shown) fmt::print("  and {} more\n", report.failures.size() - shown);
  if (report.repeats_not_due > 0) {
    fmt::print("{} items are to be measured again, but not yet: run the command again later\n",
               report.repeats_not_due);
  }
}

int collect_items(Options& options) {
  read_shard(options);
  const ScratchFolder scratch;
  const Machine machine = Machine::detect();
  const std::vector<CollectItem> items = !options.models.empty()
                                             ? model_items(options.models, options.batches)
                                         : options.pairs > 0 ? pair_items(options.items, options.pairs)
                                                             : layer_items(options.items);
  if (options.dry_run) {
    for (const CollectItem& item : items) fmt::print("{}\t{}\n", item.origin, item.name);
    return done;
  }
  CollectOptions& collecting = options.collect;
  collecting.command = platform_command(options.platform, options.python);
  const bool is_ours = options.platform == "raceline" || options.platform == "raceline-opencl";
  if (is_ours) {  // each round has a process of its own, and the rounds of a layer should have one plan in a
                  // sitting
    collecting.command.push_back("--costs");
    collecting.command.push_back(scratch.path() / "costs.db");
  }
  // OpenCL on the CPU uses all cores, whatever the threads beside it.
  const bool uses_all = options.platform == "raceline-opencl";
  collecting.sentinel_threads = uses_all ? machine.physical_cores : collecting.threads;
  collecting.place = {.cores = shared_cores(collecting.sentinel_threads),
                      .log = scratch.path() / "stderr",
                      .environment = {}};
  pin_threads(collecting.sentinel_threads);  // the sentinel runs where the worker does
  collecting.device = machine.fingerprint();
  collecting.machine = machine_text(machine);
  collecting.what = what_text(options);
  collecting.budget_us = options.budget_ms * 1e3;
  collecting.seed = options.items.seed;
  collecting.scratch = scratch.path() / "layer";
  std::filesystem::create_directories(collecting.scratch);
  if (options.store.has_parent_path()) std::filesystem::create_directories(options.store.parent_path());
  SampleStore store = SampleStore::open(options.store);
  Progress progress("collect");
  collecting.stop = [] { return is_interrupted(); };
  collecting.progress = [&](size_t at, size_t all, const std::string& now) { progress.show(at, all, now); };
  CollectReport report;
  try {
    report = collect(items, store, collecting);
  } catch (const ChildError& error) {
    const std::string log =
        std::filesystem::exists(collecting.place.log) ? read_file(collecting.place.log) : "";
    throw Error(fmt::format("{}\n{}", error.what(), log.size() > 4000 ? log.substr(log.size() - 4000) : log));
  }
  progress.finish();
  if (!options.csv.empty()) {
    write_maybe_gzip(options.csv, to_csv(dataset_of(store, {.least_rounds = collecting.rounds})));
  }
  if (options.json) {
    print_json(to_json(report));
  } else {
    print_report(report);
  }
  return is_interrupted() ? interrupted : done;
}

}  // namespace

std::function<int()> setup_collect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--platform", options->platform,
                 "raceline, onnxruntime, openvino, tensorflow, pytorch, tensorrt, or the command of a worker")
      ->required()
      ->type_name("P");
  app.add_option("--mode", options->collect.mode, "optimised or unoptimised")->capture_default_str();
  app.add_option("--set", options->items.set, "train, or a frozen test set: test-uniform, test-networks")
      ->capture_default_str();
  app.add_option("--space", options->items.space, "Where layers come from: perfnetrt, resperfnet, raceline")
      ->capture_default_str();
  app.add_option("--layers", options->items.layers,
                 "Types of layers, perhaps with how many: conv:2000,max_pool,...; all of the space")
      ->type_name("LIST")
      ->delimiter(',');
  app.add_option("--samples", options->items.samples, "Layers of each type")
      ->check(CLI::Range(int64_t{1}, most_samples))
      ->capture_default_str();
  app.add_option("--seed", options->items.seed, "Of the draws")->capture_default_str();
  app.add_option("--prior", options->items.prior, "Layers of real networks, as `dataset layers` writes them")
      ->type_name("TSV");
  app.add_option("--most-memory", options->items.most_mebibytes, "MiB of tensors that a layer may have")
      ->capture_default_str();
  app.add_option("--most-ms", options->items.most_ms, "Roughly expected milliseconds that a layer may take")
      ->capture_default_str();
  app.add_option("--shard", options->shard, "This part of the layers: I/N")->capture_default_str();
  app.add_option("--models", options->models, "Whole models instead of layers: names of the zoo, or files")
      ->type_name("NET,...")
      ->delimiter(',');
  app.add_option(
         "--pairs", options->pairs,
         "Instead so many pairs of layers of each kind, and their layers alone: what the platform joins")
      ->check(CLI::Range(int64_t{1}, most_samples))
      ->excludes("--models", "--set", "--space", "--layers", "--samples");
  app.add_option("--batch", options->batches, "Batches of the models")->delimiter(',')->capture_default_str();
  app.add_flag("--primitives", options->collect.primitives,
               "Every primitive of the platform, if it names any");
  app.add_option("--threads", options->collect.threads, "Threads of the worker, bound to as many cores")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--rounds", options->collect.rounds, "Rounds of each layer")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option(
         "--most-rounds", options->collect.most_rounds,
         "Rounds of a layer whose fastest round no other confirms, at most; twice as many of one with "
         "fewer than two calm ones")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--round-gap", options->collect.round_gap_seconds,
                 "Seconds between two rounds of a layer, at least")
      ->capture_default_str();
  app.add_option("--budget", options->budget_ms, "Milliseconds of timing in a round")->capture_default_str();
  app.add_option("--deadline", options->collect.deadline_seconds,
                 "Seconds after which a worker counts as hanging")
      ->capture_default_str();
  app.add_option("--repeat", options->collect.repeat_rows,
                 "Layers of each type measured once more, for the noise floor")
      ->capture_default_str();
  app.add_option("--repeat-after", options->collect.repeat_after_seconds,
                 "Seconds before a layer is measured again")
      ->capture_default_str();
  app.add_flag("--retry-failed", options->collect.retry_failed, "Try again what failed before");
  app.add_option("--python", options->python,
                 "Interpreter of the worker; that of tools/install-peers if not given")
      ->type_name("FILE");
  app.add_option("--store", options->store, "Store of the samples")->type_name("DB")->capture_default_str();
  app.add_option("-o,--output", options->csv, "Write all of the store as a dataset: .csv, or .csv.gz")
      ->type_name("DATA.csv");
  app.add_flag("--dry-run", options->dry_run, "Print the layers and measure nothing");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return collect_items(*options); };
}

}  // namespace raceline::cli
