// Version 1 of the schema: one table. A file of another version, or with another table of that name, is no
// store of ours and is not touched.
#include "raceline/profile/store.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/sqlite.h"

namespace raceline {
namespace {

constexpr int schema_version = 1;
constexpr int application_id = 0x524C4E53;  // "RLNS": tells a store from other SQLite files
constexpr const char* schema =
    "CREATE TABLE cost(layer TEXT NOT NULL, primitive TEXT NOT NULL, revision TEXT NOT NULL, device TEXT NOT "
    "NULL, "
    "threads INTEGER NOT NULL, pinned INTEGER NOT NULL, cache TEXT NOT NULL, state INTEGER NOT NULL, "
    "samples BLOB NOT NULL, error REAL, why TEXT NOT NULL, taken_at TEXT NOT NULL, "
    "PRIMARY KEY(layer, primitive, revision, device, threads, pinned, cache)) STRICT, WITHOUT ROWID";
constexpr std::string_view same_key =
    "layer = ?1 AND primitive = ?2 AND revision = ?3 AND device = ?4 AND threads = ?5 AND pinned = ?6 AND "
    "cache = ?7";
constexpr std::string_view insert =
    "INSERT INTO cost VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "state = excluded.state, samples = excluded.samples, error = excluded.error, why = excluded.why, "
    "taken_at = excluded.taken_at";

std::string now_utc() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

void bind_key(Statement& statement, const CostKey& key) {
  statement.bind(0, key.layer);
  statement.bind(1, key.primitive);
  statement.bind(2, key.revision);
  statement.bind(3, key.device);
  statement.bind(4, int64_t{key.threads});
  statement.bind(5, int64_t{key.pinned ? 1 : 0});
  statement.bind(6, key.cache);
}

void bind_row(Statement& statement, const CostRow& row) {
  bind_key(statement, row.key);
  statement.bind(7, static_cast<int64_t>(row.state));
  statement.bind(8, std::span<const double>(row.samples_us));
  statement.bind(9, row.error);
  statement.bind(10, row.why);
  statement.bind(11, row.taken_at.empty() ? now_utc() : row.taken_at);
}

}  // namespace

struct CostStore::State {
  State(const std::filesystem::path& path, Database::Access access, int lock_wait_ms)
      : database(path, access, lock_wait_ms), lock_wait(lock_wait_ms) {
    if (access == Database::Access::write && !database.writable()) database.refuse("it is read-only");
    if (access != Database::Access::read) prepare_to_write();
    check_schema();
  }

