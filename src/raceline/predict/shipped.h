// Predictors that are found by name: files NAME.predictor.gz of one folder.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace raceline {

/// The names in the folder, sorted; none where there is no such folder.
std::vector<std::string> shipped_predictors(const std::filesystem::path& folder);

/// What a user means: the predictor of that name in the folder, else the file at that path. Throws IoError
/// listing the names there are.
std::filesystem::path find_predictor(const std::string& name, const std::filesystem::path& folder);

}  // namespace raceline
