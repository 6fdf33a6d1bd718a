#include "raceline/predict/trained_layers.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/hash.h"
#include "raceline/dataset/splits.h"

namespace raceline {
namespace {

constexpr size_t digits = 8;

uint32_t hash_of(const std::string& layer) {
  return static_cast<uint32_t>(hash_text(bare_key(layer)));
}

}  // namespace

void TrainedLayers::add(const std::string& layer) {
  const uint32_t hash = hash_of(layer);
  const auto at = std::ranges::lower_bound(hashes_, hash);
  if (at == hashes_.end() || *at != hash) hashes_.insert(at, hash);
}

void TrainedLayers::add(const TrainedLayers& others) {
  std::vector<uint32_t> all;
  std::ranges::set_union(hashes_, others.hashes_, std::back_inserter(all));
  hashes_ = std::move(all);
}

bool TrainedLayers::contains(const std::string& layer) const {
  return std::ranges::binary_search(hashes_, hash_of(layer));
}

void TrainedLayers::visit(Archive& archive, std::string_view key) {
  std::string text;
  for (const uint32_t hash : hashes_) text += fmt::format("{:08x}", hash);
  archive.field(key, text);
  if (!archive.reading()) return;
  if (text.size() % digits != 0)
    archive.refuse(key, fmt::format("{} digits, wanted {} for each layer", text.size(), digits));
  for (size_t at = 0; at < text.size(); at += digits) {
    const char *begin = text.data() + at, *end = begin + digits;
    uint32_t hash = 0;
    const auto [stopped, error] = std::from_chars(begin, end, hash, 16);
    if (error != std::errc() || stopped != end)
      archive.refuse(key, fmt::format("'{}' is no hash", std::string_view(begin, digits)));
    if (!hashes_.empty() && hash <= hashes_.back())
      archive.refuse(key, fmt::format("the hash '{}' does not ascend", std::string_view(begin, digits)));
    hashes_.push_back(hash);
  }
}

}  // namespace raceline
