// A dataset: layers with the phases of their time on platforms, as a table. docs/datasets.md has the columns.
#pragma once
#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/dataset/phases.h"
#include "raceline/profile/sample_store.h"

namespace raceline {

/// A row: one layer (or two in a row, or a whole model) on one platform. Times are in microseconds; NaN where
/// nobody measured them.
struct DatasetRow {
  std::string layer;        ///< LayerDesc::key(), model_name() or LayerPair::name()
  std::string type;         ///< type_of_name(layer)
  std::string platform;     ///< "onnxruntime"
  std::string accelerator;  ///< "cpu"
  std::string mode;         ///< "optimised", "unoptimised"
  int threads = 1;
  std::string primitive;  ///< of platforms that offer several ways to compute a layer; else empty
  std::string set;    ///< train, validation, test, test-uniform, test-networks, pairs, models; see splits.h
  std::string group;  ///< rows of one group are never on both sides of a split by group
  int repeat = 0;     ///< 1: measured again later, for the noise floor
  int rounds = 1, runs = 1;
  std::array<Phases, 2> p10{}, median{};  ///< by PhaseModel; the label is p10
  bool outlier = false;                   ///< is_outlier()
  bool disturbed = false;                 ///< the machine was calm in fewer than two of its rounds
  std::string taken_at;                   ///< of the last round: ISO 8601, UTC

  /// The label: microseconds of the phases by a definition.
  const Phases& label(PhaseModel model) const { return p10[static_cast<size_t>(model)]; }
  double exe_us(PhaseModel model) const { return label(model).exe_us; }
};

struct Dataset {
  std::vector<std::string> notes;  ///< provenance, a line each
  std::vector<DatasetRow> rows;
};

/// What is wanted of a store; empty: everything.
struct DatasetQuery {
  std::string platform, mode;
  int least_rounds = 3;  ///< rows of fewer are left out: their collection was cut short
};

/// The times of a sample's runs. Throws ParseError when a step is none that phases.h knows.
std::vector<RawTimes> runs_of(const PlatformSample& sample);
/// Makes them the sample's.
void set_runs(PlatformSample& sample, std::span<const RawTimes> runs);

/// Rows and provenance of the samples in a store: rounds of one layer, primitive and repeat on the same
/// platform and versions make a row, whichever sittings they come from. Failures are counted in a note.
Dataset dataset_of(const SampleStore& store, const DatasetQuery& query = {});

/// Fingerprints of the machines on which sittings of this platform measured, as the notes have them; sorted.
std::vector<std::string> machines_of(const Dataset& dataset, std::string_view platform,
                                     std::string_view accelerator, std::string_view mode, int64_t threads);

/// CSV with notes as comment lines before the header.
std::string to_csv(const Dataset& dataset);
/// Throws ParseError naming line and column: a missing or unknown column, a layer that does not parse, a
/// negative or infinite time, an execution time that is missing or 0, and so on.
Dataset parse_dataset(std::string_view csv);
/// The same of a file's text, which errors name.
Dataset parse_dataset(std::string_view csv, const std::filesystem::path& file);

/// Public datasets of others: what the rows mean there stands in docs/datasets.md.
enum class PublicFormat : uint8_t { justus, trt, miopen };
/// Throws ParseError.
PublicFormat parse_public_format(std::string_view text);
/// Rows of a CSV file as it was published; `name` says where it was measured ("GTX1080Ti"). Rows that say
/// nothing of a forward pass, and rows of layers that cannot be, are left out and counted in notes. Throws
/// ParseError naming line and column.
Dataset import_public(PublicFormat format, std::string_view csv, std::string_view name);

/// How well a repetition predicts its first measurement.
struct NoiseFloor {
  std::string platform, accelerator, mode;
  int threads = 1;
  std::string type, primitive;
  std::string phase;  ///< "pre", "exe", "post"
  std::string above;  ///< "all", "> 50 us", "> 200 us": of the first measurement
  size_t rows = 0;
  double mape_percent = 0;
};

/// Of all pairs of a row and its repetition, in the phases of a definition, sorted; those of fewer than one
/// pair are left out. Outliers are in.
std::vector<NoiseFloor> noise_floors(const Dataset& dataset, PhaseModel definition = PhaseModel::resperfnet);

}  // namespace raceline
