// raceline verify: models, test folders, or folders of test folders, against stored outputs or the reference.
#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/devices.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/verify_case.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<fs::path> paths;
  ModelOptions model;
  DeviceOptions devices;
  VerifyMode mode;
  Tolerance tolerance;
  std::vector<std::string> tiers;
  bool verbose = false;
  bool json = false;
};

/// Tier by test name, from a MANIFEST.tsv whose first line names the columns name and tier.
std::map<std::string, std::string> read_tiers(const fs::path& folder) {
  std::map<std::string, std::string> tiers;
  std::ifstream file(folder / "MANIFEST.tsv");
  std::string line;
  size_t name_column = 0, tier_column = 0;
  for (bool header = true; std::getline(file, line); header = false) {
    const auto cells = split(line, '\t');
    if (header) {
      for (size_t column = 0; column < cells.size(); ++column) {
        if (cells[column] == "name") name_column = column;
        if (cells[column] == "tier") tier_column = column;
      }
      if (name_column == tier_column) return {};
    } else if (cells.size() > std::max(name_column, tier_column)) {
      tiers[std::string(cells[name_column])] = std::string(cells[tier_column]);
    }
  }
  return tiers;
}

struct Case {
  fs::path path;
  std::string tier;
};

std::vector<Case> find_cases(const Options& options) {
  std::vector<Case> cases;
  for (const fs::path& path : options.paths) {
    if (!fs::exists(path)) throw IoError(fmt::format("'{}' does not exist", path.string()));
    if (!fs::is_directory(path) || fs::exists(path / "model.onnx")) {
      const fs::path parent = fs::absolute(path).parent_path();
      cases.push_back({path, read_tiers(parent)[path.filename().string()]});
      continue;
    }
    const auto tiers = read_tiers(path);
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (fs::exists(entry.path() / "model.onnx")) folders.insert(entry.path());
    }
    if (folders.empty())
      throw Error(fmt::format("'{}' holds no model.onnx and no test folder", path.string()));
    for (const fs::path& folder : folders) {
      const auto tier = tiers.find(folder.filename().string());
      cases.push_back({folder, tier == tiers.end() ? "" : tier->second});
    }
  }
  if (!options.tiers.empty()) {
    std::erase_if(cases, [&](const Case& item) {
      return std::find(options.tiers.begin(), options.tiers.end(), item.tier) == options.tiers.end();
    });
    if (cases.empty()) throw Error(fmt::format("no test of tier {} here", join(options.tiers, ", ")));
  }
  return cases;
}

int verify(const Options& options) {
  const Workbench bench(options.devices.open_for(read_plans(options.mode.plan)));
  options.mode.only.check(bench.registry);
  const std::vector<Case> cases = find_cases(options);
  std::map<VerifyResult::State, int> counts;
  Json list = Json::array();
  const char* words[] = {"passed", "failed", "refused"};
  Progress progress("verify");
  int runs = 0;
  for (const Case& item : cases) {
    const std::string file = item.path.filename().string();
    progress.show(static_cast<size_t>(&item - cases.data()), cases.size(), file);
    const auto on_run = [&](size_t run, size_t all, const std::string& primitive) {
      if (cases.size() == 1) progress.show(run, all, primitive);
    };
    const VerifyResult result =
        verify_case(item.path, options.model, options.mode, options.tolerance, bench, on_run);
    if (is_interrupted()) return interrupted;
    ++counts[result.state];
    runs += result.runs;
    const char* word = words[static_cast<int>(result.state)];
    if (options.json) {
      list.push_back({{"name", result.name},
                      {"tier", item.tier},
                      {"state", word},
                      {"runs", result.runs},
                      {"largest_error", result.largest_error},
                      {"unused", result.unused},
                      {"fallbacks", result.fallbacks},
                      {"why", result.why}});
    } else if (result.state != VerifyResult::State::passed || options.verbose || cases.size() == 1) {
      progress.finish();
      fmt::print("{} {} ({} runs, largest error {:.2g} of the largest value)\n", word, result.name,
                 result.runs, result.largest_error);
      for (const std::string& why : result.why) fmt::print("  {}\n", printable(why));
      if (!result.fallbacks.empty()) fmt::print("  what it cannot: {}\n", fmt::join(result.fallbacks, ", "));
    }
  }
  progress.finish();
  const int passed = counts[VerifyResult::State::passed], failed = counts[VerifyResult::State::failed],
            refused = counts[VerifyResult::State::refused];
  if (options.json) {
    print_json(
        {{"cases", list}, {"passed", passed}, {"failed", failed}, {"refused", refused}, {"runs", runs}});
  } else {
    fmt::print("{} passed, {} failed, {} refused ({} runs)\n", passed, failed, refused, runs);
  }
  const bool refusal_fails = !options.tiers.empty() || cases.size() == 1;
  return failed > 0 || (refused > 0 && refusal_fails) ? answer_is_no : done;
}

}  // namespace

std::function<int()> setup_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("paths", options->paths, "Models, test folders, or folders of test folders")
      ->required()
      ->type_name("PATH");
  auto* plan = app.add_option("--plan", options->mode.plan, "Run by this plan")->type_name("PLAN");
  auto* only = app.add_option("--only", options->mode.only.only,
                              "Run by these primitives wherever they can, by the reference elsewhere")
                   ->type_name("PRIMITIVE")
                   ->delimiter(',')
                   ->excludes(plan);
  app.add_flag(
         "--each-primitive", options->mode.each_primitive,
         "One run for each primitive that can do some layer or conversion, against one run of the "
         "reference. Layers that it cannot do are filled in by fast primitives of the libraries, each of "
         "which has such a run of its own")
      ->excludes(plan)
      ->excludes(only);
  options->devices.add_to(app);
  app.add_option("--rtol", options->tolerance.relative, "Relative tolerance")->capture_default_str();
  app.add_option("--atol", options->tolerance.absolute, "Absolute tolerance")->capture_default_str();
  app.add_option("--of-largest", options->tolerance.of_largest,
                 "Tolerance as a share of the output's largest value, in place of the other two");
  app.add_option("--tier", options->tiers, "Only tests of these tiers of MANIFEST.tsv; a refusal fails")
      ->type_name("LIST")
      ->delimiter(',');
  app.add_option("--shape", options->model.shapes, "Shape of an input, for symbolic dimensions")
      ->type_name("NAME=1x3x224x224");
  app.add_option("--input", options->model.inputs, "Values of an input; random where not given")
      ->type_name("NAME=FILE.npy");
  app.add_flag("--no-fusion", options->model.no_fusion, "Keep the layers of the model");
  app.add_option("--seed", options->model.seed, "Of inputs that are not given")->capture_default_str();
  app.add_flag("-v,--verbose", options->verbose, "A line for each test, not only those that fail");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return verify(*options); };
}

}  // namespace raceline::cli
