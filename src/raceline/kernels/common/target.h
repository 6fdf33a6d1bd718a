// Instruction sets inside a file: no -m flags, so that code which runs before the choice (registration) is
// portable.
#pragma once
#include <cstdint>

// A region compiled for an instruction set. Inside only functions with internal linkage, and no includes: an
// inline function of a header compiled here could be the copy that the linker keeps for everybody. Templates
// take the options of the place where they are instantiated, so they don't belong here: see vectorised().
#if defined(__x86_64__)
#define RACELINE_X86 1
#if defined(__clang__)
#define RACELINE_AVX2_REGION \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to = function)")
// avx512bw implies avx512f, and that avx2 and fma.
#define RACELINE_AVX512_REGION \
  _Pragma(                     \
      "clang attribute push(__attribute__((target(\"avx512bw,avx512vl,avx512dq\"))), apply_to = function)")
#define RACELINE_END_REGION _Pragma("clang attribute pop")
#else
#define RACELINE_AVX2_REGION _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define RACELINE_AVX512_REGION \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma,avx512f,avx512bw,avx512vl,avx512dq\")")
#define RACELINE_END_REGION _Pragma("GCC pop_options")
#endif
#else
#define RACELINE_X86 0
#endif

// A small function that takes part in a loop given to vectorised().
#define RACELINE_INLINE inline __attribute__((always_inline))
// The same for the lambda itself, after its parameters: vectorised([=]() RACELINE_LAMBDA { ... }).
#define RACELINE_LAMBDA __attribute__((always_inline))

namespace raceline {

/// The instruction sets for which kernels have code of their own; baseline is what the compiler assumes.
enum class Isa : uint8_t { baseline, avx2, avx512 };

/// The best one that this processor has.
inline Isa best_isa() {
#if RACELINE_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return Isa::avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::baseline;
}

namespace detail {
#if RACELINE_X86
template <class Body>
__attribute__((target("avx2,fma"), flatten, noinline)) void run_avx2(const Body& body) {
  body();
}
template <class Body>
__attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq"), flatten, noinline)) void run_avx512(
    const Body& body) {
  body();
}
#endif
}  // namespace detail

/// Runs a body of plain loops that the compiler vectorises once for each instruction set, and chooses at run
/// time. The body is a lambda (hence of internal linkage) and everything it calls is inlined into it; it
/// holds no parallel region, which would be compiled apart, for the baseline.
template <class Body>
void vectorised(const Body& body) {
#if RACELINE_X86
  switch (best_isa()) {
    case Isa::avx512:
      return detail::run_avx512(body);
    case Isa::avx2:
      return detail::run_avx2(body);
    case Isa::baseline:
      break;
  }
#endif
  body();
}

}  // namespace raceline
