#include "cli/predictors.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/platform_command.h"
#include "raceline/base/error.h"
#include "raceline/base/gzip.h"
#include "raceline/base/text.h"
#include "raceline/predict/net_engine.h"

namespace raceline::cli {
namespace {

constexpr std::string_view ending = ".predictor.gz";

std::vector<std::string> shipped() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(platforms_folder() / "predictors", error)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(ending)) names.push_back(file.substr(0, file.size() - ending.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Predictor open_predictor(const std::string& name, Workbench& bench) {
  const Engine engine =
      net_engine(bench.registry, bench.cpu,
                 {.planner = library_planner(bench), .threads = bench.cpu.machine().physical_cores});
  if (std::filesystem::exists(name)) return read_predictor(name, engine);
  const std::vector<std::string> names = shipped();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw IoError(fmt::format("'{}' is no file and no predictor that is shipped; these are: {}", name,
                              names.empty() ? "none" : join(names, ", ")));
  }
  return read_predictor(platforms_folder() / "predictors" / (name + std::string(ending)), engine);
}

Dataset read_dataset(const std::filesystem::path& path) {
  return parse_dataset(read_maybe_gzip(path), path);
}

std::string percent_text(double percent) {
  return fmt::format("{:.{}f}", percent, percent < 10 && percent > -10 ? 2 : 1);
}

}  // namespace raceline::cli
