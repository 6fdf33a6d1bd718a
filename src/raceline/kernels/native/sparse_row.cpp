// Weights are packed as [first weight of each output][inputs, or bits][weights]. Both forms have loops of
// their own for AVX-512, where a vector is gathered or expanded at once.
#include "raceline/kernels/native/sparse_row.h"

#include <algorithm>
#include <bit>
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

/// Words of 16 bits that an output has in a bitmap: one for 16 inputs.
int64_t words_of(int64_t inputs) {
  return (inputs + 15) / 16;
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

float bitmap_sum(const float* x, const uint16_t* words, const float* values, int64_t inputs) {
  float sums[2] = {};
  for (int64_t word = 0; word < words_of(inputs); ++word) {
    for (uint32_t bits = words[word]; bits != 0; bits &= bits - 1)
      sums[word % 2] += *values++ * x[word * 16 + std::countr_zero(bits)];
  }
  return sums[0] + sums[1];
}

using CsrSum = float (*)(const float* x, const int32_t* places, const float* values, int64_t count);
using BitmapSum = float (*)(const float* x, const uint16_t* words, const float* values, int64_t inputs);

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

/// The next weights, each to its bit. Loading what is needed alone takes longer: weights are followed by a
/// vector of zeros.
inline __m512 expanded(__mmask16 mask, const float* values) {
  return _mm512_maskz_expand_ps(mask, _mm512_loadu_ps(values));
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

float bitmap_sum_512(const float* x, const uint16_t* words, const float* values, int64_t inputs) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
  const int64_t whole = inputs / 64 * 4;
  int64_t word = 0;
  for (; word < whole; word += 4) {
    uint64_t bits;
    std::memcpy(&bits, words + word, sizeof bits);
    // Where the weights of each word begin is known from the bits before it, not from the word before it.
    const float* begin[4] = {values, values + __builtin_popcountll(bits & 0xffffu),
                             values + __builtin_popcountll(bits & 0xffffffffu),
                             values + __builtin_popcountll(bits & 0xffffffffffffu)};
    for (int i = 0; i < 4; ++i) {
      const __m512 weights = expanded(static_cast<__mmask16>(bits >> (16 * i)), begin[i]);
      sums[i] = _mm512_fmadd_ps(weights, _mm512_loadu_ps(x + (word + i) * 16), sums[i]);
    }
    values += __builtin_popcountll(bits);
  }
  for (; word * 16 < inputs; ++word) {
    const __m512 weights = expanded(words[word], values);
    const __m512 some = _mm512_maskz_loadu_ps(first_of(inputs - word * 16), x + word * 16);
    sums[0] = _mm512_fmadd_ps(weights, some, sums[0]);
    values += __builtin_popcount(words[word]);
  }
  return _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
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
BitmapSum bitmap_sum_of_machine() {
#if RACELINE_X86
  if (best_isa() == Isa::avx512) return bitmap_sum_512;
#endif
  return bitmap_sum;
}

}  // namespace

SparseRows::SparseRows(const WeightGrid& grid, SparseRowFormat format, float factor, const PrepareArgs& args)
    : format_(format), inputs_(grid.inputs), outputs_(grid.outputs) {
  const float* weights = args.constants[1].data<const float>();
  for (int64_t output = 0; output < outputs_; ++output) {
    const float* row = weights + output * grid.output_step;
    for (int64_t input = 0; input < inputs_; ++input) kept_ += row[input * grid.input_step] != 0 ? 1 : 0;
  }
  places_ = aligned(static_cast<size_t>(outputs_ + 1) * sizeof(uint32_t));
  const size_t places = format == SparseRowFormat::csr
                            ? static_cast<size_t>(kept_) * sizeof(int32_t)
                            : static_cast<size_t>(outputs_ * words_of(inputs_)) * sizeof(uint16_t);
  values_ = aligned(places_ + places);
  const size_t bytes = values_ + static_cast<size_t>(kept_ + 16) * sizeof(float);
  packed_ = args.pack(1, bytes, [&](Memory to) {
    std::memset(to.host(), 0, bytes);
    auto* start = reinterpret_cast<uint32_t*>(to.host());
    auto* place = reinterpret_cast<int32_t*>(to.host() + places_);
    auto* words = reinterpret_cast<uint16_t*>(to.host() + places_);
    auto* value = reinterpret_cast<float*>(to.host() + values_);
    uint32_t count = 0;
    for (int64_t output = 0; output < outputs_; ++output, words += words_of(inputs_)) {
      *start++ = count;
      const float* row = weights + output * grid.output_step;
      for (int64_t input = 0; input < inputs_; ++input) {
        const float weight = row[input * grid.input_step];
        if (weight == 0) continue;
        if (format == SparseRowFormat::csr) {
          place[count] = static_cast<int32_t>(input);
        } else {
          words[input / 16] = static_cast<uint16_t>(words[input / 16] | 1u << input % 16);
        }
        value[count++] = factor * weight;
      }
    }
    *start = count;
  });
}

void SparseRows::multiply(const float* x, const float* bias, Slice outputs, float* y) const {
  const auto* places = reinterpret_cast<const int32_t*>(packed_.data<std::byte>() + places_);
  const auto* words = reinterpret_cast<const uint16_t*>(packed_.data<std::byte>() + places_);
  const auto* values = reinterpret_cast<const float*>(packed_.data<std::byte>() + values_);
  const CsrSum csr = csr_sum_of_machine();
  const BitmapSum bitmap = bitmap_sum_of_machine();
  for (int64_t output = outputs.first; output < outputs.last; ++output) {
    const uint32_t first = starts()[output], last = starts()[output + 1];
    const float sum = format_ == SparseRowFormat::csr
                          ? csr(x, places + first, values + first, last - first)
                          : bitmap(x, words + output * words_of(inputs_), values + first, inputs_);
    y[output] = sum + (bias == nullptr ? 0.0f : bias[output]);
  }
}

}  // namespace raceline
