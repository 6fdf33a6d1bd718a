#include "cli/completion_scripts.h"

#include <cstdint>
#include <functional>

#include <fmt/format.h>

#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

/// Calls `visit` with each command below the root and its place: "/store", "/store/info".
void each_command(const CommandWords& at, const std::string& place,
                  const std::function<void(const CommandWords&, const std::string&)>& visit) {
  for (const CommandWords& command : at.commands) {
    const std::string here = fmt::format("{}/{}", place, command.name);
    visit(command, here);
    each_command(command, here, visit);
  }
}

/// In single quotes, for every shell; fish obeys backslashes there, so that none may stand.
std::string quoted(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c == '\n') break;
    plain += c == '\'' || c == '\\' || c == '`' ? ' ' : c;
  }
  return fmt::format("'{}'", plain);
}

std::vector<std::string> option_words(const CommandWords& command) {
  std::vector<std::string> words;
  for (const OptionWords& option : command.options)
    words.insert(words.end(), option.names.begin(), option.names.end());
  return words;
}

std::vector<std::string> command_names(const CommandWords& command) {
  std::vector<std::string> names;
  for (const CommandWords& each : command.commands) names.push_back(each.name);
  return names;
}

/// The places of their own of a command as one: of several the first that can be completed.
Completion place_of(const CommandWords& command) {
  for (const Completion& place : command.places) {
    if (place.kind != Completion::Kind::anything) return place;
  }
  return {};
}

/// A line of a `case` for each command: how the words before the cursor lead to it.
std::string walk_cases(const CommandTree& tree, const std::string& indent) {
  std::string text;
  each_command(tree.root, "", [&](const CommandWords&, const std::string& place) {
    text += fmt::format("{0}{1}) at={1} ;;\n", indent, place);
  });
  return text;
}

/// `complete` says how this shell completes a value, `commands` how it offers options and subcommands.
std::string case_bodies(const CommandTree& tree,
                        const std::function<std::string(const Completion&)>& complete,
                        const std::function<std::string(const CommandWords&)>& words) {
  std::string text = "  case \"$at $before\" in\n";
  const auto add_values = [&](const CommandWords& command, const std::string& place) {
    for (const OptionWords& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(fmt::format("\"{} {}\"", place, name));
      text += fmt::format("    {}) {}; return ;;\n", join(patterns, "|"), complete(option.value));
    }
  };
  each_command(tree.root, "", add_values);
  text += "  esac\n  case \"$at\" in\n";
  const auto add_words = [&](const CommandWords& command, const std::string& place) {
    text += fmt::format("    {}) {} ;;\n", place.empty() ? "''" : place, words(command));
  };
  add_words(tree.root, "");
  each_command(tree.root, "", add_words);
  return text + "  esac\n";
}

}  // namespace

std::string bash_script(const CommandTree& tree) {
  std::string text = "# bash completion of raceline\n_raceline() {\n";
  text += "  local now=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" at= word\n";
  for (const auto& [name, words] : tree.lists) {
    text += fmt::format("  local {}={}\n", name, quoted(join(words, " ")));
  }
  text += "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case \"$at/$word\" in\n";
  text += walk_cases(tree, "      ") + "    esac\n  done\n";
  const auto complete = [](const Completion& value) -> std::string {
    switch (value.kind) {
      case Completion::Kind::files:
        return "COMPREPLY=($(compgen -f -- \"$now\"))";
      case Completion::Kind::folders:
        return "COMPREPLY=($(compgen -d -- \"$now\"))";
      case Completion::Kind::words:
        return fmt::format("COMPREPLY=($(compgen -W \"${}\" -- \"$now\"))", value.list);
      case Completion::Kind::anything:
        break;
    }
    return "COMPREPLY=()";
  };
  text += case_bodies(tree, complete, [&](const CommandWords& command) {
    const std::string options =
        fmt::format("COMPREPLY=($(compgen -W {} -- \"$now\"))", quoted(join(option_words(command), " ")));
    const std::string others = command.commands.empty()
                                   ? complete(place_of(command))
                                   : fmt::format("COMPREPLY=($(compgen -W {} -- \"$now\"))",
                                                 quoted(join(command_names(command), " ")));
    return fmt::format("if [[ $now == -* ]]; then {}; else {}; fi", options, others);
  });
  return text + "}\ncomplete -o filenames -F _raceline raceline\n";
}

