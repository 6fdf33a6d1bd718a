// Packed constants in a folder, for the next start.
#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "raceline/primitive/packed.h"

namespace raceline {

/// One file an entry, mapped when it is found. An entry that is damaged, of another layer or of an older
/// revision counts for nothing and is replaced. Any number of processes and threads may use one folder, each
/// through a store of its own; who can write the folder is trusted. Nothing is ever deleted but by replacing.
class PackedDirectory final : public PackedStore {
 public:
  /// Smaller ones are packed sooner than found.
  static constexpr size_t least_bytes = 16384;

  explicit PackedDirectory(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::optional<PackedBytes> find(const PackedKey& key, size_t bytes) override;
  /// After a failure nothing more is kept: see trouble().
  void keep(const PackedKey& key, std::span<const std::byte> packed) override;

  struct Use {
    size_t found = 0, found_bytes = 0;
    size_t kept = 0, kept_bytes = 0;
  };
  const Use& use() const { return use_; }
  /// Why an entry could not be kept; empty while all went well.
  const std::string& trouble() const { return trouble_; }

 private:
  std::filesystem::path folder_;
  Use use_;
  std::string trouble_;
};

}  // namespace raceline
