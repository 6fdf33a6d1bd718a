// From the name of a platform to the command of its worker.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace raceline::cli {

/// Where the workers' scripts lie: beside an installed program, else in the source tree.
std::filesystem::path platforms_folder();

/// The command of a worker: "raceline" is this program; a name is that of platforms/<name>_worker.py, run by
/// `python` (empty: that of tools/install-peers, or the one that the script's first line names); anything
/// with a blank or a slash is a command. Throws Error for an unknown name.
std::vector<std::string> platform_command(const std::string& platform, std::filesystem::path python = {});

/// As many of the cores that this process may use as there are threads: all sides share them.
std::vector<int> shared_cores(int threads);

}  // namespace raceline::cli
