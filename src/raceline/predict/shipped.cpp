#include "raceline/predict/shipped.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

constexpr std::string_view ending = ".predictor.gz";

}  // namespace

std::vector<std::string> shipped_predictors(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(ending)) names.push_back(file.substr(0, file.size() - ending.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::filesystem::path find_predictor(const std::string& name, const std::filesystem::path& folder) {
  const std::vector<std::string> names = shipped_predictors(folder);
  if (std::binary_search(names.begin(), names.end(), name)) return folder / (name + std::string(ending));
  std::error_code unreadable;
  if (std::filesystem::exists(name, unreadable)) return name;
  throw IoError(fmt::format("'{}' is no predictor that is shipped, and no file; shipped are: {}",
                            name.substr(0, 200), names.empty() ? "none" : join(names, ", ")));
}

}  // namespace raceline
