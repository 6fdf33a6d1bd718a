// The store as CSV (RFC 4180): one row a line, a header first, samples joined by ';'. See docs/formats.md.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/csv.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/profile/store.h"

namespace raceline {
namespace {

constexpr std::array<std::string_view, 12> columns{"layer",      "primitive", "revision", "device",
                                                   "threads",    "pinned",    "cache",    "state",
                                                   "samples_us", "error",     "why",      "taken_at"};
constexpr std::array<std::string_view, 3> states{"started", "measured",
                                                 "failed"};  // in the order of CostState

CostState state(const CsvField& field) {
  for (size_t index = 0; index < states.size(); ++index) {
    if (field.text == states[index]) return static_cast<CostState>(index);
  }
  refuse_csv(field,
             fmt::format("state: '{}' is none of {}", field.text.substr(0, 80), fmt::join(states, ", ")));
}

std::vector<double> samples(const CsvField& field) {
  std::vector<double> numbers;
  if (field.text.empty()) return numbers;
  for (const std::string_view part : split(field.text, ';')) {
    const double sample = csv_double(field, part, "samples_us");
    if (!std::isfinite(sample) || sample < 0)
      refuse_csv(field, fmt::format("samples_us: {} is no time", part));
    numbers.push_back(sample);
  }
  return numbers;
}

/// "2026-11-22T16:30:00Z", with or without parts of a second: so that later is greater as text.
bool is_time(std::string_view text) {
  constexpr std::string_view pattern = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= pattern.size() || text.size() > 40 || text.back() != 'Z') return false;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t index = 0; index < pattern.size(); ++index) {
    if (pattern[index] == 'd' ? !digit(text[index]) : text[index] != pattern[index]) return false;
  }
  std::string_view rest = text.substr(pattern.size(), text.size() - pattern.size() - 1);
  if (rest.empty()) return true;
  if (rest.size() < 2 || rest[0] != '.') return false;
  rest.remove_prefix(1);
  for (const char c : rest) {
    if (!digit(c)) return false;
  }
  return true;
}

CostRow row_of(const std::vector<CsvField>& fields) {
  CostRow row;
  row.key = {fields[0].text, fields[1].text, fields[2].text, fields[3].text, 1, false, fields[6].text};
  if (row.key.layer.empty()) refuse_csv(fields[0], "layer: empty");
  if (row.key.primitive.empty()) refuse_csv(fields[1], "primitive: empty");
  row.key.threads = static_cast<int>(csv_int(fields[4], "threads", 0, std::numeric_limits<int>::max()));
  row.key.pinned = csv_int(fields[5], "pinned", 0, 1) == 1;
  row.state = state(fields[7]);
  row.samples_us = samples(fields[8]);
  if (row.state == CostState::measured && row.samples_us.empty())
    refuse_csv(fields[8], "samples_us: measured, but no samples");
  row.error = csv_double(fields[9], fields[9].text, "error");
  row.why = fields[10].text;
  row.taken_at = fields[11].text;
  if (!is_time(row.taken_at)) {
    refuse_csv(fields[11],
               fmt::format("taken_at: '{}' is not like 2026-11-22T16:30:00Z", row.taken_at.substr(0, 80)));
  }
  return row;
}

}  // namespace

std::string CostStore::to_csv() const {
  std::string csv = fmt::format("{}\n", fmt::join(columns, ","));
  for (const CostRow& row : rows()) {
    std::vector<std::string> numbers;
    for (const double sample : row.samples_us) numbers.push_back(number(sample));
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(row.key.layer),
                       csv_field(row.key.primitive), csv_field(row.key.revision), csv_field(row.key.device),
                       row.key.threads, row.key.pinned ? 1 : 0, csv_field(row.key.cache),
                       states[static_cast<size_t>(row.state)], join(numbers, ";"), number(row.error),
                       csv_field(row.why), csv_field(row.taken_at));
  }
  return csv;
}

int CostStore::import_csv(std::string_view csv) {
  CsvScanner scanner(csv);
  check_csv_header(scanner.record(), columns);
  std::vector<CostRow> rows;
  while (!scanner.done()) {
    const std::vector<CsvField> fields = scanner.record();
    check_csv_fields(fields, columns.size());
    rows.push_back(row_of(fields));
  }
  return absorb(rows);
}

}  // namespace raceline
