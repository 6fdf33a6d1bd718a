// What --version says.
#pragma once
#include <string>

namespace raceline::cli {

/// Raceline's version, then each library that primitives come from with its version and core name.
std::string version_text();

}  // namespace raceline::cli
