// What profile shares with the commands that measure on their way: search, tune, explain.
#pragma once
#include <CLI/CLI.hpp>

#include "cli/progress.h"
#include "cli/workbench.h"
#include "raceline/profile/profiler.h"

namespace raceline::cli {

void add_max_error(CLI::App& app, ProfileOptions& options);
/// --max-error and --budget.
void add_profile_options(CLI::App& app, ProfileOptions& options);
/// Shows progress, and stops at Ctrl-C.
void watch(ProfileOptions& options, Progress& progress);
/// What was measured, on stderr.
void report_profile(const ProfileReport& report);

}  // namespace raceline::cli
