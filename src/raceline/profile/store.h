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
  /// Replaces the row of the key; samples are kept as they are given. An empty taken_at becomes now.
  void save(const CostRow& row);
  /// All rows, sorted by key.
  std::vector<CostRow> rows() const;
  /// Drops rows in state `started` or `failed` (all of them: an upgrade may have mended what failed).
  int forget_failures();

  /// Adds the other store's rows that are not here; of two rows of one key the later taken stays, but a
  /// result always before a start. All or nothing; the number of rows that changed.
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
