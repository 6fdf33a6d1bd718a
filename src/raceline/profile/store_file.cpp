// Version 4 of the schema: a table of layers' costs, as in version 1, one of whole runs, added by version 2,
// two of samples that platforms gave, and one of the sentinel's times beside these samples. Older files are
// read as they are and grow the tables that they lack when they are opened for writing. A file of a newer
// version, or with other tables of these names, is no store of ours and is not touched.
#include "raceline/profile/store_file.h"

#include <array>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace raceline {
namespace {

constexpr int application_id = 0x524C4E53;  // "RLNS": tells a store from other SQLite files

struct Table {
  int since;  ///< version of the schema
  std::string_view name, what, sql;
};

constexpr std::array<Table, 5> tables{{
    {1, "cost", "costs",
     "CREATE TABLE cost(layer TEXT NOT NULL, primitive TEXT NOT NULL, revision TEXT NOT NULL, device TEXT "
     "NOT NULL, "
     "threads INTEGER NOT NULL, pinned INTEGER NOT NULL, cache TEXT NOT NULL, state INTEGER NOT NULL, "
     "samples BLOB NOT NULL, error REAL, why TEXT NOT NULL, taken_at TEXT NOT NULL, "
     "PRIMARY KEY(layer, primitive, revision, device, threads, pinned, cache)) STRICT, WITHOUT ROWID"},
    {2, "run", "whole runs",
     "CREATE TABLE run(graph TEXT NOT NULL, plan TEXT NOT NULL, protocol TEXT NOT NULL, device TEXT NOT "
     "NULL, "
     "threads INTEGER NOT NULL, pinned INTEGER NOT NULL, position INTEGER NOT NULL, place TEXT NOT NULL, "
     "layer TEXT NOT NULL, primitive TEXT NOT NULL, revision TEXT NOT NULL, samples BLOB NOT NULL, "
     "taken_at TEXT NOT NULL, PRIMARY KEY(graph, plan, protocol, device, threads, pinned, position)) STRICT, "
     "WITHOUT ROWID"},
    {3, "sitting", "sittings",
     "CREATE TABLE sitting(id TEXT NOT NULL PRIMARY KEY, platform TEXT NOT NULL, accelerator TEXT NOT NULL, "
     "mode TEXT NOT NULL, threads INTEGER NOT NULL, device TEXT NOT NULL, versions TEXT NOT NULL, machine "
     "TEXT NOT NULL, what TEXT NOT NULL, started_at TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {3, "sample", "samples",
     "CREATE TABLE sample(sitting TEXT NOT NULL, layer TEXT NOT NULL, primitive TEXT NOT NULL, repeat "
     "INTEGER NOT NULL, round INTEGER NOT NULL, origin TEXT NOT NULL, trouble TEXT NOT NULL, why TEXT NOT "
     "NULL, steps TEXT NOT NULL, samples BLOB NOT NULL, kernels TEXT NOT NULL, disturbed INTEGER NOT NULL, "
     "taken_at TEXT NOT NULL, PRIMARY KEY(sitting, layer, primitive, repeat, round)) STRICT, WITHOUT ROWID"},
    {4, "sentinel", "the sentinel's times",
     "CREATE TABLE sentinel(sitting TEXT NOT NULL, round INTEGER NOT NULL, revision TEXT NOT NULL, threads "
     "INTEGER NOT NULL, us REAL NOT NULL, PRIMARY KEY(sitting, round)) STRICT, WITHOUT ROWID"},
}};
constexpr int schema_version = tables.back().since;

}  // namespace

StoreFile::StoreFile(const std::filesystem::path& path, Database::Access access, int lock_wait_ms)
    : database(path, access, lock_wait_ms), lock_wait_(lock_wait_ms) {
  if (access == Database::Access::write && !database.writable()) database.refuse("it is read-only");
  if (access != Database::Access::read) prepare_to_write();
  check_schema();
}

// A change of the journal does not wait for other processes as all else does; so it waits here.
void StoreFile::prepare_to_write() {
  // What is not ours stays untouched.
  if (database.integer("SELECT count(*) FROM sqlite_schema") != 0) check_schema();
  const auto deadline = std::chrono::steady_clock::now() + lock_wait_;
  while (!database.try_execute("PRAGMA journal_mode = WAL")) {
    if (std::chrono::steady_clock::now() > deadline) database.fail();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  database.execute("PRAGMA synchronous = NORMAL");
  if (database.integer("PRAGMA user_version") == schema_version) return;
  Transaction transaction(database);
  // Another process may have been faster.
  const int64_t found = database.integer("PRAGMA user_version");
  if (found == 0) database.execute(fmt::format("PRAGMA application_id = {}", application_id).c_str());
  for (const Table& table : tables) {
    if (table.since > found) database.execute(std::string(table.sql).c_str());
  }
  if (found < schema_version) {
    database.execute(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
  }
  transaction.commit();
}

void StoreFile::check_schema() {
  version = database.integer("PRAGMA user_version");
  if (database.integer("PRAGMA application_id") != application_id) {
    database.refuse("it is not a store of costs, but some other SQLite file");
  }
  if (version > schema_version) {
    database.refuse(fmt::format("its schema has version {}, newer than {}: a newer raceline wrote it",
                                version, schema_version));
  }
  if (version < 1) database.refuse("it is damaged: the table of costs is not as it was made");
  for (const Table& table : tables) {
    if (table.since > version) continue;
    Statement statement = database.prepare("SELECT sql FROM sqlite_schema WHERE name = ?");
    statement.bind(0, table.name);
    if (!statement.step() || statement.text(0) != table.sql) {
      database.refuse(fmt::format("it is damaged: the table of {} is not as it was made", table.what));
    }
  }
}

std::string now_utc() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace raceline
