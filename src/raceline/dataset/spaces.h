// Which layers are measured: seeded draws from the papers' spaces and from ours.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/layer_desc.h"
#include "raceline/graph/rough_machine.h"

namespace raceline {

enum class Space : uint8_t {
  /// PerfNetRT, tables I to III: uniform over batch 1-64, square images 1-512, square kernels 1-7, channels
  /// 1-9999, strides 1-4, padding valid or same, ReLU or none, bias or none; dense 1-4096 to 1-4096.
  perfnetrt,
  /// ResPerfNet, table 3: the same with height and width, and both extents of kernels, windows and strides,
  /// apart.
  resperfnet,
  /// Ours: half log-uniform, stratified by expected time and by compute- or memory-bound side; 35 % real
  /// networks' layers, jointly drawn and jittered; 15 % staircases along channels.
  raceline,
};
std::string_view to_string(Space space);
/// Throws ParseError.
Space parse_space(std::string_view text);

/// The layer types that a space has, as layer_type() names them.
std::span<const std::string_view> types_of(Space space);

/// A layer of a real network.
struct PriorLayer {
  std::string net;
  LayerDesc layer;
};

struct SampleOptions {
  uint64_t seed = 1;
  double most_tensor_bytes = 512.0 * (1 << 20);  ///< of all operands and outputs of a layer
  double most_expected_us = 200'000;
  RoughMachine machine;
};

struct SampledLayer {
  LayerDesc layer;
  std::string
      group;  ///< layers of one group belong together: "log:41", "prior:resnet50", "stairs:7", "uniform:3"
};

/// What became of the draws.
struct SampleReport {
  size_t drawn = 0, impossible = 0, too_large = 0, too_slow = 0, duplicates = 0;
  friend bool operator==(const SampleReport&, const SampleReport&) = default;
};

/// `count` different layers of the type, or as many as a bounded number of draws gives, sorted from small to
/// large. The same arguments give the same layers on every machine. `prior` serves Space::raceline alone; it
/// may be empty. Throws Error for a type that the space lacks.
std::vector<SampledLayer> sample_layers(Space space, std::string_view type, size_t count,
                                        std::span<const PriorLayer> prior, const SampleOptions& options,
                                        SampleReport& report);

/// All distinct layers of the networks of these types (empty: of all that ONNX can say), by the same caps.
std::vector<SampledLayer> layers_of_networks(std::span<const PriorLayer> prior,
                                             std::span<const std::string> types, const SampleOptions& options,
                                             SampleReport& report);

/// Lines "net<tab>layer key"; '#' begins a comment line. Throws ParseError naming the line.
std::vector<PriorLayer> parse_prior(std::string_view text);
/// Distinct layers of each network in one of nn-Meter's tables of layer shapes: CSV with the columns model,
/// cin and cout (dense), ks, stride, input_h and input_w besides (max-pooling), and groups (convolution).
/// Throws ParseError naming line and column.
std::vector<PriorLayer> parse_layer_shapes(std::string_view csv);
std::string prior_text(std::span<const PriorLayer> layers);

}  // namespace raceline
