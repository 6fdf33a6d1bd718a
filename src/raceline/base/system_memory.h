// How much memory there is.
#pragma once
#include <cstddef>
#include <string_view>

namespace raceline {

/// Throws IoError, naming `what`, for more bytes than the machine has. Linux would grant them and end the
/// process when they are written.
void want_memory(size_t bytes, std::string_view what);

}  // namespace raceline
