#include "raceline/base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/printable.h"

namespace raceline {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

template <class T>
T parse_number(std::string_view text, std::string_view what, std::string_view wanted) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
    throw ParseError(fmt::format("{}: '{}' is not {}", what, text.substr(0, 80), wanted));
  }
  return value;
}

bool looks_numeric(std::string_view cell) {
  return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell[0])) != 0 ||
                           (cell.size() > 1 && (cell[0] == '-' || cell[0] == '+') &&
                            std::isdigit(static_cast<unsigned char>(cell[1])) != 0));
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> parts;
  size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r\n", at)) != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end;
  }
  return parts;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

int64_t parse_int(std::string_view text, std::string_view what) {
  return parse_number<int64_t>(text, what, "a whole number");
}

double parse_double(std::string_view text, std::string_view what) {
  return parse_number<double>(text, what, "a number");
}

std::string number(double value) {
  return fmt::format("{}", value);
}
std::string number(float value) {
  return fmt::format("{}", value);
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> names, size_t most) {
  // Names of megabytes would take hours to compare; what people mistype is told by the beginning.
  constexpr size_t compared = 120;
  std::vector<std::pair<size_t, std::string>> ranked;
  ranked.reserve(names.size());
  for (const std::string& other : names)
    ranked.emplace_back(edit_distance(name.substr(0, compared), std::string_view(other).substr(0, compared)),
                        other);
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> best;
  for (const auto& [distance, other] : ranked) {
    if (best.size() == most) break;
    best.push_back(other);
  }
  return best;
}

std::string human_bytes(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (std::abs(bytes) >= 1024 && unit + 1 < std::size(units)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string human_us(double us) {
  if (std::abs(us) < 1000) return fmt::format("{:.1f} us", us);
  if (std::abs(us) < 1e6) return fmt::format("{:.2f} ms", us / 1e3);
  return fmt::format("{:.2f} s", us / 1e6);
}

std::string align_table(std::span<const std::vector<std::string>> given) {
  // A name of a megabyte must not widen every row to a megabyte.
  constexpr size_t widest = 120;
  std::vector<std::vector<std::string>> rows(given.begin(), given.end());
  for (auto& row : rows) {
    for (std::string& cell : row) cell = printable(cell);
  }
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::min(widest, std::max(widths[column], row[column].size()));
    }
  }
  std::string text;
  for (size_t index = 0; index < rows.size(); ++index) {
    std::string line;
    for (size_t column = 0; column < rows[index].size(); ++column) {
      const std::string& cell = rows[index][column];
      const bool right = index == 0
                             ? rows.size() > 1 && column < rows[1].size() && looks_numeric(rows[1][column])
                             : looks_numeric(cell);
      if (column > 0) line += "  ";
      line +=
          right ? fmt::format("{:>{}}", cell, widths[column]) : fmt::format("{:<{}}", cell, widths[column]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace raceline
