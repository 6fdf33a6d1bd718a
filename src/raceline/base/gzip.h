// Files that may be compressed with gzip.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace raceline {

/// The whole file; unpacked when it begins as a gzip file does. Throws IoError: the file cannot be read, is
/// damaged, or unpacks to more than `most` bytes.
std::string read_maybe_gzip(const std::filesystem::path& path, size_t most = size_t{1} << 30);
/// The text as a gzip file without name and time: the same text gives the same bytes.
std::string gzip(std::string_view text);
/// Writes the text as write_file() does, packed when the file's name ends in ".gz".
void write_maybe_gzip(const std::filesystem::path& path, std::string_view text);

}  // namespace raceline
