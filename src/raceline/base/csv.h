// CSV (RFC 4180): reading with the place of each field, writing with quotes where they are needed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

/// A field and where it stands.
struct CsvField {
  std::string text;
  size_t line = 0, column = 0;  ///< of its first character, from 1
};

/// Throws ParseError "line 3, column 7: what".
[[noreturn]] void refuse_csv(const CsvField& field, std::string_view what);

/// Cuts CSV into records. The text must outlive it.
class CsvScanner {
 public:
  explicit CsvScanner(std::string_view text) : text_(text) {}
  bool done() const { return at_ == text_.size(); }
  /// The next record; throws ParseError for quotes that are wrong.
  std::vector<CsvField> record();

 private:
  CsvField field();
  bool ends_line() const;
  char next();

  std::string_view text_;
  size_t at_ = 0, line_ = 1, column_ = 1;
};

/// The header has these columns, in this order. Throws ParseError at the first that is another, missing or
/// too much.
void check_csv_header(std::span<const CsvField> header, std::span<const std::string_view> columns);

/// A record has so many fields. Throws ParseError at its last.
void check_csv_fields(std::span<const CsvField> record, size_t wanted);

/// A field as a whole number within [least, most]. Throws ParseError, with the name of its column.
int64_t csv_int(const CsvField& field, std::string_view name, int64_t least, int64_t most);

/// A field, or a part of it, as a number. Throws ParseError at the field, with the name of its column.
double csv_double(const CsvField& field, std::string_view text, std::string_view name);

/// The text as a field, in quotes if it needs them.
std::string csv_field(std::string_view text);

}  // namespace raceline
