#include "raceline/profile/store.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/store_file.h"

namespace raceline {
namespace {

constexpr std::string_view same_run =
    "graph = ?1 AND plan = ?2 AND protocol = ?3 AND device = ?4 AND threads = ?5 AND pinned = ?6";
constexpr std::string_view same_key =
    "layer = ?1 AND primitive = ?2 AND revision = ?3 AND device = ?4 AND threads = ?5 AND pinned = ?6 AND "
    "cache = ?7";
constexpr std::string_view insert =
    "INSERT INTO cost VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "state = excluded.state, samples = excluded.samples, error = excluded.error, why = excluded.why, "
    "taken_at = excluded.taken_at";

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

struct CostStore::State : StoreFile {
  using StoreFile::StoreFile;

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

void CostStore::forget_start(const CostKey& key) {
  Statement statement = state_->database.prepare(fmt::format("DELETE FROM cost WHERE {} AND state = {}",
                                                             same_key, static_cast<int>(CostState::started)));
  bind_key(statement, key);
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
  if (state_->version < 2) return rows;
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
  if (state_->version < 2) return keys;
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
