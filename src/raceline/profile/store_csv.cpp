// The store as CSV (RFC 4180): one row a line, a header first, samples joined by ';'. See docs/formats.md.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

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

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + "\"";
}

struct Field {
  std::string text;
  size_t line = 0, column = 0;  // of its first character, from 1
};

[[noreturn]] void refuse(const Field& field, std::string_view what) {
  throw ParseError(fmt::format("line {}, column {}: {}", field.line, field.column, what));
}

/// Cuts CSV into records, keeping the place of each field.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }

  std::vector<Field> record() {
    std::vector<Field> fields;
    for (;;) {
      fields.push_back(field());
      if (done()) return fields;
      if (text_[at_] == ',') {
        next();
        continue;
      }
      if (text_[at_] == '\r') next();
      if (!done()) next();  // the line feed
      return fields;
    }
  }

 private:
  Field field() {
    Field field{"", line_, column_};
    if (done() || text_[at_] != '"') {
      while (!done() && text_[at_] != ',' && !ends_line()) {
        if (text_[at_] == '"') refuse({"", line_, column_}, "a quote inside a field without quotes");
        field.text += next();
      }
      return field;
    }
    next();
    for (;;) {
      if (done()) refuse(field, "the quote is not closed");
      const char c = next();
      if (c != '"') {
        field.text += c;
      } else if (!done() && text_[at_] == '"') {
        field.text += next();
      } else {
        break;
      }
    }
    if (!done() && text_[at_] != ',' && !ends_line())
      refuse({"", line_, column_}, "text after a closing quote");
    return field;
  }

  bool ends_line() const {
    return text_[at_] == '\n' || (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
  }

  char next() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else {
      ++column_;
    }
    return c;
  }

  std::string_view text_;
  size_t at_ = 0, line_ = 1, column_ = 1;
};

int64_t whole(const Field& field, std::string_view name, int64_t most) {
  int64_t value = -1;
  try {
    value = parse_int(field.text, name);
  } catch (const ParseError& error) {
    refuse(field, error.what());
  }
  if (value < 0 || value > most)
    refuse(field, fmt::format("{}: {} is not within 0 and {}", name, value, most));
  return value;
}

double real(const Field& field, std::string_view text, std::string_view name) {
  try {
    return parse_double(text, name);
  } catch (const ParseError& error) {
    refuse(field, error.what());
  }
}

CostState state(const Field& field) {
  for (size_t index = 0; index < states.size(); ++index) {
    if (field.text == states[index]) return static_cast<CostState>(index);
  }
  refuse(field, fmt::format("state: '{}' is none of {}", field.text.substr(0, 80), fmt::join(states, ", ")));
}

std::vector<double> samples(const Field& field) {
  std::vector<double> numbers;
  if (field.text.empty()) return numbers;
  for (const std::string_view part : split(field.text, ';')) {
    const double sample = real(field, part, "samples_us");
    if (!std::isfinite(sample) || sample < 0) refuse(field, fmt::format("samples_us: {} is no time", part));
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

CostRow row_of(const std::vector<Field>& fields) {
  CostRow row;
  row.key = {fields[0].text, fields[1].text, fields[2].text, fields[3].text, 1, false, fields[6].text};
  if (row.key.layer.empty()) refuse(fields[0], "layer: empty");
  if (row.key.primitive.empty()) refuse(fields[1], "primitive: empty");
  row.key.threads = static_cast<int>(whole(fields[4], "threads", std::numeric_limits<int>::max()));
  row.key.pinned = whole(fields[5], "pinned", 1) == 1;
  row.state = state(fields[7]);
  row.samples_us = samples(fields[8]);
  if (row.state == CostState::measured && row.samples_us.empty())
    refuse(fields[8], "samples_us: measured, but no samples");
  row.error = real(fields[9], fields[9].text, "error");
  row.why = fields[10].text;
  row.taken_at = fields[11].text;
  if (!is_time(row.taken_at)) {
    refuse(fields[11],
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
  Scanner scanner(csv);
  const std::vector<Field> header = scanner.record();
  for (size_t index = 0; index < std::max(header.size(), columns.size()); ++index) {
    if (index >= header.size()) refuse(header.back(), fmt::format("column '{}' is missing", columns[index]));
    if (index >= columns.size() || header[index].text != columns[index]) {
      refuse(header[index],
             fmt::format("column '{}', wanted {}", header[index].text.substr(0, 80),
                         index < columns.size() ? fmt::format("'{}'", columns[index]) : "no more"));
    }
  }
  std::vector<CostRow> rows;
  while (!scanner.done()) {
    const std::vector<Field> fields = scanner.record();
    if (fields.size() != columns.size()) {
      refuse(fields.back(), fmt::format("{} fields, wanted {}", fields.size(), columns.size()));
    }
    rows.push_back(row_of(fields));
  }
  return absorb(rows);
}

}  // namespace raceline
