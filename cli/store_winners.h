// raceline store winners.
#pragma once
#include <functional>

#include <CLI/CLI.hpp>

namespace raceline::cli {

/// Adds its options to the subcommand and says what to run, which gives the exit status.
std::function<int()> setup_store_winners(CLI::App& app);

}  // namespace raceline::cli
