#include "cli/predictors.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/gzip.h"

namespace raceline::cli {

Dataset read_dataset(const std::filesystem::path& path) {
  const std::string text = read_maybe_gzip(path);
  try {
    return parse_dataset(text);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", path.string(), error.what()));
  }
}

std::string percent_text(double percent) {
  return fmt::format("{:.{}f}", percent, percent < 10 && percent > -10 ? 2 : 1);
}

}  // namespace raceline::cli
