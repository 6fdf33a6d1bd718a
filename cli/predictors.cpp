#include "cli/predictors.h"

#include <fmt/format.h>

#include "cli/platform_command.h"
#include "raceline/base/error.h"
#include "raceline/base/gzip.h"
#include "raceline/predict/net_engine.h"
#include "raceline/predict/shipped.h"

namespace raceline::cli {

std::filesystem::path predictors_folder() {
  return platforms_folder() / "predictors";
}

Predictor open_predictor(const std::string& name, Workbench& bench, const std::filesystem::path& folder) {
  return read_predictor(
      find_predictor(name, folder),
      net_engine(bench.registry, bench.cpu,
                 {.planner = library_planner(bench), .threads = bench.cpu.machine().physical_cores}));
}

Dataset read_dataset(const std::filesystem::path& path) {
  return parse_dataset(read_maybe_gzip(path), path);
}

Dataset read_published(PublicFormat format, const std::filesystem::path& path) {
  std::string name = path.filename().string();
  name = name.substr(0, name.find('.'));
  if (const size_t bar = name.find('_'); bar != std::string::npos) name = name.substr(bar + 1);
  const std::string text = read_maybe_gzip(path);
  try {
    return import_public(format, text, name);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", path.string(), error.what()));
  }
}

Dataset rows_of(const Dataset& dataset, const Predictor& predictor) {
  Dataset own;
  for (const DatasetRow& row : dataset.rows) {
    if (row.platform == predictor.platform && row.accelerator == predictor.accelerator &&
        row.mode == predictor.mode && row.threads == predictor.threads)
      own.rows.push_back(row);
  }
  return own;
}

std::string percent_text(double percent) {
  return fmt::format("{:.{}f}", percent, percent < 10 && percent > -10 ? 2 : 1);
}

}  // namespace raceline::cli
