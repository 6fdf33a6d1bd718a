// The version of the library.
#pragma once

namespace raceline {

inline constexpr char version[] = "0.1.0";

}  // namespace raceline
