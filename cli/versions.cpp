#include "cli/versions.h"

#include <fmt/format.h>

#include "cli/workbench.h"
#include "raceline/version.h"

namespace raceline::cli {

std::map<std::string, std::string> library_versions(const PrimitiveRegistry& registry) {
  std::map<std::string, std::string> libraries;
  for (const auto& primitive : registry.all()) {
    if (!primitive->info().library_version.empty()) {
      libraries[primitive->info().library] = primitive->info().library_version;
    }
  }
  return libraries;
}

std::string version_text() {
  const PrimitiveRegistry registry = load_primitives(Machine::detect(), DeviceKind::opencl);
  std::string text = fmt::format("raceline {}", version);
  for (const auto& [library, version] : library_versions(registry))
    text += fmt::format("\n{} {}", library, version);
  for (const Missing& missing : registry.missing())
    text += fmt::format("\n{} missing: {}", missing.what, missing.why);
  return text;
}

}  // namespace raceline::cli
