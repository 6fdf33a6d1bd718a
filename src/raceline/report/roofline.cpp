#include "raceline/report/roofline.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "raceline/runtime/bound_plan.h"

namespace raceline {
namespace {

/// GB/s at which tensors can be read: of the smallest cache that holds them, each thread's second level
/// counted.
double bandwidth(double bytes, const Machine& machine, const Peaks& peaks) {
  if (bytes <= static_cast<double>(peaks.threads * machine.l2_bytes) && peaks.l2_gbs > 0) return peaks.l2_gbs;
  if (bytes <= static_cast<double>(machine.l3_bytes) && peaks.l3_gbs > 0) return peaks.l3_gbs;
  return peaks.ram_gbs;
}

/// F(m, r), along both axes or one.
struct Tile {
  int64_t outputs = 0, taps = 0;
  bool one_axis = false;

  static std::optional<Tile> of(std::string_view algorithm) {
    const bool one_axis = algorithm.starts_with("wino1d_");
    if (!one_axis && !algorithm.starts_with("wino_")) return std::nullopt;
    const char* at = algorithm.data() + algorithm.find('_') + 1;
    const char* const end = algorithm.data() + algorithm.size();
    Tile tile{.one_axis = one_axis};
    const auto outputs = std::from_chars(at, end, tile.outputs);
    if (outputs.ec != std::errc() || outputs.ptr == end || *outputs.ptr != 'x') return std::nullopt;
    const auto taps = std::from_chars(outputs.ptr + 1, end, tile.taps);
    if (taps.ec != std::errc() || taps.ptr != end || tile.outputs < 1 || tile.taps < 1) return std::nullopt;
    return tile;
  }

  /// Products along one axis: of windows of outputs + taps - 1, or of the definition.
  double products(int64_t extent, int64_t kernel) const {
    if (one_axis && kernel == 1) return static_cast<double>(extent);
    const int64_t tiles = (extent + outputs - 1) / outputs;
    return static_cast<double>(tiles * (outputs + taps - 1));
  }
};

double ratio_us(double amount, double per_second) {
  return per_second > 0 ? amount / per_second * 1e-3 : 0;
}

}  // namespace

double LayerRoofline::direct_us() const {
  return std::max(compute_us, memory_us);
}

double LayerRoofline::winograd_us() const {
  return std::max(products_us, memory_us);
}

double winograd_share(const LayerDesc& layer, const PrimitiveRegistry& registry) {
  double least = 1;
  if (layer.op != OpKind::conv2d && layer.op != OpKind::conv2d_max_pool) return least;
  Shape y = layer.outputs[0].shape;
  if (layer.op == OpKind::conv2d_max_pool) y = layer.as<ConvMaxPoolParams>().results(y);
  const Shape& weights = layer.inputs[1].desc.shape;
  const auto definition = static_cast<double>(y[2] * weights[2] * y[3] * weights[3]);
  for (const auto& primitive : registry.all()) {
    if (primitive->info().op != layer.op) continue;
    const std::optional<Tile> tile = Tile::of(primitive->info().algorithm);
    if (!tile) continue;
    const double share = tile->products(y[2], weights[2]) * tile->products(y[3], weights[3]) / definition;
    if (share < least && primitive->supports(layer)) least = share;
  }
  return least;
}

LayerRoofline roofline_of(const LayerDesc& layer, double share, const Machine& machine, const Peaks& peaks) {
  const double bytes = layer.bytes_moved();
  LayerRoofline roofline;
  roofline.compute_us = ratio_us(layer.flops(), peaks.fma_gflops);
  roofline.products_us = share * roofline.compute_us;
  roofline.memory_us = ratio_us(bytes, bandwidth(bytes, machine, peaks));
  return roofline;
}

NetworkRoofline roofline_of(const Graph& graph, const Plan& plan, const PrimitiveRegistry& registry,
                            const Machine& machine, const Peaks& peaks) {
  NetworkRoofline network;
  network.steps.resize(plan.steps.size());
  for (const BoundStep& step : bind_plan(plan, graph, registry, "").steps) {
    if (step.layer.flops() == 0) continue;
    const LayerRoofline layer = roofline_of(step.layer, winograd_share(step.layer, registry), machine, peaks);
    network.steps[step.index] = layer;
    network.direct_us += layer.direct_us();
    network.winograd_us += layer.winograd_us();
    if (layer.memory_us > layer.compute_us) network.memory_bound_us += layer.memory_us;
  }
  return network;
}

}  // namespace raceline
