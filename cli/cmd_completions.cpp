// raceline completions: a script that lets a shell complete commands, options, files and names.
#include <algorithm>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/completion_scripts.h"
#include "cli/workbench.h"
#include "raceline/model/zoo/zoo.h"
#include "raceline/search/strategy.h"

namespace raceline::cli {
namespace {

constexpr const char* shells[] = {"bash", "zsh", "fish"};

/// By the name of a value's type, which --help shows; what is checked stands behind a colon.
Completion completion_of(std::string type) {
  type.resize(std::min(type.find(':'), type.size()));
  static const std::map<std::string, std::string> lists = {
      {"PRIMITIVE", "primitives"}, {"NET", "nets"}, {"STRATEGY", "strategies"},
      {"PASS", "passes"},          {"OP", "ops"},   {"SHELL", "shells"}};
  if (const auto list = lists.find(type); list != lists.end()) return {Completion::Kind::words, list->second};
  for (const char* file : {"MODEL", "FILE", "PLAN", "DB", "PATH", "OUT.onnx"}) {
    if (type == file) return {Completion::Kind::files, {}};
  }
  if (type == "DIR") return {Completion::Kind::folders, {}};
  return {};
}

CommandWords words_of(const CLI::App& app) {
  CommandWords words{.name = app.get_name(), .what = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    const Completion value = completion_of(option->get_type_name());
    if (!option->nonpositional()) {
      words.places.push_back(value);
      continue;
    }
    OptionWords& entry = words.options.emplace_back();
    for (const std::string& name : option->get_lnames()) entry.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) entry.names.push_back("-" + name);
    entry.what = option->get_description();
    entry.takes_value = option->get_items_expected_max() > 0;
    entry.value = value;
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.commands.push_back(words_of(*command));
  }
  return words;
}

CommandTree tree_of(const CLI::App& app) {
  CommandTree tree{.root = words_of(app), .lists = {}};
  const Workbench bench;
  for (const auto& primitive : bench.registry.all()) tree.lists["primitives"].push_back(primitive->name());
  for (const ZooNet& net : zoo()) tree.lists["nets"].emplace_back(net.name);
  for (const StrategyInfo& strategy : all_strategies()) tree.lists["strategies"].emplace_back(strategy.name);
  for (const Pass& pass : all_passes()) tree.lists["passes"].emplace_back(pass.name);
  std::vector<std::string>& ops = tree.lists["ops"];
  for (const auto& primitive : bench.registry.all()) {
    std::string op(to_string(primitive->info().op));
    if (std::find(ops.begin(), ops.end(), op) == ops.end()) ops.push_back(std::move(op));
  }
  tree.lists["shells"].assign(std::begin(shells), std::end(shells));
  return tree;
}

}  // namespace

std::function<int()> setup_completions(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({shells[0], shells[1], shells[2]}))
      ->type_name("SHELL");
  return [shell, &app] {
    const CommandTree tree = tree_of(*app.get_parent());
    fmt::print("{}", *shell == "bash"  ? bash_script(tree)
                     : *shell == "zsh" ? zsh_script(tree)
                                       : fish_script(tree));
    return done;
  };
}

}  // namespace raceline::cli
