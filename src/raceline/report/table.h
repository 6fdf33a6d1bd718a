// A table of a report, as text, CSV and HTML.
#pragma once
#include <string>
#include <vector>

namespace raceline {

struct ReportTable {
  std::string title;
  std::vector<std::vector<std::string>> rows;  ///< the first is the header; all of its length
  std::vector<std::string> notes;              ///< below the table

  /// Title, aligned columns, notes.
  std::string to_text() const;
  /// The rows as RFC 4180 has them; neither title nor notes.
  std::string to_csv() const;
  /// A <table> with caption, and a paragraph a note. Cells that look like numbers go to the right.
  std::string to_html() const;
};

/// Text as HTML and SVG want it: &, <, > and quotes escaped.
std::string escape_markup(const std::string& text);

}  // namespace raceline
