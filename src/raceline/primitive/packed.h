// Constants as kernels want them (packed weights), and where they are kept from one session to the next.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "raceline/base/file.h"
#include "raceline/device/device.h"

namespace raceline {

/// What a kernel packed: memory of its own, or a part of a file that an earlier session left. run() reads it.
class PackedBytes {
 public:
  PackedBytes() = default;
  explicit PackedBytes(Buffer made) : memory_(made.memory()), bytes_(made.bytes()), made_(std::move(made)) {}
  /// `part` lies in `file`, which is mapped writable: oneDNN clears the padding of what it is given.
  PackedBytes(MappedFile file, std::span<const std::byte> part)
      : memory_({{}, const_cast<std::byte*>(part.data()), 0}), bytes_(part.size()), file_(std::move(file)) {}

  Memory memory() const { return memory_; }
  size_t bytes() const { return bytes_; }
  explicit operator bool() const { return static_cast<bool>(memory_); }
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(memory_.host());
  }

 private:
  Memory memory_;
  size_t bytes_ = 0;
  Buffer made_;
  std::optional<MappedFile> file_;
};

/// What an entry of the store is: who packed, and a hash of what. Only a whole match counts.
struct PackedKey {
  std::string packer;    ///< primitive, layer, operand, threads, machine
  std::string revision;  ///< of the primitive
  uint64_t data = 0;     ///< hash of the constant
};

/// Keeps packed constants of the CPU. A store is a convenience: what it cannot read or write it does without.
class PackedStore {
 public:
  virtual ~PackedStore() = default;
  /// What was kept under this key, if it has this many bytes.
  virtual std::optional<PackedBytes> find(const PackedKey& key, size_t bytes) = 0;
  virtual void keep(const PackedKey& key, std::span<const std::byte> packed) = 0;
};

}  // namespace raceline
