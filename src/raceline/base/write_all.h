// Writing to a descriptor until all is written. Private to this room.
#pragma once
#include <string_view>

namespace raceline {

/// errno of the write that failed; 0 when all is written.
int write_all(int descriptor, std::string_view bytes);

}  // namespace raceline
