// JSON on stdout, one document a command.
#pragma once
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raceline::cli {

using Json = nlohmann::ordered_json;

inline void print_json(const Json& document) {
  fmt::print("{}\n", document.dump(2));
}

}  // namespace raceline::cli
