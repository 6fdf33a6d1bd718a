// Text of unknown origin, made fit for a terminal.
#pragma once
#include <string>
#include <string_view>

namespace raceline {

/// Names in a model may hold anything, and a terminal obeys escape sequences: control characters (but for
/// line feeds and tabs) and bytes that are not UTF-8 become "\x1b".
std::string printable(std::string_view text);

}  // namespace raceline
