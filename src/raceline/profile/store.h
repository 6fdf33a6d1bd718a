// Measured costs on disk: one SQLite file in WAL mode, one versioned schema.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

/// Under what a cost was measured, and of what: rows of different keys are different facts.
struct CostKey {
  std::string layer;  ///< LayerDesc::key()
  std::string primitive;
  std::string revision;  ///< Primitive::revision()
  std::string device;    ///< fingerprint; of both devices joined by '>' for a copy
  int threads = 1;
  bool pinned = false;
  std::string cache = "session";  ///< cache state: buffers as a Session leaves them
  friend auto operator<=>(const CostKey&, const CostKey&) = default;
};

enum class CostState : uint8_t {
  started,  ///< its first run began and never ended: it killed the process, and is skipped until forgotten
  measured,
  failed,  ///< wrong result, refusal of the library, error above the bound: see why
};

struct CostRow {
  CostKey key;
  CostState state = CostState::measured;
  std::vector<double> samples_us;  ///< every sample, in the order taken
  double error = 0;                ///< against the fp64 reference, as a share of the largest output
  std::string why;
  std::string taken_at;  ///< ISO 8601, UTC
};

/// Under what whole runs of a plan were timed. Such rows stand in a table of their own and are found by the
/// whole key only, so that they are never taken for costs of a layer by itself.
struct RunKey {
  std::string graph;     ///< Graph::key()
  std::string plan;      ///< plan_signature(): what it runs where, by which revisions
  std::string protocol;  ///< why it ran: see tune/whole_runs.h. Nothing of one protocol is used for another
  std::string device;    ///< fingerprint
  int threads = 1;
  bool pinned = false;
  friend auto operator<=>(const RunKey&, const RunKey&) = default;
};

/// Samples of one place of a run: of a step, or of the whole.
struct RunRow {
  std::string place;  ///< as in CostTable::find_at(); empty: the whole
  std::string layer;  ///< LayerDesc::key(); empty for the whole
  std::string primitive, revision;
  std::vector<double> samples_us;  ///< one a run, in the order taken: of one index in all rows of a key
  std::string taken_at;            ///< ISO 8601, UTC
  friend bool operator==(const RunRow&, const RunRow&) = default;
};

/// The store. Every change is its own transaction, so that a killed process loses the measurement in hand and
/// nothing else; several processes may use one file. Throws IoError naming the file and the reason: not a
/// store, a newer schema, read-only, full disk, locked for longer than 30 s.
class CostStore {
 public:
  enum class Mode : uint8_t { read, write };
  /// Mode::write makes the file if there is none, in a folder that exists; Mode::read changes nothing, and
  /// works on files and folders that cannot be written.
  static CostStore open(const std::filesystem::path& path, Mode mode = Mode::write,
                        int lock_wait_ms = 30'000);
  /// A store in memory that ends with the object.
  static CostStore temporary();
  ~CostStore();
  CostStore(CostStore&&) noexcept;
  CostStore& operator=(CostStore&&) noexcept;

  std::optional<CostRow> find(const CostKey& key) const;
  /// A measured row stays as it is: measuring once more can add to it, not take it away.
  void mark_started(const CostKey& key);
  /// Takes mark_started() back: nothing came of the run that says anything of the primitive.
  void forget_start(const CostKey& key);
  /// Replaces the row of the key; samples are kept as they are given. An empty taken_at becomes now.
  void save(const CostRow& row);
  /// All rows, sorted by key.
  std::vector<CostRow> rows() const;
  /// Drops rows in state `started` or `failed` (all of them: an upgrade may have mended what failed).
  int forget_failures();

  /// The rows of whole runs under this key, in the order in which they were given; empty when there are none.
  std::vector<RunRow> find_runs(const RunKey& key) const;
  /// Replaces all rows of the key, all or nothing. An empty taken_at becomes now.
  void save_runs(const RunKey& key, std::span<const RunRow> rows);
  /// The keys under which there are runs, sorted.
  std::vector<RunKey> run_keys() const;

  /// Adds the other store's rows that are not here, of layers and of whole runs; of two rows of one key the
  /// later taken stays, but a result always before a start. All or nothing; the number of rows that changed.
  int merge(const CostStore& other);
  /// One row a line; samples joined by ';'. See docs/formats.md.
  std::string to_csv() const;
  /// Merges the rows of to_csv()'s text. Throws ParseError naming the line and column, and then changes
  /// nothing.
  int import_csv(std::string_view csv);

 private:
  struct State;
  explicit CostStore(std::unique_ptr<State> state);
  int absorb(std::span<const CostRow> rows);
  std::unique_ptr<State> state_;
};

/// The value below which this share (0 to 1) of the samples lies, by linear interpolation; samples not empty.
/// The statistic that decides costs is the 10th percentile: share 0.1.
double percentile(std::span<const double> samples, double share);

}  // namespace raceline
