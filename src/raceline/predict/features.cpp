#include "raceline/predict/features.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace raceline {
namespace {

/// A column: its name and how it is computed.
struct Column {
  std::string name;
  double (*of)(const LayerFacts&, const Hardware&);
};

double padded(double value, double to) {
  return std::ceil(value / to) * to;
}

double log1(double value) {
  return std::log(std::max(value, 1.0));
}

#define COLUMN(name, expression)                                                                        \
  Column {                                                                                              \
    name, [](const LayerFacts& f, const Hardware& h) -> double { return (void)f, (void)h, expression; } \
  }

std::vector<Column> raw_conv() {
  return {COLUMN("batch", f.batch),
          COLUMN("matrix_h", f.in_h),
          COLUMN("matrix_w", f.in_w),
          COLUMN("kernel_h", f.kernel_h),
          COLUMN("kernel_w", f.kernel_w),
          COLUMN("channels_in", f.channels_in),
          COLUMN("channels_out", f.channels_out),
          COLUMN("stride_h", f.stride_h),
          COLUMN("stride_w", f.stride_w),
          COLUMN("padding", f.padding),
          COLUMN("activation", f.activation),
          COLUMN("bias", f.bias)};
}

std::vector<Column> raw_pool() {
  return {COLUMN("batch", f.batch),       COLUMN("matrix_h", f.in_h),
          COLUMN("matrix_w", f.in_w),     COLUMN("kernel_h", f.kernel_h),
          COLUMN("kernel_w", f.kernel_w), COLUMN("channels_in", f.channels_in),
          COLUMN("stride_h", f.stride_h), COLUMN("stride_w", f.stride_w),
          COLUMN("padding", f.padding),   COLUMN("activation", f.activation)};
}

std::vector<Column> raw_dense() {
  return {COLUMN("batch", f.batch), COLUMN("dim_input", f.channels_in), COLUMN("dim_output", f.channels_out),
          COLUMN("activation", f.activation), COLUMN("bias", f.bias)};
}

std::vector<Column> raw_other() {
  return {COLUMN("batch", f.batch),
          COLUMN("matrix_h", f.in_h),
          COLUMN("matrix_w", f.in_w),
          COLUMN("channels_in", f.channels_in),
          COLUMN("channels_out", f.channels_out),
          COLUMN("out_elements", f.m),
          COLUMN("operands", f.operands),
          COLUMN("activation", f.activation)};
}

std::vector<Column> raw_of(std::string_view type) {
  const std::string_view family = family_of(type);
  std::vector<Column> columns = family == "conv"    ? raw_conv()
                                : family == "pool"  ? raw_pool()
                                : family == "dense" ? raw_dense()
                                                    : raw_other();
  if (type == "grouped_conv") columns.push_back(COLUMN("group", f.group));
  return columns;
}

/// How many output tiles of rows x columns there are.
double tiles(const LayerFacts& f, double rows, double columns) {
  return std::ceil(f.m / rows) * std::ceil(f.n / columns) * f.group;
}

/// The share of tiles' area that is output.
double tile_use(const LayerFacts& f, double rows, double columns) {
  return f.m / padded(f.m, rows) * f.n / padded(f.n, columns);
}

/// The share of the units that work, over all waves of tiles.
double wave_use(const LayerFacts& f, const Hardware& h, double rows, double columns) {
  const double waves = tiles(f, rows, columns) / h.units;
  return waves / std::ceil(waves);
}

bool is_3x3(const LayerFacts& f) {
  return f.kernel_h == 3 && f.kernel_w == 3 && f.stride_h == 1 && f.stride_w == 1 && f.dilation == 1 &&
         f.group == 1;
}

bool is_1x1(const LayerFacts& f) {
  return f.kernel_h == 1 && f.kernel_w == 1;
}

/// Bytes of the image unrolled for a matrix product; nothing where it need not be.
double unrolled_bytes(const LayerFacts& f) {
  return is_1x1(f) || family_of(f.type) != "conv" ? 0 : 4 * f.m * f.k * f.group;
}

double winograd_tiles(const LayerFacts& f) {
  return is_3x3(f) ? f.batch * std::ceil(f.out_h / 4) * std::ceil(f.out_w / 4) : 0;
}

std::vector<Column> engineered_columns() {
  return {
      COLUMN("log flops", log1(f.flops)),
      COLUMN("log bytes", log1(f.bytes())),
      COLUMN("log in bytes", log1(f.in_bytes)),
      COLUMN("log out bytes", log1(f.out_bytes)),
      COLUMN("log weight bytes", log1(f.weight_bytes)),
      COLUMN("log intensity", log1(f.flops) - log1(f.bytes())),
      COLUMN("log m", log1(f.m)),
      COLUMN("log n", log1(f.n)),
      COLUMN("log k", log1(f.k)),
      COLUMN("log unrolled", log1(unrolled_bytes(f))),
      COLUMN("log batch", log1(f.batch)),
      COLUMN("log in_h", log1(f.in_h)),
      COLUMN("log in_w", log1(f.in_w)),
      COLUMN("log out image", log1(f.out_h * f.out_w)),
      COLUMN("out_w", f.out_w),
      COLUMN("log channels_in", log1(f.channels_in)),
      COLUMN("log channels_out", log1(f.channels_out)),
      COLUMN("log group", log1(f.group)),
      COLUMN("kernel_h", f.kernel_h),
      COLUMN("kernel_w", f.kernel_w),
      COLUMN("kernel", f.kernel_h * f.kernel_w),
      COLUMN("stride_h", f.stride_h),
      COLUMN("stride_w", f.stride_w),
      COLUMN("dilation", f.dilation),
      COLUMN("padding", f.padding),
      COLUMN("activation", f.activation),
      COLUMN("bias", f.bias),
      COLUMN("residual", f.residual),
      COLUMN("operands", f.operands),
      COLUMN("log inner_in", log1(f.inner_in)),
      COLUMN("log inner_out", log1(f.inner_out)),
      COLUMN("tile use 128x128", tile_use(f, 128, 128)),
      COLUMN("tile use 128x64", tile_use(f, 128, 64)),
      COLUMN("tile use 64x64", tile_use(f, 64, 64)),
      COLUMN("tile use 128x32", tile_use(f, 128, 32)),
      COLUMN("wave use 128x128", wave_use(f, h, 128, 128)),
      COLUMN("wave use 128x64", wave_use(f, h, 128, 64)),
      COLUMN("wave use 64x64", wave_use(f, h, 64, 64)),
      COLUMN("log waves 128x64", std::log(tiles(f, 128, 64) / h.units)),
      COLUMN("channels_in use 4", f.channels_in / padded(f.channels_in, 4)),
      COLUMN("channels_in use 8", f.channels_in / padded(f.channels_in, 8)),
      COLUMN("channels_in use 16", f.channels_in / padded(f.channels_in, 16)),
      COLUMN("channels_in use 32", f.channels_in / padded(f.channels_in, 32)),
      COLUMN("channels_in use 64", f.channels_in / padded(f.channels_in, 64)),
      COLUMN("channels_out use 4", f.channels_out / padded(f.channels_out, 4)),
      COLUMN("channels_out use 8", f.channels_out / padded(f.channels_out, 8)),
      COLUMN("channels_out use 16", f.channels_out / padded(f.channels_out, 16)),
      COLUMN("channels_out use 32", f.channels_out / padded(f.channels_out, 32)),
      COLUMN("channels_out use 64", f.channels_out / padded(f.channels_out, 64)),
      COLUMN("channels_in odd", std::fmod(f.channels_in, 8)),
      COLUMN("channels_out odd", std::fmod(f.channels_out, 8)),
      COLUMN("out_w use 8", f.out_w / padded(f.out_w, 8)),
      COLUMN("out_w use 32", f.out_w / padded(f.out_w, 32)),
      COLUMN("log winograd tiles", log1(winograd_tiles(f))),
      COLUMN("log working set / cache", log1(f.bytes()) - std::log(h.cache_bytes)),
      COLUMN("log weights / cache", log1(f.weight_bytes) - std::log(h.cache_bytes)),
      COLUMN("log image / cache", log1(f.in_bytes) - std::log(h.cache_bytes)),
      COLUMN("log compute us", std::log(h.compute_us(f.flops) + 1e-3)),
      COLUMN("log memory us", std::log(h.memory_us(f.bytes()) + 1e-3)),
      COLUMN("log roofline us", std::log(h.roofline_us(f.flops, f.bytes()) + 1e-3)),
      COLUMN("compute / memory", log1(f.flops) - log1(f.bytes()) - std::log(h.gflops / h.gb_per_s)),
  };
}

const std::vector<Column>& engineered() {
  static const std::vector<Column> columns = engineered_columns();
  return columns;
}

std::vector<Column> columns_of(FeatureSet set, std::string_view type) {
  if (set == FeatureSet::engineered) return engineered();
  std::vector<Column> columns = raw_of(type);
  if (set == FeatureSet::counted) {
    columns.push_back(COLUMN("flops", f.flops));
    columns.push_back(COLUMN("weight_bytes", f.weight_bytes));
  }
  return columns;
}

#undef COLUMN

constexpr std::array<std::string_view, 16> works{"constant",
                                                 "flops 1x1",
                                                 "flops 3x3",
                                                 "flops other",
                                                 "flops strided",
                                                 "padded 128x64",
                                                 "padded n 16",
                                                 "bytes in",
                                                 "bytes out",
                                                 "bytes weights",
                                                 "bytes unrolled",
                                                 "bytes activated",
                                                 "bytes activated slowly",
                                                 "bytes biased",
                                                 "bytes beyond cache",
                                                 "tiles 128x64"};

// New ones come last: files written before know the first ones.
constexpr std::array<std::string_view, 17> ranges{"batch",
                                                  "image",
                                                  "kernel",
                                                  "stride",
                                                  "channels_in",
                                                  "channels_out",
                                                  "m",
                                                  "n",
                                                  "k",
                                                  "flops",
                                                  "bytes in",
                                                  "bytes out",
                                                  "bytes of weights",
                                                  "kernel height",
                                                  "kernel width",
                                                  "dilation",
                                                  "groups"};

}  // namespace

