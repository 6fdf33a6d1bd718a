// raceline-train, which stands beside this program.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace raceline::cli {

std::filesystem::path train_program();

/// What is to be set for it, of what is not set yet: a training is one thread; libraries that wait in loops
/// would halve it, and BLAS is faster alone on so little.
std::vector<std::pair<std::string, std::string>> train_environment();

}  // namespace raceline::cli
