#include "raceline/device/peaks.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include <omp.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace raceline {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Multiply-adds in registers. Gives a number that depends on all of them, so that none is left out.
struct FmaLoop {
  float (*run)(int64_t iterations);
  double flops_each;  ///< of one iteration
};

/// Sums a buffer of whole cache lines.
using ReadLoop = float (*)(const float* data, int64_t count);

// Enough chains of multiply-adds to hide their latency: 4 cycles, two a cycle.
constexpr int chains = 12;

#if defined(__x86_64__)

__attribute__((target("avx512f"))) float fma_avx512(int64_t iterations) {
  __m512 sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 factor = _mm512_set1_ps(0.999f);
  const __m512 term = _mm512_set1_ps(0.001f);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
  }
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  float lanes[16];
  _mm512_storeu_ps(lanes, sums[0]);
  return lanes[0] + lanes[15];
}

__attribute__((target("avx2,fma"))) float fma_avx2(int64_t iterations) {
  __m256 sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(0.999f);
  const __m256 term = _mm256_set1_ps(0.001f);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
  }
  for (int i = 1; i < chains; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  float lanes[8];
  _mm256_storeu_ps(lanes, sums[0]);
  return lanes[0] + lanes[7];
}

__attribute__((target("avx512f"))) float read_avx512(const float* data, int64_t count) {
  __m512 sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = _mm512_setzero_ps();
  for (int64_t at = 0; at + 128 <= count; at += 128) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sums[i] = _mm512_add_ps(sums[i], _mm512_load_ps(data + at + 16 * i));
  }
  for (int i = 1; i < 8; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  float lanes[16];
  _mm512_storeu_ps(lanes, sums[0]);
  return lanes[0] + lanes[15];
}

__attribute__((target("avx2"))) float read_avx2(const float* data, int64_t count) {
  __m256 sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = _mm256_setzero_ps();
  for (int64_t at = 0; at + 64 <= count; at += 64) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sums[i] = _mm256_add_ps(sums[i], _mm256_load_ps(data + at + 8 * i));
  }
  for (int i = 1; i < 8; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  float lanes[8];
  _mm256_storeu_ps(lanes, sums[0]);
  return lanes[0] + lanes[7];
}

#endif

/// For processors without the above: loops that the compiler vectorises for its baseline.
float fma_plain(int64_t iterations) {
  constexpr int lanes = 4 * chains;
  float sums[lanes];
  for (int i = 0; i < lanes; ++i) sums[i] = static_cast<float>(i);
  for (int64_t n = 0; n < iterations; ++n) {
    for (int i = 0; i < lanes; ++i) sums[i] = sums[i] * 0.999f + 0.001f;
  }
  float sum = 0;
  for (int i = 0; i < lanes; ++i) sum += sums[i];
  return sum;
}

float read_plain(const float* data, int64_t count) {
  float sums[32] = {};
  for (int64_t at = 0; at + 32 <= count; at += 32) {
    for (int i = 0; i < 32; ++i) sums[i] += data[at + i];
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  return sum;
}

FmaLoop choose_fma(const Machine& machine) {
#if defined(__x86_64__)
  if (machine.has("avx512f")) return {fma_avx512, 2.0 * 16 * chains};
  if (machine.has("avx2") && machine.has("fma")) return {fma_avx2, 2.0 * 8 * chains};
#endif
  (void)machine;
  return {fma_plain, 2.0 * 4 * chains};
}

ReadLoop choose_read(const Machine& machine) {
#if defined(__x86_64__)
  if (machine.has("avx512f")) return read_avx512;
  if (machine.has("avx2")) return read_avx2;
#endif
  (void)machine;
  return read_plain;
}

/// The best rate, per second, of `repeats` runs that do `amount` each.
template <class Body>
double best_rate(int repeats, double amount, const Body& body) {
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = Clock::now();
    volatile float keep = body();
    (void)keep;
    best = std::max(best, amount / std::max(seconds_since(start), 1e-9));
  }
  return best;
}

/// The sum of what the body gives for each of the threads, which run at once.
template <class Body>
float on_threads(int threads, const Body& body) {
  if (threads == 1) return body(0);
  float sum = 0;
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(+ : sum)
  for (int thread = 0; thread < threads; ++thread) sum += body(thread);
  return sum;
}

