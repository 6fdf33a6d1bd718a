#include "raceline/device/devices.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {

Device* Devices::find(DeviceId id) const {
  if (id == host_->id()) return host_;
  return accelerator_ != nullptr && id == accelerator_->id() ? accelerator_ : nullptr;
}

Device& Devices::at(DeviceId id) const {
  if (Device* device = find(id)) return *device;
  throw UnsupportedError(
      fmt::format("device {} is not used here; used are {}{}", id.to_string(), host_->id().to_string(),
                  accelerator_ == nullptr ? "" : " and " + accelerator_->id().to_string()));
}

std::string Devices::fingerprint() const {
  if (accelerator_ == nullptr) return host_->fingerprint();
  return fmt::format("{}+{}", host_->fingerprint(), accelerator_->fingerprint());
}

std::string Devices::fingerprint(DeviceId from, DeviceId to) const {
  if (from == to) return at(from).fingerprint();
  // In the order of fingerprint(), whichever way the copy goes: the layer says that.
  return fingerprint();
}

Queue& Queues::on(DeviceId id) {
  std::unique_ptr<Queue>& queue = queues_[id];
  if (!queue) queue = devices_.at(id).make_queue(threads_);
  return *queue;
}

bool has_devices(std::string_view all, std::string_view wanted) {
  const std::vector<std::string_view> there = split(all, '+');
  const std::vector<std::string_view> asked = split(wanted, '+');
  return std::all_of(asked.begin(), asked.end(), [&](std::string_view one) {
    return std::find(there.begin(), there.end(), one) != there.end();
  });
}

}  // namespace raceline
