// Numbers of one type as numbers of another.
#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

namespace raceline {

/// static_cast that is defined for every value: a float outside of an integer type goes to its nearest end,
/// NaN to 0; integers wrap around.
template <class To, class From>
inline To saturate_cast(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Both ends are powers of two (or 0), so they are exact in From; the upper one is the first that is too
    // large.
    constexpr From low = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From end = static_cast<From>(uint64_t{1} << (std::numeric_limits<To>::digits - 1)) * 2;
    if (x != x) return 0;
    if (x < low) return std::numeric_limits<To>::min();
    if (x >= end) return std::numeric_limits<To>::max();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace raceline