std::vector<std::string> feature_names(FeatureSet set, std::string_view type) {
  std::vector<std::string> names;
  for (const Column& column : columns_of(set, type)) names.push_back(column.name);
  return names;
}

std::vector<double> features_of(FeatureSet set, const LayerFacts& facts, const Hardware& hardware) {
  const auto row = [&](const std::vector<Column>& columns) {
    std::vector<double> values;
    values.reserve(columns.size());
    for (const Column& column : columns) values.push_back(column.of(facts, hardware));
    return values;
  };
  return set == FeatureSet::engineered ? row(engineered()) : row(columns_of(set, facts.type));
}

Features features_of(FeatureSet set, std::span<const LayerFacts> layers, const Hardware& hardware) {
  Features rows;
  rows.reserve(layers.size());
  for (const LayerFacts& facts : layers) rows.push_back(features_of(set, facts, hardware));
  return rows;
}

std::span<const std::string_view> work_names() {
  return works;
}

std::vector<double> work_of(const LayerFacts& f, const Hardware& h) {
  const bool product = f.k > 1 || f.n > 1;
  const double flops = f.flops * 1e-9;
  const double multiplied = 2e-9 * f.k * f.group;
  constexpr double mega = 1e-6;
  return {1,
          is_1x1(f) ? flops : 0,
          is_3x3(f) ? flops : 0,
          is_1x1(f) || is_3x3(f) ? 0 : flops,
          f.stride_h * f.stride_w > 1 ? flops : 0,
          product ? multiplied * padded(f.m, 128) * padded(f.n, 64) : 0,
          product ? multiplied * f.m * padded(f.n, 16) : 0,
          f.in_bytes * mega,
          f.out_bytes * mega,
          f.weight_bytes * mega,
          unrolled_bytes(f) * mega,
          f.activation > 0 ? f.out_bytes * mega : 0,
          f.activation > 1 ? f.out_bytes * mega : 0,
          f.bias > 0 ? f.out_bytes * mega : 0,
          std::max(0.0, f.bytes() - h.cache_bytes) * mega,
          product ? tiles(f, 128, 64) * 1e-3 : 0};
}

std::span<const std::string_view> range_names() {
  return ranges;
}

std::vector<double> range_features(const LayerFacts& f) {
  return {log1(f.batch),
          log1(f.in_h * f.in_w),
          log1(f.kernel_h * f.kernel_w),
          log1(f.stride_h * f.stride_w),
          log1(f.channels_in),
          log1(f.channels_out),
          log1(f.m),
          log1(f.n),
          log1(f.k),
          log1(f.flops),
          log1(f.in_bytes),
          log1(f.out_bytes),
          log1(f.weight_bytes),
          log1(f.kernel_h),
          log1(f.kernel_w),
          log1(f.dilation),
          log1(f.group)};
}

}  // namespace raceline
