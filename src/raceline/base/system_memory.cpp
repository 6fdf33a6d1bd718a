#include "raceline/base/system_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {

void want_memory(size_t bytes, std::string_view what) {
  const auto pages = static_cast<size_t>(::sysconf(_SC_PHYS_PAGES));
  const size_t total = pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (bytes <= total) return;
  throw IoError(fmt::format("out of memory: {} needs {}; this machine has {}", what,
                            human_bytes(static_cast<double>(bytes)),
                            human_bytes(static_cast<double>(total))));
}

}  // namespace raceline