std::string zsh_script(const CommandTree& tree) {
  std::string text = "#compdef raceline\n# zsh completion of raceline\n_raceline() {\n";
  text += "  local before=\"${words[CURRENT-1]}\" at= word\n  local -a offers\n";
  for (const auto& [name, words] : tree.lists) {
    text += fmt::format("  local -a {}=({})\n", name, join(words, " "));
  }
  text += "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n    case \"$at/$word\" in\n";
  text += walk_cases(tree, "      ") + "    esac\n  done\n";
  const auto complete = [](const Completion& value) -> std::string {
    switch (value.kind) {
      case Completion::Kind::files:
        return "_files";
      case Completion::Kind::folders:
        return "_files -/";
      case Completion::Kind::words:
        return fmt::format("compadd -a {}", value.list);
      case Completion::Kind::anything:
        break;
    }
    return "_message value";
  };
  const auto described = [](const std::vector<std::pair<std::string, std::string>>& entries) {
    std::vector<std::string> parts;
    for (const auto& [word, what] : entries) parts.push_back(quoted(fmt::format("{}:{}", word, what)));
    return fmt::format("offers=({}); _describe -o command offers", join(parts, " "));
  };
  text += case_bodies(tree, complete, [&](const CommandWords& command) {
    std::vector<std::pair<std::string, std::string>> options, commands;
    for (const OptionWords& option : command.options) {
      for (const std::string& name : option.names) options.emplace_back(name, option.what);
    }
    for (const CommandWords& each : command.commands) commands.emplace_back(each.name, each.what);
    return fmt::format("if [[ $PREFIX == -* ]]; then {}; else {}; fi", described(options),
                       commands.empty() ? complete(place_of(command)) : described(commands));
  });
  // Sourced it is bound to the command; in a folder of $fpath it is the body of the function.
  return text +
         "}\nif [[ $funcstack[1] == _raceline ]]; then _raceline \"$@\"; else compdef _raceline raceline; "
         "fi\n";
}

std::string fish_script(const CommandTree& tree) {
  std::string text = "# fish completion of raceline\nfunction __raceline_at\n  set -l at ''\n";
  text += "  for word in (commandline -opc)[2..]\n    switch \"$at/$word\"\n";
  each_command(tree.root, "", [&](const CommandWords&, const std::string& place) {
    text += fmt::format("      case {0}\n        set at {0}\n", place);
  });
  text += "    end\n  end\n  test \"$at\" = \"$argv[1]\"\nend\ncomplete -c raceline -f\n";
  for (const auto& [name, words] : tree.lists) {
    text += fmt::format("function __raceline_{}\n  printf '%s\\n' {}\nend\n", name, join(words, " "));
  }
  const auto value = [](const Completion& of) -> std::string {
    switch (of.kind) {
      case Completion::Kind::files:
        return " -F";
      case Completion::Kind::folders:
        return " -a '(__fish_complete_directories)'";
      case Completion::Kind::words:
        return fmt::format(" -a '(__raceline_{})'", of.list);
      case Completion::Kind::anything:
        break;
    }
    return "";
  };
  const auto add = [&](const CommandWords& command, const std::string& place) {
    const std::string begin = fmt::format("complete -c raceline -n '__raceline_at \"{}\"'", place);
    for (const CommandWords& each : command.commands) {
      text += fmt::format("{} -a {} -d {}\n", begin, each.name, quoted(each.what));
    }
    for (const OptionWords& option : command.options) {
      text += begin;
      for (const std::string& name : option.names) {
        text += starts_with(name, "--") ? fmt::format(" -l {}", name.substr(2))
                                        : fmt::format(" -s {}", name.substr(1));
      }
      if (option.takes_value) text += " -r" + value(option.value);
      text += fmt::format(" -d {}\n", quoted(option.what));
    }
    const Completion own = place_of(command);
    if (own.kind != Completion::Kind::anything) text += begin + value(own) + "\n";
  };
  add(tree.root, "");
  each_command(tree.root, "", add);
  return text;
}

}  // namespace raceline::cli
