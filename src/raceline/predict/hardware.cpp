#include "raceline/predict/hardware.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "raceline/predict/archive.h"

namespace raceline {
namespace {

// NVIDIA's and AMD's data sheets: single precision at boost clock, memory, L2, multiprocessors (compute
// units).
const std::array<Hardware, 8> data_sheets{{
    {"GTX1080Ti", 11340, 484, 2.75e6, 28},
    {"V100", 15700, 900, 6e6, 80},
    {"P100", 9300, 732, 4e6, 56},
    {"K80", 4370, 240, 1.5e6, 13},  // one of its two processors
    {"M60", 4820, 160, 2e6, 16},
    {"K40", 4290, 288, 1.5e6, 15},
    {"gfx900", 10540, 410, 4e6, 56},   // Radeon RX Vega 56
    {"gfx906", 14750, 1024, 4e6, 64},  // Radeon Instinct MI60
}};

/// The runs of letters and digits, in small letters.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words{""};
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (std::isalnum(byte) != 0) {
      words.back() += static_cast<char>(std::tolower(byte));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  return words;
}

/// Whether some words, one behind the other, make up the name.
bool hold(const std::vector<std::string>& words, const std::string& name) {
  for (size_t start = 0; start < words.size(); ++start) {
    std::string joined;
    for (size_t end = start; end < words.size() && joined.size() < name.size(); ++end) joined += words[end];
    if (joined == name) return true;
  }
  return false;
}

}  // namespace

void Hardware::visit(Archive& archive) {
  archive.field("name", name);
  archive.field("gflops", gflops);
  archive.field("gb_per_s", gb_per_s);
  archive.field("cache_bytes", cache_bytes);
  archive.field("units", units);
  if (archive.reading() && !(gflops > 0 && gb_per_s > 0 && cache_bytes > 0 && units > 0)) {
    archive.refuse("gflops", "peaks and sizes are positive");
  }
}

std::optional<Hardware> data_sheet_of(std::string_view accelerator) {
  const std::vector<std::string> words = words_of(accelerator);
  for (const Hardware& each : data_sheets) {
    if (hold(words, words_of(each.name).front())) return each;
  }
  return std::nullopt;
}

Hardware hardware_of(std::string_view accelerator, int threads, const Machine& machine) {
  if (const std::optional<Hardware> sheet = data_sheet_of(accelerator)) return *sheet;
  // Two multiply-add units of the widest vectors at 3 GHz.
  const double lanes = machine.has("avx512f") ? 16 : machine.has("avx2") ? 8 : 4;
  const double cores = std::max(1, threads);
  return {.name = std::string(accelerator),
          .gflops = cores * lanes * 2 * 2 * 3,
          .gb_per_s = 20,
          .cache_bytes = std::max<double>(1 << 18, static_cast<double>(machine.l2_bytes)),
          .units = cores};
}

}  // namespace raceline
