// Vectors of a fixed number of floats that the compiler turns into the instructions of the region they are
// inlined into: one text for AVX-512 (16 lanes), AVX2 (8) and the baseline (4).
#pragma once
#include <cstdint>
#include <utility>

#include "raceline/kernels/common/target.h"

namespace raceline {

template <int lanes>
struct Lanes;
template <>
struct Lanes<4> {
  typedef float Vec __attribute__((vector_size(16)));
  typedef float Loose __attribute__((vector_size(16), aligned(4), may_alias));
};
template <>
struct Lanes<8> {
  typedef float Vec __attribute__((vector_size(32)));
  typedef float Loose __attribute__((vector_size(32), aligned(4), may_alias));
};
template <>
struct Lanes<16> {
  typedef float Vec __attribute__((vector_size(64)));
  typedef float Loose __attribute__((vector_size(64), aligned(4), may_alias));
};

template <int lanes>
using Vec = typename Lanes<lanes>::Vec;

/// Vectors go by reference: how they would be passed by value depends on the region.
template <int lanes>
RACELINE_INLINE void load(Vec<lanes>& to, const float* from) {
  to = *reinterpret_cast<const typename Lanes<lanes>::Loose*>(from);
}
template <int lanes>
RACELINE_INLINE void store(float* to, const Vec<lanes>& from) {
  *reinterpret_cast<typename Lanes<lanes>::Loose*>(to) = from;
}

/// The vector is in a register here, and not read from memory again where it is used more than once.
template <int lanes>
RACELINE_INLINE void keep([[maybe_unused]] Vec<lanes>& vector) {
#if RACELINE_X86
  asm("" : "+v"(vector));
#endif
}

/// largest becomes the larger one in each lane; not a number where either isn't one. Each of the two choices
/// takes its second operand then; both together have all the bits that make one.
template <int lanes>
RACELINE_INLINE void take_larger(Vec<lanes>& largest, const Vec<lanes>& other) {
  typedef int32_t Bits __attribute__((vector_size(lanes * sizeof(int32_t))));
  const Vec<lanes> one = largest > other ? largest : other, two = other > largest ? other : largest;
  largest = reinterpret_cast<Vec<lanes>>(reinterpret_cast<Bits>(one) | reinterpret_cast<Bits>(two));
}

/// Copies without a loop over single floats where it can.
template <int lanes>
RACELINE_INLINE void copy_floats(const float* from, float* to, int64_t count) {
  if (count >= lanes) {
    Vec<lanes> part;
    for (int64_t at = 0; at + lanes < count; at += lanes) {
      load<lanes>(part, from + at);
      store<lanes>(to + at, part);
    }
    load<lanes>(part, from + count - lanes);
    store<lanes>(to + count - lanes, part);
  } else if constexpr (lanes > 4) {
    copy_floats<lanes / 2>(from, to, count);
  } else {
    for (int64_t at = 0; at < count; ++at) to[at] = from[at];
  }
}

/// body(integral_constant 0), ..., body(integral_constant count - 1): arrays indexed by them become
/// registers.
template <int count, class Body>
RACELINE_INLINE void unrolled(const Body& body) {
  [&]<int... at>(std::integer_sequence<int, at...>) RACELINE_LAMBDA {
    (body(std::integral_constant<int, at>{}), ...);
  }
  (std::make_integer_sequence<int, count>{});
}

/// What comes into the second-level cache while products are computed: some lines with each channel, one by
/// one. A burst would take all line fill buffers of the first-level cache, and the products would wait for
/// them too.
struct Prefetch {
  const float* from = nullptr;  ///< nullptr: nothing
  int64_t step = 0;             ///< from channel to channel, at most all of the lines

  /// Of a whole of `width` floats for each of `depth` channels, what the `index`-th product fetches that goes
  /// through all channels: the first ones do as much as they can, until nothing is left for the others.
  template <int lines = 1>
  static RACELINE_INLINE Prefetch part(const float* whole, int64_t width, int64_t depth, int64_t index) {
    const int64_t step = width < lines * 16 ? width : lines * 16;
    return index * step < width ? Prefetch{whole + index * step * depth, step} : Prefetch{};
  }
  template <int lines = 1>
  RACELINE_INLINE void next() {
    if (from == nullptr) return;
    unrolled<lines>([&](auto line) RACELINE_LAMBDA { __builtin_prefetch(from + line * 16, 0, 2); });
    from += step;
  }
};

/// The lanes that an instruction set has.
inline int lanes_of(Isa isa) {
  return isa == Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4;
}

/// Runs the body with the instructions that vectors of so many lanes are made for; the processor must have
/// them. As for vectorised(), the body is a lambda without parallel regions.
template <int lanes, class Body>
void run_with_lanes(const Body& body) {
#if RACELINE_X86
  if constexpr (lanes == 16) {
    return detail::run_avx512(body);
  } else if constexpr (lanes == 8) {
    return detail::run_avx2(body);
  }
#endif
  body();
}

}  // namespace raceline
