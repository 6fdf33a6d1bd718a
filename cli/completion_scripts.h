// Completion scripts for shells, from a description of the program's commands.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace raceline::cli {

/// What stands behind an option, or at a place of its own: words, files, folders, or anything.
struct Completion {
  enum class Kind : uint8_t { anything, files, folders, words } kind = Kind::anything;
  std::string list;  ///< of words: its name in CommandTree::lists
};

struct OptionWords {
  std::vector<std::string> names;  ///< "--store", "-o"
  std::string what;
  bool takes_value = false;
  Completion value;
};

/// A command: its options, what stands at places of their own, its subcommands.
struct CommandWords {
  std::string name, what;
  std::vector<OptionWords> options;
  std::vector<Completion> places;
  std::vector<CommandWords> commands;
};

struct CommandTree {
  CommandWords root;
  std::map<std::string, std::vector<std::string>> lists;  ///< words by the name of their list
};

std::string bash_script(const CommandTree& tree);
std::string zsh_script(const CommandTree& tree);
std::string fish_script(const CommandTree& tree);

}  // namespace raceline::cli
