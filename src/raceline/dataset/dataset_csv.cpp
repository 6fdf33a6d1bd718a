// Datasets as CSV. The columns are documented in docs/datasets.md.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/csv.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/dataset/dataset.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

constexpr std::string_view first_note = "raceline-dataset/1";
constexpr std::array<std::string_view, 27> columns{"layer",
                                                   "type",
                                                   "platform",
                                                   "accelerator",
                                                   "mode",
                                                   "threads",
                                                   "primitive",
                                                   "set",
                                                   "group",
                                                   "repeat",
                                                   "rounds",
                                                   "runs",
                                                   "perfnetrt_pre_us",
                                                   "perfnetrt_exe_us",
                                                   "perfnetrt_post_us",
                                                   "resperfnet_pre_us",
                                                   "resperfnet_exe_us",
                                                   "resperfnet_post_us",
                                                   "perfnetrt_pre_median_us",
                                                   "perfnetrt_exe_median_us",
                                                   "perfnetrt_post_median_us",
                                                   "resperfnet_pre_median_us",
                                                   "resperfnet_exe_median_us",
                                                   "resperfnet_post_median_us",
                                                   "outlier",
                                                   "disturbed",
                                                   "taken_at"};
constexpr size_t first_time = 12;
constexpr double most_us = 1e12;  ///< eleven days: longer is no measurement

/// The times in the order of the columns.
template <class Row, class Visit>
void visit_times(Row& row, const Visit& visit) {
  size_t column = first_time;
  for (auto* statistic : {&row.p10, &row.median}) {
    for (auto& phases : *statistic) {
      for (auto phase : {&Phases::pre_us, &Phases::exe_us, &Phases::post_us}) visit(phases.*phase, column++);
    }
  }
}

/// Nanoseconds are enough, and keep the files small.
std::string time_text(double us) {
  if (!std::isfinite(us)) return "";
  return number(std::round(us * 1000) / 1000);
}

int count_of(const CsvField& field, std::string_view name, int least, int most) {
  return static_cast<int>(csv_int(field, name, least, most));
}

double time_of(const CsvField& field, std::string_view name) {
  if (field.text.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double value = csv_double(field, field.text, name);
  if (!std::isfinite(value) || value < 0 || value > most_us) {
    refuse_csv(field, fmt::format("{}: '{}' is no time in microseconds", name, field.text.substr(0, 80)));
  }
  return value;
}

DatasetRow row_of(const std::vector<CsvField>& fields) {
  DatasetRow row;
  row.layer = fields[0].text;
  try {
    row.type = type_of_name(row.layer);
  } catch (const Error& error) {
    refuse_csv(fields[0], fmt::format("layer: {}", error.what()));
  }
  if (fields[1].text != row.type) {
    refuse_csv(fields[1],
               fmt::format("type: '{}', but the layer is '{}'", fields[1].text.substr(0, 80), row.type));
  }
  row.platform = fields[2].text;
  if (row.platform.empty()) refuse_csv(fields[2], "platform: empty");
  row.accelerator = fields[3].text;
  row.mode = fields[4].text;
  row.threads = count_of(fields[5], columns[5], 0, 1 << 16);
  row.primitive = fields[6].text;
  row.set = fields[7].text;
  row.group = fields[8].text;
  row.repeat = count_of(fields[9], columns[9], 0, 1000);
  row.rounds = count_of(fields[10], columns[10], 1, 1 << 20);
  row.runs = count_of(fields[11], columns[11], 1, 1 << 30);
  visit_times(row, [&](double& us, size_t column) { us = time_of(fields[column], columns[column]); });
  for (const PhaseModel model : {PhaseModel::perfnetrt, PhaseModel::resperfnet}) {
    const size_t column = first_time + 1 + 3 * static_cast<size_t>(model);
    if (!(row.exe_us(model) > 0)) refuse_csv(fields[column], fmt::format("{}: no time", columns[column]));
  }
  row.outlier = count_of(fields[24], columns[24], 0, 1) == 1;
  row.disturbed = count_of(fields[25], columns[25], 0, 1) == 1;
  row.taken_at = fields[26].text;
  return row;
}

/// Takes the comment lines off the beginning.
std::vector<std::string> take_notes(std::string_view& csv) {
  std::vector<std::string> notes;
  while (csv.starts_with('#')) {
    const size_t end = std::min(csv.find('\n'), csv.size());
    std::string_view note = csv.substr(1, end - 1);
    if (note.starts_with(' ')) note.remove_prefix(1);
    if (note.ends_with('\r')) note.remove_suffix(1);
    if (note != first_note) notes.emplace_back(note);
    csv.remove_prefix(std::min(end + 1, csv.size()));
  }
  return notes;
}

}  // namespace

std::string to_csv(const Dataset& dataset) {
  std::string csv = fmt::format("# {}\n", first_note);
  for (const std::string& note : dataset.notes) {
    std::string line = note;
    for (char& c : line) {
      if (c == '\n' || c == '\r') c = ' ';
    }
    csv += fmt::format("# {}\n", line);
  }
  csv += fmt::format("{}\n", fmt::join(columns, ","));
  for (const DatasetRow& row : dataset.rows) {
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}", csv_field(row.layer), row.type,
                       csv_field(row.platform), csv_field(row.accelerator), csv_field(row.mode), row.threads,
                       csv_field(row.primitive), csv_field(row.set), csv_field(row.group), row.repeat,
                       row.rounds, row.runs);
    visit_times(row, [&](double us, size_t) { csv += "," + time_text(us); });
    csv += fmt::format(",{},{},{}\n", row.outlier ? 1 : 0, row.disturbed ? 1 : 0, csv_field(row.taken_at));
  }
  return csv;
}

Dataset parse_dataset(std::string_view csv) {
  Dataset dataset;
  const std::string_view whole = csv;
  dataset.notes = take_notes(csv);
  const auto notes =
      static_cast<size_t>(std::count(whole.begin(), whole.end() - static_cast<ptrdiff_t>(csv.size()), '\n'));
  // Places are those of the file, comment lines included.
  const auto placed = [&](std::vector<CsvField> fields) {
    for (CsvField& field : fields) field.line += notes;
    return fields;
  };
  CsvScanner scanner(csv);
  check_csv_header(placed(scanner.record()), columns);
  while (!scanner.done()) {
    const std::vector<CsvField> fields = placed(scanner.record());
    check_csv_fields(fields, columns.size());
    dataset.rows.push_back(row_of(fields));
  }
  return dataset;
}

Dataset parse_dataset(std::string_view csv, const std::filesystem::path& file) {
  try {
    return parse_dataset(csv);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", file.string(), error.what()));
  }
}

}  // namespace raceline
