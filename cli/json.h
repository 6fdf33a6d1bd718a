// JSON on stdout, one document a command.
#pragma once
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raceline::cli {

using Json = nlohmann::ordered_json;

inline void print_json(const Json& document) {
  // Names in a model need not be UTF-8, which JSON must be.
  fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace raceline::cli
