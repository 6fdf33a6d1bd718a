#include "raceline/device/machine.h"

#include <algorithm>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

constexpr std::string_view interesting_isa[] = {
    "sse4_1",   "avx",         "avx2",        "fma",      "f16c",     "avx512f", "avx512bw", "avx512dq",
    "avx512vl", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "asimd",   "sve"};

/// Size of the first core's cache of a level that holds data, as the kernel reports it; 0 where it does not.
/// (The C library's sysconf gives the sum over a processor's L3 caches, of which a core can use only one.)
int64_t cache_bytes(int level) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
    const auto first_word = [&](const char* file) {
      std::string word;
      std::ifstream(folder + file) >> word;
      return word;
    };
    if (first_word("level") != std::to_string(level) || first_word("type") == "Instruction") continue;
    std::string size = first_word("size");
    int64_t unit = 1;
    if (size.ends_with('K')) unit = 1 << 10;
    if (size.ends_with('M')) unit = 1 << 20;
    if (unit > 1) size.pop_back();
    try {
      return parse_int(size, "cache size") * unit;
    } catch (const ParseError&) {
      return 0;
    }
  }
  return 0;
}

}  // namespace

bool Machine::has(std::string_view instruction_set) const {
  return std::find(isa.begin(), isa.end(), instruction_set) != isa.end();
}

Machine Machine::detect() {
  Machine machine;
  machine.logical_cores = std::max<int>(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  std::set<std::pair<std::string, std::string>> cores;
  std::string socket;
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view key = trim(std::string_view(line).substr(0, colon));
    const std::string value(trim(std::string_view(line).substr(colon + 1)));
    if (key == "model name" && machine.cpu_model.empty()) machine.cpu_model = value;
    if (key == "physical id") socket = value;
    if (key == "core id") cores.emplace(socket, value);
    if ((key == "flags" || key == "Features") && machine.isa.empty()) {
      for (const std::string_view flag : words(value)) {
        if (std::find(std::begin(interesting_isa), std::end(interesting_isa), flag) !=
            std::end(interesting_isa)) {
          machine.isa.emplace_back(flag);
        }
      }
    }
  }
  std::sort(machine.isa.begin(), machine.isa.end());
  machine.physical_cores = cores.empty() ? machine.logical_cores : static_cast<int>(cores.size());
  machine.l1d_bytes = cache_bytes(1);
  machine.l2_bytes = cache_bytes(2);
  machine.l3_bytes = cache_bytes(3);
  machine.ram_bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  if (machine.cpu_model.empty()) machine.cpu_model = "unknown processor";
  utsname names{};
  if (::uname(&names) == 0) machine.system = fmt::format("{} {}", names.sysname, names.release);
  return machine;
}

std::string Machine::fingerprint() const {
  return hex(hash_text(fmt::format("{}|{}|{}|{}|{}|{}|{}", cpu_model, physical_cores, logical_cores,
                                   l1d_bytes, l2_bytes, l3_bytes, join(isa, ","))));
}

}  // namespace raceline
