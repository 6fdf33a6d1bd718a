// raceline store: look at, judge, export, import and merge measured costs.
#include <set>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/store_winners.h"
#include "cli/workbench.h"
#include "raceline/base/file.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/profile/sample_store.h"

namespace raceline::cli {
namespace {

struct Options {
  std::filesystem::path store = default_store(), file;
  bool json = false;
};

int info(const Options& options) {
  const CostStore store = CostStore::open(options.store, CostStore::Mode::read);
  std::set<std::string> layers, primitives, devices;
  size_t samples = 0, failed = 0, started = 0;
  std::string first, last;
  const std::vector<CostRow> rows = store.rows();
  for (const CostRow& row : rows) {
    layers.insert(row.key.layer);
    primitives.insert(row.key.primitive);
    devices.insert(row.key.device);
    samples += row.samples_us.size();
    failed += row.state == CostState::failed ? 1 : 0;
    started += row.state == CostState::started ? 1 : 0;
    if (first.empty() || row.taken_at < first) first = row.taken_at;
    last = std::max(last, row.taken_at);
  }
  size_t run_samples = 0;
  const std::vector<RunKey> runs = store.run_keys();
  for (const RunKey& key : runs) {
    for (const RunRow& row : store.find_runs(key)) run_samples += row.samples_us.size();
  }
  if (options.json) {
    print_json({{"store", options.store.string()},
                {"rows", rows.size()},
                {"runs", runs.size()},
                {"run_samples", run_samples},
                {"samples", samples},
                {"layers", layers.size()},
                {"primitives", primitives.size()},
                {"devices", devices},
                {"failed", failed},
                {"started", started},
                {"first", first},
                {"last", last}});
    return done;
  }
  fmt::print("{}: {} rows, {} samples of {} layers by {} primitives\n", options.store.string(), rows.size(),
             samples, layers.size(), primitives.size());
  fmt::print("whole runs: {} samples of steps and wholes, of {} plans and races\n", run_samples, runs.size());
  fmt::print("devices: {}\nfailed: {}, started and never ended: {}\n",
             join(std::vector<std::string>(devices.begin(), devices.end()), ", "), failed, started);
  if (!rows.empty()) fmt::print("taken from {} to {}\n", first, last);
  for (const CostRow& row : rows) {
    if (row.state == CostState::measured) continue;
    fmt::print("  {} by {}: {}\n", printable(row.key.layer), printable(row.key.primitive),
               row.state == CostState::started ? "killed the process" : printable(row.why));
  }
  return done;
}

}  // namespace

std::function<int()> setup_store(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto run = std::make_shared<std::function<int()>>();
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, const char* example) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->footer(example_text(example));
    sub->add_option("--store", options->store, "Store of measured costs")
        ->type_name("DB")
        ->capture_default_str();
    return sub;
  };
  CLI::App* show = add("info", "What the store holds", "raceline store info");
  show->add_flag("--json", options->json, "One JSON document");
  show->final_callback([=] { *run = [=] { return info(*options); }; });

  CLI::App* best = app.add_subcommand("winners", "Which primitives win which layers on this machine");
  best->footer(example_text("raceline store winners --threads 1"));
  best->final_callback([=, show_winners = setup_store_winners(*best)] { *run = show_winners; });

  CLI::App* write = add("export", "Write all rows as CSV", "raceline store export -o costs.csv");
  write->add_option("-o,--output", options->file, "CSV file; stdout if not given")->type_name("FILE");
  write->final_callback([=] {
    *run = [=] {
      const std::string csv = CostStore::open(options->store, CostStore::Mode::read).to_csv();
      if (options->file.empty()) {
        fmt::print("{}", csv);
      } else {
        write_file(options->file, csv);
      }
      return done;
    };
  });

  CLI::App* read = add("import", "Add the rows of a CSV file", "raceline store import costs.csv");
  read->add_option("file", options->file, "CSV file")->required()->type_name("FILE");
  read->final_callback([=] {
    *run = [=] {
      const std::string csv = read_file(options->file);
      const int added = CostStore::open(options->store).import_csv(csv);
      fmt::print("{} rows added\n", added);
      return done;
    };
  });

  CLI::App* merge =
      add("merge", "Add the rows of another store; of two rows of one key the later taken stays",
          "raceline store merge board.db");
  merge->add_option("other", options->file, "The other store")->required()->type_name("DB");
  merge->final_callback([=] {
    *run = [=] {
      const CostStore other = CostStore::open(options->file, CostStore::Mode::read);
      int added = CostStore::open(options->store).merge(other);
      const SampleStore samples = SampleStore::open(options->file, SampleStore::Mode::read);
      added += SampleStore::open(options->store).merge(samples);
      fmt::print("{} rows added\n", added);
      return done;
    };
  });

  CLI::App* forget =
      add("forget", "Drop failed and unfinished rows, so that they are tried again", "raceline store forget");
  forget->final_callback([=] {
    *run = [=] {
      fmt::print("{} rows dropped\n", CostStore::open(options->store).forget_failures());
      return done;
    };
  });
  return [run] { return (*run)(); };
}

}  // namespace raceline::cli
