// Measured costs on disk: one SQLite file in WAL mode, one versioned schema.
#pragma once
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
  std::string layer;      ///< LayerDesc::key()
  std::string primitive;
  std::string revision;   ///< Primitive::revision()
  std::string device;     ///< fingerprint; of both devices joined by '>' for a copy
  int threads = 1;
  bool pinned = false;
  std::string cache = "session";  ///< cache state: buffers as a Session leaves them
  friend auto operator<=>(const CostKey&, const CostKey&) = default;
};

enum class CostState : uint8_t {
  started,   ///< its first run began and never ended: it killed the process, and is skipped until forgotten
  measured,
  failed,    ///< wrong result, refusal of the library, error above the bound: see why
};

struct CostRow {
  CostKey key;
  CostState state = CostState::measured;
  std::vector<double> samples_us;  ///< every sample, in the order taken
  double error = 0;                ///< against the fp64 reference, as a share of the largest output
  std::string why;
  std::string taken_at;            ///< ISO 8601, UTC
};

/// The store. Every change is its own transaction, so that a killed process loses the measurement in hand and
/// nothing else; several processes may use one file. Throws IoError naming the file and the reason: not a
/// store, a newer schema, read-only, full disk, locked for longer than 30 s.
class CostStore {
 public:
  enum class Mode : uint8_t { read, write };
  static CostStore open(const std::filesystem::path& path, Mode mode = Mode::write);
  /// A store in memory that ends with the object.
  static CostStore temporary();
  ~CostStore();
  CostStore(CostStore&&) noexcept;
  CostStore& operator=(CostStore&&) noexcept;

  std::optional<CostRow> find(const CostKey& key) const;
  void mark_started(const CostKey& key);
  /// Replaces the row of the key; samples are kept as they are given.
  void save(const CostRow& row);
  /// All rows, sorted by key.
  std::vector<CostRow> rows() const;
  /// Drops rows in state `started` or `failed` (all of them: an upgrade may have mended what failed).
  int forget_failures();

  /// Adds the other store's rows that are not here; of two rows of one key the later taken stays.
  int merge(const CostStore& other);
  /// One row a line; samples joined by ';'. See docs/formats.md.
  std::string to_csv() const;
  /// Throws ParseError naming the line and column.
  int import_csv(std::string_view csv);

 private:
  struct State;
  explicit CostStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The statistic that decides costs: the 10th percentile, by linear interpolation; samples not empty.
double percentile(std::span<const double> samples, double share);

}  // namespace raceline
