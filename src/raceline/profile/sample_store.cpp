#include "raceline/profile/sample_store.h"

#include <chrono>
#include <limits>
#include <tuple>

#include <fmt/format.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/profile/store_file.h"

namespace raceline {
namespace {

constexpr int lock_wait_ms = 30'000;

bool insert(Database& database, const Sitting& sitting) {
  Statement add =
      database.prepare("INSERT INTO sitting VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  add.bind(0, sitting.id);
  add.bind(1, sitting.platform);
  add.bind(2, sitting.accelerator);
  add.bind(3, sitting.mode);
  add.bind(4, int64_t{sitting.threads});
  add.bind(5, sitting.device);
  add.bind(6, sitting.versions);
  add.bind(7, sitting.machine);
  add.bind(8, sitting.what);
  add.bind(9, sitting.started_at);
  add.step();
  return database.changes() == 1;
}

bool insert(Database& database, const PlatformSample& sample) {
  Statement add = database.prepare(
      "INSERT INTO sample VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  add.bind(0, sample.sitting);
  add.bind(1, sample.layer);
  add.bind(2, sample.primitive);
  add.bind(3, int64_t{sample.repeat});
  add.bind(4, int64_t{sample.round});
  add.bind(5, sample.origin);
  add.bind(6, sample.trouble);
  add.bind(7, sample.why);
  add.bind(8, join(sample.steps, ","));
  add.bind(9, std::span<const double>(sample.samples_us));
  add.bind(10, sample.kernels);
  add.bind(11, int64_t{sample.disturbed});
  add.bind(12, sample.taken_at.empty() ? now_utc() : sample.taken_at);
  add.step();
  if (database.changes() != 1) return false;
  if (!sample.sentinel.empty()) {
    Statement beside = database.prepare("INSERT INTO sentinel VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    beside.bind(0, sample.sitting);
    beside.bind(1, int64_t{sample.round});
    beside.bind(2, sample.sentinel);
    beside.bind(3, int64_t{sample.sentinel_threads});
    beside.bind(4, sample.sentinel_us);
    beside.step();
  }
  return true;
}

int small(Database& database, const Statement& statement, int column) {
  const int64_t value = statement.integer(column);
  if (value < 0 || value > std::numeric_limits<int>::max())
    database.refuse("it is damaged: a count is out of range");
  return static_cast<int>(value);
}

}  // namespace

struct SampleStore::State : StoreFile {
  using StoreFile::StoreFile;
};

bool Sitting::same_platform(const Sitting& other) const {
  const auto facts = [](const Sitting& s) {
    return std::tie(s.platform, s.accelerator, s.mode, s.threads, s.device, s.versions);
  };
  return facts(*this) == facts(other);
}

SampleStore::SampleStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
SampleStore::~SampleStore() = default;
SampleStore::SampleStore(SampleStore&&) noexcept = default;
SampleStore& SampleStore::operator=(SampleStore&&) noexcept = default;

SampleStore SampleStore::open(const std::filesystem::path& path, Mode mode) {
  const auto access = mode == Mode::read ? Database::Access::read : Database::Access::write;
  return SampleStore(std::make_unique<State>(path, access, lock_wait_ms));
}

SampleStore SampleStore::temporary() {
  return SampleStore(std::make_unique<State>("", Database::Access::memory, 0));
}

Sitting SampleStore::begin(Sitting facts) {
  facts.started_at = now_utc();
  // Unique among machines and processes: fingerprint, process and the clock's finest digits.
  const auto ticks = std::chrono::system_clock::now().time_since_epoch().count();
  facts.id = hex(hash_text(fmt::format("{} {} {}", facts.device, ::getpid(), ticks)));
  if (!insert(state_->database, facts)) throw IoError("a sitting of this id is there already; try again");
  return facts;
}

void SampleStore::append(const PlatformSample& sample) {
  Transaction transaction(state_->database);
  if (!insert(state_->database, sample)) {
    throw IoError(fmt::format("round {} of '{}' is in the store already", sample.round, sample.layer));
  }
  transaction.commit();
}

std::vector<Sitting> SampleStore::sittings() const {
  std::vector<Sitting> all;
  if (state_->version < 3) return all;
  Statement rows = state_->database.prepare("SELECT * FROM sitting ORDER BY started_at, id");
  while (rows.step()) {
    all.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), small(state_->database, rows, 4),
                   rows.text(5), rows.text(6), rows.text(7), rows.text(8), rows.text(9)});
  }
  return all;
}

void SampleStore::visit(const std::function<void(PlatformSample&&)>& visitor) const {
  if (state_->version < 3) return;
  const std::string_view beside =
      state_->version < 4 ? "SELECT sample.*, '', 0, 0.0 FROM sample "
                          : "SELECT sample.*, coalesce(revision, ''), coalesce(threads, 0), "
                            "coalesce(us, 0.0) FROM sample LEFT JOIN sentinel USING(sitting, round) ";
  Statement rows = state_->database.prepare(
      fmt::format("{}ORDER BY layer, primitive, repeat, taken_at, sitting, round", beside));
  while (rows.step()) {
    PlatformSample sample{.sitting = rows.text(0),
                          .layer = rows.text(1),
                          .primitive = rows.text(2),
                          .repeat = small(state_->database, rows, 3),
                          .round = small(state_->database, rows, 4),
                          .origin = rows.text(5),
                          .trouble = rows.text(6),
                          .why = rows.text(7),
                          .samples_us = rows.reals(9),
                          .kernels = rows.text(10),
                          .disturbed = rows.integer(11) != 0,
                          .sentinel = rows.text(13),
                          .sentinel_threads = small(state_->database, rows, 14),
                          .sentinel_us = rows.real(15),
                          .taken_at = rows.text(12)};
    const std::string steps = rows.text(8);
    if (!steps.empty()) {
      for (const std::string_view step : split(steps, ',')) sample.steps.emplace_back(step);
    }
    if (sample.steps.empty() != sample.samples_us.empty() ||
        sample.samples_us.size() % std::max<size_t>(1, sample.steps.size()) != 0) {
      state_->database.refuse("it is damaged: samples do not fill their steps");
    }
    visitor(std::move(sample));
  }
}

std::vector<PlatformSample> SampleStore::samples() const {
  std::vector<PlatformSample> all;
  visit([&](PlatformSample&& sample) { all.push_back(std::move(sample)); });
  return all;
}

std::vector<double> SampleStore::sentinel_times(const std::string& device, const std::string& sentinel,
                                                int threads) const {
  std::vector<double> times;
  if (state_->version < 4) return times;
  Statement rows = state_->database.prepare(
      "SELECT us FROM (SELECT us FROM sentinel JOIN sitting ON sitting.id = sentinel.sitting "
      "WHERE sitting.device = ? AND sentinel.revision = ? AND sentinel.threads = ? "
      "ORDER BY sitting.started_at DESC, sentinel.round DESC LIMIT 20000) ORDER BY us");
  rows.bind(0, device);
  rows.bind(1, sentinel);
  rows.bind(2, int64_t{threads});
  while (rows.step()) times.push_back(rows.real(0));
  return times;
}

int SampleStore::merge(const SampleStore& other) {
  Transaction transaction(state_->database);
  for (const Sitting& sitting : other.sittings()) insert(state_->database, sitting);
  int added = 0;
  other.visit([&](PlatformSample&& sample) { added += insert(state_->database, sample) ? 1 : 0; });
  transaction.commit();
  return added;
}

}  // namespace raceline
