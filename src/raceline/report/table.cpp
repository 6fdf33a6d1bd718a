#include "raceline/report/table.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "raceline/base/csv.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

/// A number, perhaps with a unit behind it.
bool looks_like_number(const std::string& cell) {
  const size_t first = cell.find_first_not_of("+-<>~( ");
  return first != std::string::npos && std::isdigit(static_cast<unsigned char>(cell[first])) != 0;
}

}  // namespace

std::string ReportTable::to_text() const {
  std::string text = title.empty() ? "" : title + "\n";
  text += align_table(rows);
  for (const std::string& note : notes) text += note + "\n";
  return text;
}

std::string ReportTable::to_csv() const {
  std::string csv;
  for (const auto& row : rows) {
    std::vector<std::string> cells(row.size());
    std::ranges::transform(row, cells.begin(), csv_field);
    csv += join(cells, ",") + "\r\n";
  }
  return csv;
}

std::string ReportTable::to_html() const {
  std::string html = fmt::format("<table>\n<caption>{}</caption>\n", escape_markup(title));
  for (size_t row = 0; row < rows.size(); ++row) {
    html += "<tr>";
    for (const std::string& cell : rows[row]) {
      const char* tag = row == 0 ? "th" : "td";
      const char* right = row > 0 && looks_like_number(cell) ? " class=\"number\"" : "";
      html += fmt::format("<{0}{1}>{2}</{0}>", tag, right, escape_markup(cell));
    }
    html += "</tr>\n";
  }
  html += "</table>\n";
  for (const std::string& note : notes)
    html += fmt::format("<p class=\"note\">{}</p>\n", escape_markup(note));
  return html;
}

std::string escape_markup(const std::string& text) {
  std::string escaped;
  for (const char each : text) {
    switch (each) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += each;
    }
  }
  return escaped;
}

}  // namespace raceline
