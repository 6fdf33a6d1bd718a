#include "raceline/base/csv.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {

void refuse_csv(const CsvField& field, std::string_view what) {
  throw ParseError(fmt::format("line {}, column {}: {}", field.line, field.column, what));
}

std::vector<CsvField> CsvScanner::record() {
  std::vector<CsvField> fields;
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

CsvField CsvScanner::field() {
  CsvField field{"", line_, column_};
  if (done() || text_[at_] != '"') {
    while (!done() && text_[at_] != ',' && !ends_line()) {
      if (text_[at_] == '"') refuse_csv({"", line_, column_}, "a quote inside a field without quotes");
      field.text += next();
    }
    return field;
  }
  next();
  for (;;) {
    if (done()) refuse_csv(field, "the quote is not closed");
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
    refuse_csv({"", line_, column_}, "text after a closing quote");
  return field;
}

bool CsvScanner::ends_line() const {
  return text_[at_] == '\n' || (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
}

char CsvScanner::next() {
  const char c = text_[at_++];
  if (c == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
  return c;
}

void check_csv_header(std::span<const CsvField> header, std::span<const std::string_view> columns) {
  for (size_t index = 0; index < std::max(header.size(), columns.size()); ++index) {
    if (index >= header.size())
      refuse_csv(header.back(), fmt::format("column '{}' is missing", columns[index]));
    if (index >= columns.size() || header[index].text != columns[index]) {
      refuse_csv(header[index],
                 fmt::format("column '{}', wanted {}", header[index].text.substr(0, 80),
                             index < columns.size() ? fmt::format("'{}'", columns[index]) : "no more"));
    }
  }
}

void check_csv_fields(std::span<const CsvField> record, size_t wanted) {
  if (record.size() != wanted)
    refuse_csv(record.back(), fmt::format("{} fields, wanted {}", record.size(), wanted));
}

int64_t csv_int(const CsvField& field, std::string_view name, int64_t least, int64_t most) {
  int64_t value = 0;
  try {
    value = parse_int(field.text, name);
  } catch (const ParseError& error) {
    refuse_csv(field, error.what());
  }
  if (value < least || value > most)
    refuse_csv(field, fmt::format("{}: {} is not within {} and {}", name, value, least, most));
  return value;
}

double csv_double(const CsvField& field, std::string_view text, std::string_view name) {
  try {
    return parse_double(text, name);
  } catch (const ParseError& error) {
    refuse_csv(field, error.what());
  }
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + "\"";
}

}  // namespace raceline
