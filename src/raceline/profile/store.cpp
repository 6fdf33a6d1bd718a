// Version 2 of the schema: a table of layers' costs, as in version 1, and one of whole runs. Version 1 is
// read as it is and grows the second table when it is opened for writing. A file of a newer version, or with
// other tables of these names, is no store of ours and is not touched.
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

constexpr int schema_version = 2;
constexpr int application_id = 0x524C4E53;  // "RLNS": tells a store from other SQLite files
constexpr const char* cost_schema =
    "CREATE TABLE cost(layer TEXT NOT NULL, primitive TEXT NOT NULL, revision TEXT NOT NULL, device TEXT NOT "
    "NULL, "
    "threads INTEGER NOT NULL, pinned INTEGER NOT NULL, cache TEXT NOT NULL, state INTEGER NOT NULL, "
    "samples BLOB NOT NULL, error REAL, why TEXT NOT NULL, taken_at TEXT NOT NULL, "
    "PRIMARY KEY(layer, primitive, revision, device, threads, pinned, cache)) STRICT, WITHOUT ROWID";
constexpr const char* run_schema =
    "CREATE TABLE run(graph TEXT NOT NULL, plan TEXT NOT NULL, protocol TEXT NOT NULL, device TEXT NOT NULL, "
    "threads INTEGER NOT NULL, pinned INTEGER NOT NULL, position INTEGER NOT NULL, place TEXT NOT NULL, "
    "layer TEXT NOT NULL, primitive TEXT NOT NULL, revision TEXT NOT NULL, samples BLOB NOT NULL, "
    "taken_at TEXT NOT NULL, PRIMARY KEY(graph, plan, protocol, device, threads, pinned, position)) STRICT, "
    "WITHOUT ROWID";
constexpr std::string_view same_run =
    "graph = ?1 AND plan = ?2 AND protocol = ?3 AND device = ?4 AND threads = ?5 AND pinned = ?6";
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

void bind_run(Statement& statement, const RunKey& key) {
  statement.bind(0, key.graph);
  statement.bind(1, key.plan);
  statement.bind(2, key.protocol);
  statement.bind(3, key.device);
  statement.bind(4, int64_t{key.threads});
  statement.bind(5, int64_t{key.pinned ? 1 : 0});
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
    if (database.integer("PRAGMA user_version") == schema_version) return;
    Transaction transaction(database);
    // Another process may have been faster.
    if (database.integer("SELECT count(*) FROM sqlite_schema") == 0) {
      database.execute(cost_schema);
      database.execute(fmt::format("PRAGMA application_id = {}", application_id).c_str());
    }
    if (database.integer("PRAGMA user_version") < schema_version) {
      database.execute(run_schema);
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
    if (version < 1 || database.text("SELECT sql FROM sqlite_schema WHERE name = 'cost'") != cost_schema) {
      database.refuse("it is damaged: the table of costs is not as it was made");
    }
    has_runs = version >= 2;
    if (has_runs && database.text("SELECT sql FROM sqlite_schema WHERE name = 'run'") != run_schema) {
      database.refuse("it is damaged: the table of whole runs is not as it was made");
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

  /// Adds rows within a transaction of the caller; see merge().
  int absorb(std::span<const CostRow> rows) {
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
    return changed;
  }

  /// Within a transaction of the caller.
  void replace_runs(const RunKey& key, std::span<const RunRow> rows) {
    Statement drop = database.prepare(fmt::format("DELETE FROM run WHERE {}", same_run));
    bind_run(drop, key);
    drop.step();
    Statement add = database.prepare("INSERT INTO run VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const std::string now = now_utc();
    for (size_t position = 0; position < rows.size(); ++position) {
      const RunRow& row = rows[position];
      bind_run(add, key);
      add.bind(6, static_cast<int64_t>(position));
      add.bind(7, row.place);
      add.bind(8, row.layer);
      add.bind(9, row.primitive);
      add.bind(10, row.revision);
      add.bind(11, std::span<const double>(row.samples_us));
      add.bind(12, row.taken_at.empty() ? now : row.taken_at);
      add.step();
      add.reset();
    }
  }

  mutable Database database;
  std::chrono::milliseconds lock_wait;
  bool has_runs = false;  ///< a store of version 1 that may not be written has none
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

std::vector<RunRow> CostStore::find_runs(const RunKey& key) const {
  std::vector<RunRow> rows;
  if (!state_->has_runs) return rows;
  Statement statement = state_->database.prepare(
      fmt::format("SELECT place, layer, primitive, revision, samples, taken_at FROM run WHERE {} ORDER BY "
                  "position",
                  same_run));
  bind_run(statement, key);
  while (statement.step()) {
    rows.push_back({statement.text(0), statement.text(1), statement.text(2), statement.text(3),
                    statement.reals(4), statement.text(5)});
  }
  return rows;
}

void CostStore::save_runs(const RunKey& key, std::span<const RunRow> rows) {
  Transaction transaction(state_->database);
  state_->replace_runs(key, rows);
  transaction.commit();
}

std::vector<RunKey> CostStore::run_keys() const {
  std::vector<RunKey> keys;
  if (!state_->has_runs) return keys;
  Statement statement =
      state_->database.prepare("SELECT DISTINCT graph, plan, protocol, device, threads, pinned FROM run");
  while (statement.step()) {
    const int64_t threads = statement.integer(4);
    if (threads < 0 || threads > std::numeric_limits<int>::max())
      state_->database.refuse("it is damaged: a count of threads");
    keys.push_back({statement.text(0), statement.text(1), statement.text(2), statement.text(3),
                    static_cast<int>(threads), statement.integer(5) != 0});
  }
  std::ranges::sort(keys);
  return keys;
}

int CostStore::merge(const CostStore& other) {
  Transaction transaction(state_->database);
  int changed = state_->absorb(other.rows());
  for (const RunKey& key : other.run_keys()) {
    const std::vector<RunRow> theirs = other.find_runs(key), mine = find_runs(key);
    if (!mine.empty() && mine.front().taken_at >= theirs.front().taken_at) continue;
    state_->replace_runs(key, theirs);
    changed += static_cast<int>(theirs.size());
  }
  transaction.commit();
  return changed;
}

int CostStore::absorb(std::span<const CostRow> rows) {
  Transaction transaction(state_->database);
  const int changed = state_->absorb(rows);
  transaction.commit();
  return changed;
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
