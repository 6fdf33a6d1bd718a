// Text and numbers: splitting, strict parsing, near names, sizes and times for people.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

std::vector<std::string_view> split(std::string_view text, char separator);
/// Splits at runs of blanks; no empty parts.
std::vector<std::string_view> words(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);

/// The whole text as a number. Throws ParseError naming `what`, the text and what was wanted.
int64_t parse_int(std::string_view text, std::string_view what);
double parse_double(std::string_view text, std::string_view what);

/// The shortest text that parses back to the same value.
std::string number(double value);
std::string number(float value);

/// Up to `most` of `names` nearest to `name` by edit distance, nearest first.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> names, size_t most = 3);

/// For people: "1.2 MiB", "37.4 us", "2.31 ms".
std::string human_bytes(double bytes);
std::string human_us(double us);

/// Columns aligned by width; the first row is the header. Cells that look like numbers go to the right.
std::string align_table(std::span<const std::vector<std::string>> rows);

}  // namespace raceline
