// The file behind CostStore and SampleStore: one SQLite database, one versioned schema. Private to this room.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>

#include "raceline/profile/sqlite.h"

namespace raceline {

/// An open store. Throws IoError naming the file and the reason: not a store, a newer schema, read-only,
/// damaged, locked for longer than lock_wait_ms.
struct StoreFile {
  StoreFile(const std::filesystem::path& path, Database::Access access, int lock_wait_ms);

  mutable Database database;
  /// Of the schema as it stands in the file: an older one that may not be written lacks the later tables.
  /// 1: costs of layers; 2: whole runs too; 3: samples of platforms too; 4: the
  /// sentinel's times beside these.
  int64_t version = 0;

 private:
  void prepare_to_write();
  void check_schema();
  std::chrono::milliseconds lock_wait_;
};

/// "2026-11-22T16:30:00Z".
std::string now_utc();

}  // namespace raceline
