#include "cli/devices.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/device/opencl/opencl.h"

namespace raceline::cli {

void DeviceOptions::add_to(CLI::App& app) {
  app.add_option(
         "--devices", names,
         "Devices that take part: cpu, and an accelerator by index (opencl:0) or by a part of its name; "
         "`raceline inspect --machine` lists them")
      ->type_name("cpu,opencl:0")
      ->delimiter(',');
}

std::unique_ptr<Device> DeviceOptions::open() const {
  std::vector<std::string> accelerators;
  for (const std::string& name : names) {
    if (name != "cpu") accelerators.push_back(name);
  }
  if (names.empty()) return nullptr;
  if (accelerators.size() == names.size())
    throw Error(fmt::format("--devices {}: the CPU always takes part; wanted is cpu,{}", join(names, ","),
                            names.front()));
  if (accelerators.size() > 1)
    throw Error(fmt::format("--devices {}: wanted is one accelerator at most", join(names, ",")));
  if (accelerators.empty()) return nullptr;
  set_library_environment(Machine::detect());  // its driver starts threads
  const std::string& name = accelerators.front();
  if (name == "opencl") return open_opencl_device("0");
  if (starts_with(name, "opencl:")) return open_opencl_device(name.substr(7));
  return open_opencl_device(name);
}

DeviceOptions DeviceOptions::needed_for(const PlanSet& plans) const {
  const bool needed = std::any_of(plans.plans.begin(), plans.plans.end(),
                                  [](const Plan& plan) { return plan.needs_accelerator(); });
  if (!names.empty() || !needed) return *this;
  return {.names = {"cpu", "opencl:0"}};
}

std::unique_ptr<Device> DeviceOptions::open_for(const PlanSet& plans) const {
  return names.empty() ? needed_for(plans).open_or_go_on() : open();
}

std::unique_ptr<Device> DeviceOptions::open_or_go_on() const {
  try {
    return open();
  } catch (const UnsupportedError& error) {
    fmt::print(stderr, "without {}: {}\n", join(names, ","), error.what());
  } catch (const IoError& error) {
    fmt::print(stderr, "without {}: {}\n", join(names, ","), error.what());
  }
  return nullptr;
}

}  // namespace raceline::cli
