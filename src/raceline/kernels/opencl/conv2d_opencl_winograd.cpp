// conv2d with 3x3 filters and stride 1 by Winograd's F(4x4, 3x3): 36 products for 16 outputs in the place of
// 144. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, with the points 0, 1,
// -1, 2, -2. Tiles are transformed 16 at a time and multiplied in batches of 36; as many tiles at a time as a
// processor's cache holds. Limits: no groups, no dilation; less exact than a direct sum.
#include <array>
#include <memory>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/tile_gemm.h"

namespace raceline {
namespace {

constexpr int64_t frequencies = 36;
constexpr int64_t most_transformed = 4 << 20;  ///< elements at a time, of tiles and of products
constexpr double winograd_error_bound = 2e-5;  ///< 1.4e-5 was seen at 512 channels

constexpr std::string_view source = R"(
// One row or column of the input's transform.
#define INPUT(t, i, step) { \
  const float16 d0 = t[(i)], d1 = t[(i) + step], d2 = t[(i) + 2 * step], d3 = t[(i) + 3 * step], \
                d4 = t[(i) + 4 * step], d5 = t[(i) + 5 * step]; \
  t[(i)] = 4.0f * d0 - 5.0f * d2 + d4; \
  t[(i) + step] = d4 + d3 - 4.0f * (d2 + d1); \
  t[(i) + 2 * step] = d4 - d3 - 4.0f * (d2 - d1); \
  t[(i) + 3 * step] = d4 - d2 + 2.0f * (d3 - d1); \
  t[(i) + 4 * step] = d4 - d2 - 2.0f * (d3 - d1); \
  t[(i) + 5 * step] = 4.0f * d1 - 5.0f * d3 + d5; }

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void winograd_input(__global const float* x, ulong x_at, __global float* y, ulong y_at, int channels,
                    int height, int width, int tiles_w, int tiles, int first, int padded, int top, int left) {
  AT(x); AT(y);
  const int channel = get_global_id(0), vector = get_global_id(1);
  x += (ulong)channel * height * width;
  float16 t[36];
  float* lanes = (float*)t;
  for (int lane = 0; lane < 16; ++lane) {
    const int tile = first + vector * 16 + lane;
    const int ih = tile / tiles_w * 4 - top, iw = tile % tiles_w * 4 - left;
    if (tile < tiles && ih >= 0 && iw >= 0 && ih + 6 <= height && iw + 6 <= width) {
      for (int r = 0; r < 6; ++r)
        for (int s = 0; s < 6; ++s) lanes[(r * 6 + s) * 16 + lane] = x[(ih + r) * width + iw + s];
    } else {
      for (int r = 0; r < 6; ++r) {
        for (int s = 0; s < 6; ++s) {
          const int row = ih + r, column = iw + s;
          const bool inside = tile < tiles && row >= 0 && row < height && column >= 0 && column < width;
          lanes[(r * 6 + s) * 16 + lane] = inside ? x[row * width + column] : 0.0f;
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 6; ++i) INPUT(t, i, 6);
#pragma unroll
  for (int i = 0; i < 36; i += 6) INPUT(t, i, 1);
  // Panels of 16 TV tiles, [channel][tile].
  const int panel = vector / TV, part = vector % TV;
  y += ((ulong)panel * channels + channel) * (16 * TV) + part * 16;
  for (int f = 0; f < 36; ++f) vstore16(t[f], 0, y + (ulong)f * channels * padded);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void winograd_output(__global const float* x, ulong x_at, __global const float* bias, ulong bias_at,
                     __global const float* residual, ulong residual_at, __global float* y, ulong y_at,
                     int filters, int out_h, int out_w, int tiles_w, int tiles, int first, int padded,
                     int has_bias, int adds, int function, float low, float high) {
  AT(x); AT(bias); AT(residual); AT(y);
  const int filter = get_global_id(0), vector = get_global_id(1);
  x += (ulong)filter * padded + vector * 16;
  residual += (ulong)filter * out_h * out_w;
  y += (ulong)filter * out_h * out_w;
  const float begin = has_bias ? bias[filter] : 0.0f;
  float16 rows[4][6], out[16];
#pragma unroll
  for (int s = 0; s < 6; ++s) {
    float16 m[6];
    for (int r = 0; r < 6; ++r) m[r] = vload16(0, x + (ulong)(r * 6 + s) * filters * padded);
    const float16 a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    rows[0][s] = m[0] + a + c;
    rows[1][s] = b + 2.0f * d;
    rows[2][s] = a + 4.0f * c;
    rows[3][s] = b + 8.0f * d + m[5];
  }
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const float16 a = rows[r][1] + rows[r][2], b = rows[r][1] - rows[r][2];
    const float16 c = rows[r][3] + rows[r][4], d = rows[r][3] - rows[r][4];
    out[4 * r] = rows[r][0] + a + c + begin;
    out[4 * r + 1] = b + 2.0f * d + begin;
    out[4 * r + 2] = a + 4.0f * c + begin;
    out[4 * r + 3] = b + 8.0f * d + rows[r][5] + begin;
  }
  const float* lanes = (const float*)out;
  for (int lane = 0; lane < 16; ++lane) {
    const int tile = first + vector * 16 + lane;
    if (tile >= tiles) break;
    const int row = tile / tiles_w * 4, column = tile % tiles_w * 4;
    for (int r = 0; r < min(4, out_h - row); ++r) {
      for (int s = 0; s < min(4, out_w - column); ++s) {
        const int at = (row + r) * out_w + column + s;
        y[at] = finish_one(lanes[(4 * r + s) * 16 + lane], adds ? residual[at] : 0.0f, adds, function, low, high);
      }
    }
  }
}
)";

/// Tiles of an image, and how many are transformed at a time.
struct Tiles {
  int64_t high, wide, chunk;
  int64_t all() const { return high * wide; }

  static Tiles of(const Conv2dShape& shape, RegisterTile tile) {
    Tiles tiles{(shape.out_h + 3) / 4, (shape.out_w + 3) / 4, 0};
    const int64_t each = frequencies * (shape.channels + shape.filters);
    const int64_t panels = (tiles.all() + tile.columns() - 1) / tile.columns();
    const int64_t fit = most_transformed / std::max<int64_t>(1, each * tile.columns());
    tiles.chunk = tile.columns() * std::clamp<int64_t>(fit, 1, std::max<int64_t>(1, panels));
    return tiles;
  }
};

/// G g G^T of one 3x3 filter: 36 numbers.
std::array<float, frequencies> transform_filter(const float* g) {
  constexpr double rows[6][3] = {{0.25, 0, 0},
                                 {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                 {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                 {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                 {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                 {0, 0, 1}};
  std::array<float, frequencies> result{};
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = 0; j < 6; ++j) {
      double sum = 0;
      for (size_t r = 0; r < 3; ++r) {
        for (size_t s = 0; s < 3; ++s) sum += rows[i][r] * rows[j][s] * static_cast<double>(g[3 * r + s]);
      }
      result[6 * i + j] = static_cast<float>(sum);
    }
  }
  return result;
}

class WinogradKernel final : public Kernel {
 public:
  WinogradKernel(const LayerDesc& layer, const PrepareArgs& args, RegisterTile tile)
      : layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer),
        tiles_(Tiles::of(shape_, tile)),
        gemm_(TileGemm::make(opencl_device(args), tile, LeftMatrix::packed, RightMatrix::packed)),
        input_(program(args, tile, "winograd_input")),
        output_(program(args, tile, "winograd_output")),
        bias_(upload_bias(layer, args)) {
    const int64_t k = shape_.channels, m = shape_.filters;
    const std::span<const float> filters = floats_of(args.constants[1]);
    std::vector<std::array<float, frequencies>> transformed;
    for (int64_t each = 0; each < m * k; ++each)
      transformed.push_back(transform_filter(filters.data() + 9 * each));
    filters_ =
        upload(opencl_device(args),
               pack_tile_rows(tile, frequencies, m, k, [&](int64_t frequency, int64_t row, int64_t depth) {
                 return transformed[static_cast<size_t>(row * k + depth)][static_cast<size_t>(frequency)];
               }));
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    for (int64_t image = 0; image < shape_.images; ++image) {
      for (int64_t first = 0; first < tiles_.all(); first += tiles_.chunk) {
        const Status status = run_tiles(args, image, first);
        if (!status.is_ok()) return status;
      }
    }
    return Status::ok();
  }

 private:
  static OpenClKernel program(const PrepareArgs& args, RegisterTile tile, const char* name) {
    return opencl_device(args).kernel(with_prelude(source), name, fmt::format("-DTV={}", tile.vectors));
  }

  Status run_tiles(const KernelArgs& args, int64_t image, int64_t first) const {
    OpenClQueue& queue = opencl_queue(args);
    const Conv2dShape& s = shape_;
    const int64_t columns = gemm_.tile.columns();
    const int64_t padded = (std::min(tiles_.chunk, tiles_.all() - first) + columns - 1) / columns * columns;
    const auto vectors = static_cast<size_t>(padded / 16);
    const Memory x = at_element(args.inputs[0].memory, image * s.channels * s.height * s.width);
    const Memory products = at_element(args.workspace, frequencies * s.channels * tiles_.chunk);
    Status status = queue.launch(input_, {.items = {static_cast<size_t>(s.channels), vectors, 1}}, x,
                                 args.workspace, s.channels, s.height, s.width, tiles_.wide, tiles_.all(),
                                 first, padded, s.pad_top, s.pad_left);
    if (!status.is_ok()) return status;
    status = gemm_.launch(queue,
                          {.a = filters_.memory(),
                           .b = args.workspace,
                           .c = products,
                           .m = s.filters,
                           .n = padded,
                           .k = s.channels,
                           .c_row = padded,
                           .batch = frequencies,
                           .a_step = packed_tile_elements(gemm_.tile, s.filters, s.channels),
                           .b_step = s.channels * padded,
                           .c_step = s.filters * padded},
                          no_epilogue_);
    if (!status.is_ok()) return status;
    const int64_t out = image * s.filters * s.pixels();
    return queue.launch(output_, {.items = {static_cast<size_t>(s.filters), vectors, 1}}, products,
                        bias_.memory(), at_element(residual_of(layer_, args), out),
                        at_element(args.outputs[0].memory, out), s.filters, s.out_h, s.out_w, tiles_.wide,
                        tiles_.all(), first, padded, cl_int{bias_.memory() ? 1 : 0}, epilogue_.adds,
                        epilogue_.function, epilogue_.low, epilogue_.high);
  }

  LayerDesc layer_;
  Conv2dShape shape_;
  DeviceEpilogue epilogue_, no_epilogue_{LayerDesc{}};
  Tiles tiles_;
  TileGemm gemm_;
  OpenClKernel input_, output_;
  Buffer bias_, filters_;
};

class WinogradPrimitive final : public Primitive {
 public:
  explicit WinogradPrimitive(RegisterTile tile)
      : Primitive(opencl_info(OpKind::conv2d, "wino_4x3", "tile" + tile.to_string())), tile_(tile) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_conv2d(layer); !operands) return operands;
    const Conv2dShape s = Conv2dShape::of(layer);
    if (s.kernel_h != 3 || s.kernel_w != 3) return Support::no("3x3 filters only");
    if (s.stride_h != 1 || s.stride_w != 1) return Support::no("stride 1 only");
    if (s.dilation_h != 1 || s.dilation_w != 1) return Support::no("no dilation");
    if (s.groups != 1) return Support::no("no groups");
    return Support::yes();
  }
  size_t workspace_bytes(const LayerDesc& layer, int /*threads*/) const override {
    const Conv2dShape shape = Conv2dShape::of(layer);
    const int64_t each = frequencies * (shape.channels + shape.filters);
    return static_cast<size_t>(each * Tiles::of(shape, tile_).chunk) * sizeof(float);
  }
  std::optional<double> error_bound(const LayerDesc& /*layer*/) const override {
    return winograd_error_bound;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<WinogradKernel>(layer, args, tile_);
  }

 private:
  RegisterTile tile_;
};

}  // namespace

void register_conv2d_opencl_winograd(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<WinogradPrimitive>(RegisterTile{8, 2}));
}

}  // namespace raceline
