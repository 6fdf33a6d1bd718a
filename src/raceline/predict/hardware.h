// What is known of a processor: the roof over its layers' times, and the sizes that tiles and caches come in.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/device/machine.h"

namespace raceline {

class Archive;

struct Hardware {
  std::string name;
  double gflops = 100;       ///< peak of 32-bit multiply-adds, counted as two
  double gb_per_s = 20;      ///< of memory
  double cache_bytes = 4e6;  ///< of the last cache that one processor has to itself
  double units = 1;          ///< processors that work on tiles of one layer side by side

  /// Microseconds that the arithmetic takes at least, and the traffic.
  double compute_us(double flops) const { return flops / gflops * 1e-3; }
  double memory_us(double bytes) const { return bytes / gb_per_s * 1e-3; }
  /// The longer of both.
  double roofline_us(double flops, double bytes) const {
    return std::max(compute_us(flops), memory_us(bytes));
  }
  void visit(Archive& archive);
  friend bool operator==(const Hardware&, const Hardware&) = default;
};

/// The data sheet of an accelerator whose name holds that of one as whole words: "V100" of "Tesla
/// V100-SXM2-16GB", "GTX1080Ti" of "GeForce GTX 1080 Ti", "gfx906" of "gfx906_64cu"; nothing of "Quadro
/// P1000". Nothing where none is known.
std::optional<Hardware> data_sheet_of(std::string_view accelerator);

/// That, or what can be said of this machine's processor with so many threads: peaks are those of its
/// instruction set at a guessed clock. Models that need more are fitted to measured layers.
Hardware hardware_of(std::string_view accelerator, int threads, const Machine& machine);

}  // namespace raceline
