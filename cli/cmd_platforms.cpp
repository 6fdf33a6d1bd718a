// raceline platforms: what can be measured here, by which worker, in which modes.
#include <algorithm>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/platform_command.h"
#include "cli/scratch_folder.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/dataset/worker_client.h"

namespace raceline::cli {
namespace {

struct Options {
  std::filesystem::path python;
  bool json = false;
};

std::vector<std::string> platform_names() {
  std::vector<std::string> names{"raceline", "raceline-opencl"};
  constexpr std::string_view ending = "_worker.py";
  for (const auto& entry : std::filesystem::directory_iterator(platforms_folder())) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending)) names.push_back(name.substr(0, name.size() - ending.size()));
  }
  std::sort(names.begin() + 2, names.end());
  return names;
}

/// The last line that a worker said before it ended: what is missing.
std::string last_line(const std::filesystem::path& log) {
  if (!std::filesystem::exists(log)) return {};
  const std::string text(trim(read_file(log)));
  return text.substr(text.rfind('\n') + 1);
}

int list(const Options& options) {
  Json documents = Json::array();
  std::vector<std::vector<std::string>> rows{{"platform", "accelerator", "modes", "versions, or why not"}};
  for (const std::string& name : platform_names()) {
    const ScratchFolder scratch;
    const std::filesystem::path log = scratch.path() / "stderr";
    try {
      const WorkerClient worker(platform_command(name, options.python),
                                {.cores = {}, .log = log, .environment = {}});
      const PlatformFacts& facts = worker.facts();
      rows.push_back({name, facts.accelerator, join(facts.modes, ", "), printable(facts.versions_text())});
      documents.push_back({{"platform", name},
                           {"accelerator", facts.accelerator},
                           {"modes", facts.modes},
                           {"primitives", facts.has_primitives},
                           {"versions", facts.versions}});
    } catch (const Error& error) {
      const std::string said = last_line(log);
      const std::string why = said.empty() ? error.what() : said;
      rows.push_back({name, "-", "-", printable(why)});
      documents.push_back({{"platform", name}, {"why", why}});
    }
  }
  if (options.json) {
    print_json({{"platforms", documents}});
  } else {
    fmt::print("{}", align_table(rows));
  }
  return done;
}

}  // namespace

std::function<int()> setup_platforms(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--python", options->python, "Interpreter of the workers")->type_name("FILE");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return list(*options); };
}

}  // namespace raceline::cli
