// What --version says.
#pragma once
#include <map>
#include <string>

#include "raceline/primitive/registry.h"

namespace raceline::cli {

/// Raceline's version, then each library that primitives come from with its version and core name.
std::string version_text();

/// The version of each library that has primitives in the registry.
std::map<std::string, std::string> library_versions(const PrimitiveRegistry& registry);

}  // namespace raceline::cli
