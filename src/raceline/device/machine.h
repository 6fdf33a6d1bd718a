// Facts about a machine, stored with every cost measured on it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace raceline {

/// Plain data; detect() reads it off the machine this process runs on.
struct Machine {
  std::string cpu_model;
  int physical_cores = 1;
  int logical_cores = 1;
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  ///< of one core; l3 of the socket
  int64_t ram_bytes = 0;
  std::vector<std::string> isa;  ///< instruction sets that matter here, sorted: avx2, avx512f, fma, ...
  std::string system;            ///< kernel name and release

  bool has(std::string_view instruction_set) const;
  static Machine detect();
  /// 16 hexadecimal digits; equal for machines whose costs may be shared. The system's release and the
  /// amount of RAM take no part.
  std::string fingerprint() const;
};

}  // namespace raceline