double fma_gflops(const FmaLoop& loop, int threads) {
  constexpr int64_t iterations = 400'000;
  const double flops = loop.flops_each * static_cast<double>(iterations) * threads;
  return 1e-9 * best_rate(100, flops,
                          [&] { return on_threads(threads, [&](int) { return loop.run(iterations); }); });
}

/// GB/s of threads that read `bytes` each again and again, one part of the buffer beside the other.
double read_gbs(ReadLoop loop, std::span<const float> buffer, int64_t bytes, int threads) {
  const int64_t count =
      std::min<int64_t>(bytes / 4, static_cast<int64_t>(buffer.size()) / threads) / 128 * 128;
  if (count == 0) return 0;
  // At least 8 MB each time, so that the clock's own cost is not seen.
  const int64_t passes = std::max<int64_t>(1, (int64_t{8} << 20) / (count * 4));
  const double amount = static_cast<double>(count * 4 * passes * threads);
  const int repeats = static_cast<int>(std::clamp(1.5e9 / amount, 4.0, 60.0));
  return 1e-9 * best_rate(repeats, amount, [&] {
           return on_threads(threads, [&](int thread) {
             float sum = 0;
             for (int64_t pass = 0; pass < passes; ++pass) sum += loop(buffer.data() + thread * count, count);
             return sum;
           });
         });
}

/// Whether `flush` can: where it cannot, what is to be read from memory must be larger than all caches.
#if defined(__x86_64__)
constexpr bool can_flush = true;
#else
constexpr bool can_flush = false;
#endif

/// Pushes the buffer out of every cache, however large.
void flush(std::span<const float> buffer) {
#if defined(__x86_64__)
  constexpr size_t line = 64 / sizeof(float);
  for (size_t at = 0; at < buffer.size(); at += line) _mm_clflush(&buffer[at]);
  _mm_mfence();
#else
  (void)buffer;
#endif
}

/// GB/s of threads that each read a part of the buffer once, flushed before.
double read_flushed_gbs(ReadLoop loop, std::span<const float> buffer, int threads) {
  constexpr int repeats = 8;
  const int64_t count = static_cast<int64_t>(buffer.size()) / threads / 128 * 128;
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    flush(buffer);
    best = std::max(best, best_rate(1, static_cast<double>(count * 4 * threads), [&] {
                      return on_threads(threads,
                                        [&](int thread) { return loop(&buffer[0] + thread * count, count); });
                    }));
  }
  return 1e-9 * best;
}

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};

}  // namespace

Peaks measure_peaks(const Machine& machine, int threads) {
  Peaks peaks{.threads = threads};
  peaks.fma_gflops = fma_gflops(choose_fma(machine), threads);

  const int64_t all_l2 = threads * machine.l2_bytes;
  const int64_t cached = std::max(all_l2, machine.l3_bytes);
  // Several times the second level, so that it holds none of what is read from the third.
  const int64_t l3_part = std::min(machine.l3_bytes / 2 / threads, 8 * machine.l2_bytes);
  const int64_t least = std::max(int64_t{64} << 20, threads * l3_part);
  const int64_t wanted =
      can_flush ? least : std::clamp(4 * cached, least, std::max(least, int64_t{512} << 20));
  // Never more than a part of what the machine has.
  const int64_t bytes = std::min(wanted, machine.ram_bytes > 0 ? machine.ram_bytes / 8 : wanted) / 512 * 512;
  const std::unique_ptr<float, Free> memory(
      static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(bytes))));
  if (memory == nullptr) return peaks;
  const std::span<float> buffer(memory.get(), static_cast<size_t>(bytes / 4));
  std::fill(buffer.begin(), buffer.end(), 1.0f);
  const ReadLoop read = choose_read(machine);
  peaks.l2_gbs = read_gbs(read, buffer, machine.l2_bytes / 2, threads);
  if (machine.l3_bytes > 2 * all_l2) peaks.l3_gbs = read_gbs(read, buffer, l3_part, threads);
  if (can_flush) {
    peaks.ram_gbs = read_flushed_gbs(read, buffer, threads);
  } else if (bytes >= cached + cached / 4) {
    // Read over and over in one direction, even little more than a cache holds is never found in it.
    peaks.ram_gbs = read_gbs(read, buffer, bytes / threads, threads);
  }
  return peaks;
}

}  // namespace raceline
