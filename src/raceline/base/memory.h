// Where bytes live. Never a bare pointer: a device may know its memory by a handle only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace raceline {

enum class DeviceKind : uint8_t { cpu, opencl, cuda };

/// Names one device of the machine: "cpu", "opencl", "opencl:1".
struct DeviceId {
  DeviceKind kind = DeviceKind::cpu;
  uint8_t index = 0;

  std::string to_string() const;
  /// Throws ParseError for a text that names no kind of device.
  static DeviceId parse(std::string_view text);
  friend auto operator<=>(const DeviceId&, const DeviceId&) = default;
};

/// A place in the memory of a device. On the CPU the handle is the base address.
struct Memory {
  DeviceId device;
  void* handle = nullptr;
  size_t offset = 0;

  explicit operator bool() const { return handle != nullptr; }
  Memory at(size_t bytes) const { return {device, handle, offset + bytes}; }
  /// The address; only for memory of the CPU.
  std::byte* host() const { return static_cast<std::byte*>(handle) + offset; }
  friend bool operator==(const Memory&, const Memory&) = default;
};

}  // namespace raceline
