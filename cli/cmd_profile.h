// What profile shares with the commands that measure on their way: search, tune, explain.
#pragma once
#include <CLI/CLI.hpp>

#include "cli/progress.h"
#include "cli/workbench.h"
#include "raceline/profile/profiler.h"
#include "raceline/tune/tuner.h"

namespace raceline::cli {

/// --protocol and --inputs: how costs are measured.
struct ProtocolOptions {
  std::string name = "default";
  int inputs = 50;

  void add_to(CLI::App& app);
  bool is_paper() const { return name == "paper"; }
  /// What measures by it; empty for profile()'s own protocol. The options must outlive it.
  MeasureCosts measure(const std::function<void(const std::string&)>& say) const;
};

void add_max_error(CLI::App& app, ProfileOptions& options);
/// --max-error and --budget.
void add_profile_options(CLI::App& app, ProfileOptions& options);
/// Shows progress, and stops at Ctrl-C.
void watch(ProfileOptions& options, Progress& progress);
/// A line on stderr, above the progress.
void say(Progress& progress, const std::string& line);
/// What was measured, on stderr.
void report_profile(const ProfileReport& report);

}  // namespace raceline::cli
