#include "raceline/base/gzip.h"

#include <algorithm>

#include <fmt/format.h>
#include <zlib.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"

namespace raceline {
namespace {

constexpr int gzip_format = 15 + 16;  // windowBits of zlib: the largest window, gzip's header
constexpr size_t block = size_t{1} << 18;

Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib's interface knows no const
}

}  // namespace

std::string read_maybe_gzip(const std::filesystem::path& path, size_t most) {
  std::string packed = read_file(path);
  if (!packed.starts_with("\x1f\x8b")) return packed;
  z_stream stream{};
  if (inflateInit2(&stream, gzip_format) != Z_OK) throw IoError("zlib does not start");
  std::string text;
  int code = Z_OK;
  size_t read = 0;
  while (code == Z_OK || (code == Z_STREAM_END && read < packed.size())) {
    // A gzip file may be several, one behind the other.
    if (code == Z_STREAM_END) inflateReset(&stream);
    stream.next_in = bytes_of(std::string_view(packed).substr(read));
    stream.avail_in = static_cast<uInt>(std::min<size_t>(packed.size() - read, 1u << 30));
    const uInt given = stream.avail_in;
    const size_t before = text.size();
    text.resize(before + block);
    stream.next_out = bytes_of(std::string_view(text).substr(before));
    stream.avail_out = block;
    code = inflate(&stream, Z_NO_FLUSH);
    read += given - stream.avail_in;
    text.resize(before + block - stream.avail_out);
    if (text.size() > most) {
      inflateEnd(&stream);
      throw IoError(fmt::format("'{}' unpacks to more than {} bytes", path.string(), most));
    }
    if (code == Z_BUF_ERROR || (code == Z_OK && given == 0)) break;
  }
  inflateEnd(&stream);
  if (code != Z_STREAM_END)
    throw IoError(fmt::format("'{}' is damaged: it cannot be unpacked", path.string()));
  return text;
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_format, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw IoError("zlib does not start");
  }
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = bytes_of(text);
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = bytes_of(packed);
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw IoError("zlib could not pack the text");
  return packed;
}

void write_maybe_gzip(const std::filesystem::path& path, std::string_view text) {
  if (path.extension() == ".gz") {
    write_file(path, gzip(text));
  } else {
    write_file(path, text);
  }
}

}  // namespace raceline
