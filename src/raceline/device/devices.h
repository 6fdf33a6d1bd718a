// The devices that a program uses: the host, and at most one accelerator beside it.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "raceline/device/device.h"

namespace raceline {

/// A look at devices that somebody else owns, who outlives it. Whoever takes Devices can be given the host's
/// Device alone.
class Devices {
 public:
  Devices(Device& host) : host_(&host) {}
  /// accelerator: may be null.
  Devices(Device& host, Device* accelerator) : host_(&host), accelerator_(accelerator) {}

  Device& host() const { return *host_; }
  Device* accelerator() const { return accelerator_; }
  /// nullptr when it is not among these.
  Device* find(DeviceId id) const;
  /// Throws UnsupportedError when it is not among these.
  Device& at(DeviceId id) const;
  /// The host's, and the accelerator's behind a '+': under which plans over all of them are made.
  std::string fingerprint() const;
  /// Of a copy from one to the other, and of work on one: what is measured under the same may be shared.
  std::string fingerprint(DeviceId from, DeviceId to) const;

 private:
  Device* host_;
  Device* accelerator_ = nullptr;
};

/// A queue of each device, made when first asked for.
class Queues {
 public:
  /// threads: of the host's.
  Queues(Devices devices, int threads) : devices_(devices), threads_(threads) {}
  int threads() const { return threads_; }
  /// Throws UnsupportedError when the device is not among these, IoError when its driver refuses.
  Queue& on(DeviceId id);

 private:
  Devices devices_;
  int threads_;
  std::map<DeviceId, std::unique_ptr<Queue>> queues_;
};

/// Whether each device of the one fingerprint, as Devices::fingerprint() gives it, is in the other.
bool has_devices(std::string_view all, std::string_view wanted);

}  // namespace raceline
