#include "raceline/model/external_data.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

namespace fs = std::filesystem;

/// Error texts show no more of a location than this: it may be as long as the file.
constexpr size_t most_shown = 200;

struct Place {
  std::string location;
  uint64_t offset = 0;
  uint64_t length = 0;
};

uint64_t byte_count(const onnx::StringStringEntryProto& entry, std::string_view what) {
  const std::string text = entry.value().substr(0, most_shown);
  const int64_t count = parse_int(text, fmt::format("{}: {} of its external data", what, entry.key()));
  if (count < 0) throw ParseError(fmt::format("{}: {} {} of its external data", what, entry.key(), text));
  return static_cast<uint64_t>(count);
}

/// Keys that are not known (checksum, and what tools add) change nothing.
Place place_of(const onnx::TensorProto& tensor, const TensorDesc& desc, std::string_view what) {
  Place place;
  place.length = desc.bytes();
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") {
      place.location = entry.value();
    } else if (entry.key() == "offset") {
      place.offset = byte_count(entry, what);
    } else if (entry.key() == "length") {
      place.length = byte_count(entry, what);
    }
  }
  if (place.location.empty()) throw ParseError(fmt::format("{}: its external data have no location", what));
  if (place.length != desc.bytes()) {
    throw ParseError(fmt::format("{}: a tensor {} has {} bytes; its external data have {}", what,
                                 desc.to_string(), desc.bytes(), place.length));
  }
  return place;
}

/// Whether all parts of `folder` begin `path`.
bool lies_in(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

bool is_external(const onnx::TensorProto& tensor) {
  return tensor.data_location() == onnx::TensorProto::EXTERNAL;
}

const MappedFile& ExternalData::file(const std::string& location, std::string_view what) {
  const auto refuse = [&](std::string_view why) {
    throw UnsupportedError(
        fmt::format("{}: its external data are in '{}', {}", what, location.substr(0, most_shown), why));
  };
  const auto unreadable = [&](const std::error_code& error) {
    throw IoError(fmt::format("{}: cannot read its external data '{}': {}", what,
                              location.substr(0, most_shown), error.message()));
  };
  const fs::path relative(location);
  if (location.find('\0') != std::string::npos) {
    throw ParseError(fmt::format("{}: the location of its external data holds a zero byte", what));
  }
  if (relative.is_absolute() || relative.has_root_path()) refuse("which is not relative to the model");
  if (std::find(relative.begin(), relative.end(), "..") != relative.end()) {
    refuse("which leaves the model's folder");
  }
  std::error_code error;
  const fs::path folder = fs::canonical(fs::absolute(model_).parent_path(), error);
  if (error) unreadable(error);
  const fs::path path = fs::canonical(folder / relative, error);
  if (error) unreadable(error);
  if (!lies_in(path, folder)) refuse("a link that leaves the model's folder");
  if (const auto found = files_.find(path); found != files_.end()) return found->second;
  // Opening a pipe would wait for its writer.
  if (!fs::is_regular_file(path, error)) refuse("which is not a regular file");
  return files_.emplace(path, MappedFile(path)).first->second;
}

std::span<const std::byte> ExternalData::bytes(const onnx::TensorProto& tensor, const TensorDesc& desc,
                                               std::string_view what) {
  const Place place = place_of(tensor, desc, what);
  const std::span<const std::byte> whole = file(place.location, what).bytes();
  if (place.offset > whole.size() || place.length > whole.size() - place.offset) {
    throw ParseError(fmt::format("{}: its external data are {} bytes from byte {} on; '{}' has {} bytes",
                                 what, place.length, place.offset, place.location.substr(0, most_shown),
                                 whole.size()));
  }
  return whole.subspan(place.offset, place.length);
}

std::vector<MappedFile> ExternalData::take() {
  std::vector<MappedFile> files;
  for (auto& [path, file] : files_) files.push_back(std::move(file));
  files_.clear();
  return files;
}

}  // namespace raceline
