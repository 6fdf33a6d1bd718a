#include "cli/platform_command.h"

#include <fmt/format.h>
#include <sched.h>

#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

/// "#!/usr/bin/python3": a worker whose framework comes with the system names its interpreter.
std::filesystem::path interpreter_of(const std::filesystem::path& script) {
  const std::string text = read_file(script);
  if (!text.starts_with("#!/")) return {};
  return std::string(trim(std::string_view(text).substr(2, text.find('\n') - 2)));
}

}  // namespace

std::filesystem::path platforms_folder() {
  std::error_code error;
  const auto installed = std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path() /
                         "share" / "raceline" / "platforms";
  return std::filesystem::exists(installed) ? installed : std::filesystem::path(RACELINE_PLATFORMS);
}

std::vector<std::string> platform_command(const std::string& platform, std::filesystem::path python) {
  if (platform == "raceline") return {"/proc/self/exe", "worker"};
  if (platform == "raceline-opencl") return {"/proc/self/exe", "worker", "--devices", "cpu,opencl"};
  if (platform.find_first_of(" /") != std::string::npos) {
    std::vector<std::string> command;
    for (const std::string_view word : words(platform)) command.emplace_back(word);
    return command;
  }
  const std::filesystem::path script = platforms_folder() / fmt::format("{}_worker.py", platform);
  if (!std::filesystem::exists(script)) {
    throw Error(
        fmt::format("'{}' is no platform ({} is not there), and no command", platform, script.string()));
  }
  if (python.empty()) python = interpreter_of(script);
  if (python.empty()) python = default_store().parent_path() / "peers" / "bin" / "python";
  if (!std::filesystem::exists(python)) {
    throw Error(fmt::format("no '{}'; tools/install-peers installs the other runtimes", python.string()));
  }
  return {python.string(), script.string()};
}

std::vector<int> shared_cores(int threads) {
  cpu_set_t allowed;
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE && static_cast<int>(cores.size()) < threads; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  return cores;
}

}  // namespace raceline::cli
