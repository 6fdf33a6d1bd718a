// CSV (RFC 4180): reading with the place of each field, writing with quotes where they are needed.
#pragma once
#include <cstddef>
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

/// The text as a field, in quotes if it needs them.
std::string csv_field(std::string_view text);

}  // namespace raceline
