// raceline store winners: which primitives win which layers on this machine, and by how much.
#include "cli/store_winners.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/roofline.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/report/winners.h"

namespace raceline::cli {
namespace {

struct Options {
  TimingOptions timing;
  double margin = 1.03;
  bool json = false;
};

Json to_json(const Winners& winners, const Machine& machine, const Peaks& peaks) {
  Json layers = Json::array(), families = Json::array();
  for (const LayerWinner& winner : winners.layers) {
    layers.push_back({{"layer", winner.layer},
                      {"cache", winner.cache},
                      {"primitive", winner.primitive},
                      {"us", winner.us},
                      {"rival", winner.rival},
                      {"lead", {winner.lead.median, winner.lead.low, winner.lead.high}},
                      {"clear", winner.is_clear},
                      {"library_us", winner.library_us},
                      {"gflops", winner.gflops},
                      {"gbs", winner.gbs},
                      {"share_of_peak", winner.share_of_peak}});
  }
  for (const FamilyRecord& record : winners.families) {
    families.push_back({{"family", record.family},
                        {"layers", record.layers},
                        {"wins", record.wins},
                        {"clear_wins", record.clear_wins},
                        {"best_lead", record.best_lead},
                        {"best_layer", record.best_layer}});
  }
  return {{"cpu", machine.cpu_model},   {"fingerprint", machine.fingerprint()},
          {"peaks", peaks_json(peaks)}, {"best_library", winners.best_library},
          {"layers", layers},           {"families", families}};
}

void print_tables(const Winners& winners) {
  std::vector<std::vector<std::string>> rows{
      {"us", "lead", "of 95 %", fmt::format("over {}", winners.best_library), "peak", "winner", "layer"}};
  for (const LayerWinner& winner : winners.layers) {
    const bool alone = winner.rival.empty();
    rows.push_back(
        {fmt::format("{:.2f}", winner.us), alone ? "-" : fmt::format("{:.2f}x", winner.lead.median),
         alone ? "-" : fmt::format("{:.2f}-{:.2f}", winner.lead.low, winner.lead.high),
         winner.library_us > 0 ? fmt::format("{:.2f}x", winner.library_us / winner.us) : "-",
         fmt::format("{:.0f} %", 100 * winner.share_of_peak), winner.primitive, printable(winner.layer)});
  }
  fmt::print("{}\n", align_table(rows));
  rows = {{"family", "layers", "wins", "clear", "best lead", "on"}};
  for (const FamilyRecord& record : winners.families) {
    rows.push_back({record.family, fmt::to_string(record.layers), fmt::to_string(record.wins),
                    fmt::to_string(record.clear_wins),
                    record.clear_wins > 0 ? fmt::format("{:.2f}x", record.best_lead) : "-",
                    printable(record.best_layer)});
  }
  fmt::print("{}", align_table(rows));
}

int show(const Options& options) {
  const Workbench bench;
  const Machine& machine = bench.cpu.machine();
  const int threads = options.timing.prepare(bench);
  std::vector<CostRow> rows = options.timing.open_store(CostStore::Mode::read).rows();
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [&](const CostRow& row) {
                              return row.key.device != bench.cpu.fingerprint() ||
                                     row.key.threads != threads || row.key.pinned == options.timing.no_pin;
                            }),
             rows.end());
  const Peaks peaks = measure_peaks(machine, threads);
  const Winners winners = find_winners(rows, bench.registry, machine, peaks, options.margin);
  if (winners.layers.empty()) {
    throw Error(
        fmt::format("{}: no costs of this machine on {} thread{}; `raceline profile MODEL` measures some",
                    options.timing.store.string(), threads, threads == 1 ? "" : "s"));
  }
  if (options.json) {
    print_json(to_json(winners, machine, peaks));
  } else {
    print_tables(winners);
  }
  return done;
}

}  // namespace

std::function<int()> setup_store_winners(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->timing.add_to(app);
  app.add_option("--margin", options->margin, "Lead over the next family that is a clear win")
      ->type_name("FLOAT")
      ->check(CLI::Range(1.0, 100.0))
      ->capture_default_str();
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return show(*options); };
}

}  // namespace raceline::cli
