#include "raceline/kernels/opencl/tile_gemm.h"

#include <fmt/format.h>

namespace raceline {
namespace {

// Each work-item has a group of its own: under PoCL a group is a call on one core. Loops over the tile are
// unrolled, so that its sums live in registers: 8 x 32 are 16 of AVX-512's 32. Neighbouring items (dimension
// 0) share a panel of B, which stays in the second-level cache while tiles of A pass by.
constexpr std::string_view source = R"(
#define TN (16 * TV)

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void tile_gemm(__global const float* a, ulong a_at, __global const float* b, ulong b_at,
               __global const int* offsets, ulong offsets_at, __global const float* bias, ulong bias_at,
               __global const float* residual, ulong residual_at, __global float* c, ulong c_at,
               int m, int n, int k, int a_row, int c_row, int wide, int used,
               int a_step, int b_step, int bias_step, int c_step, int bias_of,
               int adds, int function, float low, float high) {
  const int row = get_global_id(0) * TM, batch = get_global_id(2);
  int column = get_global_id(1) * TN;
  AT(a); AT(b); AT(offsets); AT(bias); AT(residual); AT(c);
#if B_OFFSETS
  // The last tile begins so that it ends with the last column.
  if (column + TN > n && n >= TN) column = n - TN;
  b += (ulong)batch * b_step + column;
#else
  b += (ulong)batch * b_step + (ulong)column * k;
#endif
#if A_ROWS
  a += (ulong)batch * a_step + (ulong)row * a_row;
#else
  a += (ulong)batch * a_step + (ulong)row * k;
#endif

  float16 sums[TM][TV];
#pragma unroll
  for (int r = 0; r < TM; ++r) {
#pragma unroll
    for (int v = 0; v < TV; ++v) sums[r][v] = (float16)0.0f;
  }
  for (int depth = 0; depth < k; ++depth) {
#if B_OFFSETS
    __global const float* line = b + offsets[depth];
#else
    __global const float* line = b + depth * TN;
#endif
    float16 right[TV];
#pragma unroll
    for (int v = 0; v < TV; ++v) right[v] = vload16(v, line);
#pragma unroll
    for (int r = 0; r < TM; ++r) {
#if A_ROWS
      const float16 left = (float16)(a[min(r, m - 1 - row) * a_row + depth]);
#else
      const float16 left = (float16)(a[depth * TM + r]);
#endif
#pragma unroll
      for (int v = 0; v < TV; ++v) sums[r][v] = fma(left, right[v], sums[r][v]);
    }
  }

  // To one row of outputs after the other.
#pragma unroll
  for (int r = 0; r < TM; ++r) {
    if (row + r < m) {
      const float of_row = bias_of == 1 ? bias[batch * bias_step + row + r] : 0.0f;
      const ulong begin = (ulong)batch * c_step + (ulong)(row + r) * c_row;
#pragma unroll
      for (int v = 0; v < TV; ++v) {
        const int first = column + 16 * v;
        const int y = wide == used ? 0 : first / wide, x = first - y * wide;
        float16 sum = sums[r][v] + of_row;
        if (first + 16 <= n && (wide == used || x + 16 <= used)) {
          const ulong at = begin + (wide == used ? first : y * used + x);
          if (bias_of == 2) sum += vload16(0, bias + batch * bias_step + first);
          const float16 other = adds ? vload16(0, residual + at) : (float16)0.0f;
          vstore16(finish(sum, other, adds, function, low, high), 0, c + at);
        } else {
          float parts[16];
          vstore16(sum, 0, parts);
          for (int i = 0, py = y, px = x; i < 16 && first + i < n; ++i, ++px) {
            if (wide != used && px == wide) { px = 0; ++py; }
            if (wide != used && px >= used) continue;
            const ulong at = begin + (wide == used ? first + i : py * used + px);
            float one = parts[i];
            if (bias_of == 2) one += bias[batch * bias_step + first + i];
            c[at] = finish_one(one, adds ? residual[at] : 0.0f, adds, function, low, high);
          }
        }
      }
    }
  }
}
)";

}  // namespace

std::string RegisterTile::to_string() const {
  return fmt::format("{}x{}", rows, columns());
}

TileGemm TileGemm::make(OpenClDevice& device, RegisterTile tile, LeftMatrix left, RightMatrix right) {
  const std::string options =
      fmt::format("-DTM={} -DTV={} -DA_ROWS={} -DB_OFFSETS={}", tile.rows, tile.vectors,
                  left == LeftMatrix::rows ? 1 : 0, right == RightMatrix::offsets ? 1 : 0);
  return {tile, device.kernel(with_prelude(source), "tile_gemm", options)};
}

Status TileGemm::launch(OpenClQueue& queue, const Operands& o, const DeviceEpilogue& epilogue) const {
  const auto tiles = static_cast<size_t>((o.m + tile.rows - 1) / tile.rows);
  const auto panels = static_cast<size_t>((o.n + tile.columns() - 1) / tile.columns());
  return queue.launch(kernel, {.items = {tiles, panels, static_cast<size_t>(o.batch)}}, o.a, o.b, o.offsets,
                      o.bias, o.residual, o.c, o.m, o.n, o.k, o.a_row, o.c_row, o.wide, o.used, o.a_step,
                      o.b_step, o.bias_step, o.c_step, static_cast<cl_int>(o.bias_of), epilogue.adds,
                      epilogue.function, epilogue.low, epilogue.high);
}

}  // namespace raceline