  // A change of the journal does not wait for other processes as all else does; so it waits here.
  void prepare_to_write() {
    // What is not ours stays untouched.
    if (database.integer("SELECT count(*) FROM sqlite_schema") != 0) check_schema();
    const auto deadline = std::chrono::steady_clock::now() + lock_wait;
    while (!database.try_execute("PRAGMA journal_mode = WAL")) {
      if (std::chrono::steady_clock::now() > deadline) database.fail();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    database.execute("PRAGMA synchronous = NORMAL");
    if (database.integer("SELECT count(*) FROM sqlite_schema") != 0) return;
    Transaction transaction(database);
    // Another process may have been faster.
    if (database.integer("SELECT count(*) FROM sqlite_schema") == 0) {
      database.execute(schema);
      database.execute(fmt::format("PRAGMA application_id = {}", application_id).c_str());
      database.execute(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
    }
    transaction.commit();
  }

  void check_schema() {
    const int64_t version = database.integer("PRAGMA user_version");
    if (database.integer("PRAGMA application_id") != application_id) {
      database.refuse("it is not a store of costs, but some other SQLite file");
    }
    if (version > schema_version) {
      database.refuse(fmt::format("its schema has version {}, newer than {}: a newer raceline wrote it",
                                  version, schema_version));
    }
    if (version < 1 || database.text("SELECT sql FROM sqlite_schema WHERE name = 'cost'") != schema) {
      database.refuse("it is damaged: the table of costs is not as it was made");
    }
  }

  CostRow read(const Statement& statement) const {
    CostRow row;
    row.key = {statement.text(0), statement.text(1), statement.text(2), statement.text(3), 1, false,
               statement.text(6)};
    const int64_t threads = statement.integer(4), state = statement.integer(7);
    if (threads < 0 || threads > std::numeric_limits<int>::max())
      database.refuse("it is damaged: a count of threads");
    if (state < 0 || state > static_cast<int64_t>(CostState::failed))
      database.refuse("it is damaged: a row's state");
    row.key.threads = static_cast<int>(threads);
    row.key.pinned = statement.integer(5) != 0;
    row.state = static_cast<CostState>(state);
    row.samples_us = statement.reals(8);
    row.error = statement.real(9);
    row.why = statement.text(10);
    row.taken_at = statement.text(11);
    return row;
  }

  /// Adds rows in one transaction; see merge().
  int absorb(std::span<const CostRow> rows) {
    Transaction transaction(database);
    // A start says nothing that a result, failed or not, does not say better, whichever is the later.
    Statement statement =
        database.prepare(fmt::format("{0} WHERE CASE WHEN (excluded.state = {1}) = (state = {1}) "
                                     "THEN excluded.taken_at > taken_at ELSE state = {1} END",
                                     insert, static_cast<int>(CostState::started)));
    int changed = 0;
    for (const CostRow& row : rows) {
      bind_row(statement, row);
      statement.step();
      changed += database.changes();
      statement.reset();
    }
    transaction.commit();
    return changed;
  }

  mutable Database database;
  std::chrono::milliseconds lock_wait;
};

CostStore::CostStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
CostStore::~CostStore() = default;
CostStore::CostStore(CostStore&&) noexcept = default;
CostStore& CostStore::operator=(CostStore&&) noexcept = default;

CostStore CostStore::open(const std::filesystem::path& path, Mode mode, int lock_wait_ms) {
  const auto access = mode == Mode::read ? Database::Access::read : Database::Access::write;
  return CostStore(std::make_unique<State>(path, access, lock_wait_ms));
}

CostStore CostStore::temporary() {
  return CostStore(std::make_unique<State>("", Database::Access::memory, 0));
}

std::optional<CostRow> CostStore::find(const CostKey& key) const {
  Statement statement = state_->database.prepare(fmt::format("SELECT * FROM cost WHERE {}", same_key));
  bind_key(statement, key);
  if (!statement.step()) return std::nullopt;
  return state_->read(statement);
}

void CostStore::mark_started(const CostKey& key) {
  CostRow row;
  row.key = key;
  row.state = CostState::started;
  Statement statement = state_->database.prepare(
      fmt::format("{} WHERE state <> {}", insert, static_cast<int>(CostState::measured)));
  bind_row(statement, row);
  statement.step();
}

void CostStore::save(const CostRow& row) {
  Statement statement = state_->database.prepare(insert);
  bind_row(statement, row);
  statement.step();
}

std::vector<CostRow> CostStore::rows() const {
  Statement statement = state_->database.prepare("SELECT * FROM cost");
  std::vector<CostRow> rows;
  while (statement.step()) rows.push_back(state_->read(statement));
  std::ranges::sort(rows, {}, &CostRow::key);
  return rows;
}

int CostStore::forget_failures() {
  state_->database.execute(
      fmt::format("DELETE FROM cost WHERE state <> {}", static_cast<int>(CostState::measured)).c_str());
  return state_->database.changes();
}

int CostStore::merge(const CostStore& other) {
  return state_->absorb(other.rows());
}

int CostStore::absorb(std::span<const CostRow> rows) {
  return state_->absorb(rows);
}

double percentile(std::span<const double> samples, double share) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  const double position = std::clamp(share, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace raceline
