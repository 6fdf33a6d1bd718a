// Weights are packed as [first weight of each output][inputs][weights]. With AVX-512 sixteen inputs are
// gathered at once.
#include "raceline/kernels/native/sparse_row.h"

#include <algorithm>
#include <cstring>

#include "raceline/kernels/common/target.h"
#if RACELINE_X86
#include <immintrin.h>
#endif

namespace raceline {
namespace {

size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

float csr_sum(const float* x, const int32_t* places, const float* values, int64_t count) {
  float sums[4] = {};
  int64_t at = 0;
  for (; at + 4 <= count; at += 4) {
    for (int64_t i = 0; i < 4; ++i) sums[i] += values[at + i] * x[places[at + i]];
  }
  for (; at < count; ++at) sums[0] += values[at] * x[places[at]];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

using CsrSum = float (*)(const float* x, const int32_t* places, const float* values, int64_t count);
#if RACELINE_X86
// GCC 12 warns of its own header: the value that an instruction without mask leaves undefined (GCC bug
// 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
RACELINE_AVX512_REGION

inline __mmask16 first_of(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffffu : (1u << count) - 1);
}

float csr_sum_512(const float* x, const int32_t* places, const float* values, int64_t count) {
  __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  int64_t at = 0;
  for (; at + 32 <= count; at += 32) {
    for (int i = 0; i < 2; ++i) {
      const __m512i place = _mm512_loadu_si512(places + at + 16 * i);
      sums[i] =
          _mm512_fmadd_ps(_mm512_loadu_ps(values + at + 16 * i), _mm512_i32gather_ps(place, x, 4), sums[i]);
    }
  }
  for (; at < count; at += 16) {
    const __mmask16 mask = first_of(count - at);
    const __m512i place = _mm512_maskz_loadu_epi32(mask, places + at);
    const __m512 gathered = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, place, x, 4);
    sums[0] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, values + at), gathered, sums[0]);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]));
}

RACELINE_END_REGION
#pragma GCC diagnostic pop
#endif

CsrSum csr_sum_of_machine() {
#if RACELINE_X86
  if (best_isa() == Isa::avx512) return csr_sum_512;
#endif
  return csr_sum;
}

}  // namespace

SparseRows::SparseRows(const WeightGrid& grid, float factor, const PrepareArgs& args)
    : outputs_(grid.outputs) {
  const float* weights = args.constants[1].data<const float>();
  for (int64_t output = 0; output < outputs_; ++output) {
    const float* row = weights + output * grid.output_step;
    for (int64_t input = 0; input < grid.inputs; ++input) kept_ += row[input * grid.input_step] != 0 ? 1 : 0;
  }
  places_ = aligned(static_cast<size_t>(outputs_ + 1) * sizeof(uint32_t));
  values_ = aligned(places_ + static_cast<size_t>(kept_) * sizeof(int32_t));
  const size_t bytes = values_ + static_cast<size_t>(kept_) * sizeof(float);
  packed_ = args.pack(1, bytes, [&](Memory to) {
    std::memset(to.host(), 0, bytes);
    auto* start = reinterpret_cast<uint32_t*>(to.host());
    auto* place = reinterpret_cast<int32_t*>(to.host() + places_);
    auto* value = reinterpret_cast<float*>(to.host() + values_);
    uint32_t count = 0;
    for (int64_t output = 0; output < outputs_; ++output) {
      *start++ = count;
      const float* row = weights + output * grid.output_step;
      for (int64_t input = 0; input < grid.inputs; ++input) {
        const float weight = row[input * grid.input_step];
        if (weight == 0) continue;
        place[count] = static_cast<int32_t>(input);
        value[count++] = factor * weight;
      }
    }
    *start = count;
  });
}

void SparseRows::multiply(const float* x, const float* bias, Slice outputs, float* y) const {
  const auto* starts = packed_.data<uint32_t>();
  const auto* places = reinterpret_cast<const int32_t*>(packed_.data<std::byte>() + places_);
  const auto* values = reinterpret_cast<const float*>(packed_.data<std::byte>() + values_);
  const CsrSum sum = csr_sum_of_machine();
  for (int64_t output = outputs.first; output < outputs.last; ++output) {
    const uint32_t first = starts[output], last = starts[output + 1];
    y[output] =
        sum(x, places + first, values + first, last - first) + (bias == nullptr ? 0.0f : bias[output]);
  }
}

}  // namespace raceline
