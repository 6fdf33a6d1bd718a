#include "raceline/dataset/spaces.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_draws.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

constexpr std::array<std::string_view, 3> space_names{"perfnetrt", "resperfnet", "raceline"};
constexpr std::array<std::string_view, 3> paper_types{"conv", "max_pool", "dense"};
constexpr std::array<std::string_view, 21> our_types{
    "conv",       "max_pool", "dense",      "depthwise", "grouped_conv", "average_pool", "global_pool",
    "batch_norm", "lrn",      "activation", "prelu",     "add",          "mul",          "concat",
    "softmax",    "reshape",  "transpose",  "resize",    "slice",        "pad",          "conv_transpose"};
constexpr double log_share = 0.50, prior_share = 0.35;  // the rest are staircases
constexpr size_t draws_for_one = 3000;                  ///< before a space counts as exhausted
constexpr size_t paper_draws_for_one = 400'000;         ///< the papers' ranges lie mostly beyond the caps
constexpr size_t time_strata = 5;

/// The decade of the expected time: below 10 us, 100 us, 1 ms, 10 ms, above.
size_t stratum_of(double us) {
  return static_cast<size_t>(std::clamp(std::floor(std::log10(us)), 0.0, time_strata - 1.0));
}

/// Layers so far, with what was refused.
class Basket {
 public:
  Basket(size_t count, const SampleOptions& options, SampleReport& report)
      : count_(count), options_(options), report_(report) {}

  bool is_full() const { return layers_.size() >= count_; }
  size_t size() const { return layers_.size(); }

  bool admits(const LayerDesc& layer) { return raceline::admits(layer, options_, report_); }

  bool add(const LayerDesc& layer, std::string group) {
    if (!seen_.insert(layer.key()).second) {
      ++report_.duplicates;
      return false;
    }
    layers_.push_back({layer, std::move(group)});
    return true;
  }

  std::vector<SampledLayer> sorted() && {
    std::ranges::stable_sort(
        layers_, {}, [&](const SampledLayer& each) { return options_.machine.expected_us(each.layer); });
    return std::move(layers_);
  }

 private:
  size_t count_;
  const SampleOptions& options_;
  SampleReport& report_;
  std::vector<SampledLayer> layers_;
  std::set<std::string> seen_;
};

void draw_uniform(Basket& basket, std::string_view type, bool square, Random& random, SampleReport& report) {
  for (size_t left = paper_draws_for_one; left > 0 && !basket.is_full(); --left) {
    ++report.drawn;
    const std::optional<LayerDesc> layer = draw_paper(type, square, random);
    if (!layer) {
      ++report.impossible;
    } else if (basket.admits(*layer) && basket.add(*layer, fmt::format("uniform:{}", basket.size()))) {
      left = paper_draws_for_one;
    }
  }
}

/// Fills the strata evenly; what a stratum cannot give, the others do.
void draw_strata(Basket& basket, std::string_view type, size_t goal, const SampleOptions& options,
                 Random& random, SampleReport& report) {
  std::array<size_t, 2 * time_strata> have{};
  const size_t quota = (goal + have.size() - 1) / have.size();
  size_t misses = 0;
  for (size_t taken = 0; taken < goal && misses < draws_for_one;) {
    ++report.drawn;
    const std::optional<LayerDesc> layer = draw_log(type, random);
    if (!layer) {
      ++report.impossible;
      ++misses;
      continue;
    }
    if (!basket.admits(*layer)) {
      ++misses;
      continue;
    }
    size_t& stratum = have[2 * stratum_of(options.machine.expected_us(*layer)) +
                           (options.machine.is_compute_bound(*layer) ? 1 : 0)];
    // A stratum that is full waits, but not for ever.
    const bool patient = misses < draws_for_one / 10;
    if ((patient && stratum >= quota) || !basket.add(*layer, fmt::format("log:{}", basket.size()))) {
      ++misses;
      continue;
    }
    ++stratum;
    ++taken;
    if (patient) misses = 0;
  }
}

void draw_priors(Basket& basket, std::string_view type, size_t goal, std::span<const PriorLayer> prior,
                 Random& random, SampleReport& report) {
  for (size_t taken = 0, misses = 0; taken < goal && misses < draws_for_one;) {
    ++report.drawn;
    std::optional<SampledLayer> sampled = draw_prior(type, prior, random);
    if (!sampled) ++report.impossible;
    if (sampled && basket.admits(sampled->layer) && basket.add(sampled->layer, sampled->group)) {
      ++taken;
      misses = 0;
    } else {
      ++misses;
    }
  }
}

void draw_staircases(Basket& basket, std::string_view type, size_t goal, std::span<const PriorLayer> prior,
                     Random& random, SampleReport& report) {
  size_t taken = 0;
  for (size_t line = 0; taken < goal && line < goal + 20; ++line) {
    for (const LayerDesc& layer : draw_stairs(type, prior, random)) {
      ++report.drawn;
      if (taken < goal && basket.admits(layer) && basket.add(layer, fmt::format("stairs:{}", line))) ++taken;
    }
  }
}

/// Transposed convolutions come from real networks alone.
bool is_drawn(std::string_view type) {
  return type != "conv_transpose";
}

}  // namespace

bool admits(const LayerDesc& layer, const SampleOptions& options, SampleReport& report) {
  if (layer.bytes_moved() > options.most_tensor_bytes) {
    ++report.too_large;
  } else if (options.machine.expected_us(layer) > options.most_expected_us) {
    ++report.too_slow;
  } else {
    return true;
  }
  return false;
}

std::string_view to_string(Space space) {
  return space_names[static_cast<size_t>(space)];
}

Space parse_space(std::string_view text) {
  const auto found = std::find(space_names.begin(), space_names.end(), text);
  if (found == space_names.end()) {
    throw ParseError(fmt::format("'{}' is no space of layers; wanted {}", text.substr(0, 80),
                                 fmt::join(space_names, ", ")));
  }
  return static_cast<Space>(found - space_names.begin());
}

std::span<const std::string_view> types_of(Space space) {
  if (space == Space::raceline) return our_types;
  return paper_types;
}

std::vector<SampledLayer> sample_layers(Space space, std::string_view type, size_t count,
                                        std::span<const PriorLayer> prior, const SampleOptions& options,
                                        SampleReport& report) {
  const auto types = types_of(space);
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    throw Error(fmt::format("the space {} has no layers '{}'; it has {}", to_string(space),
                            type.substr(0, 80), fmt::join(types, ", ")));
  }
  // Each type and space has draws of its own, so that asking for one more type changes no other.
  Random random(hash_text(fmt::format("{} {}", to_string(space), type), options.seed));
  Basket basket(count, options, report);
  if (space != Space::raceline) {
    draw_uniform(basket, type, space == Space::perfnetrt, random, report);
    return std::move(basket).sorted();
  }
  const auto share = [&](double part) {
    return static_cast<size_t>(std::llround(part * static_cast<double>(count)));
  };
  draw_priors(basket, type, is_drawn(type) ? share(prior_share) : count, prior, random, report);
  draw_staircases(basket, type, share(1 - log_share - prior_share), prior, random, report);
  if (is_drawn(type)) draw_strata(basket, type, count - basket.size(), options, random, report);
  return std::move(basket).sorted();
}

std::vector<SampledLayer> layers_of_networks(std::span<const PriorLayer> prior,
                                             std::span<const std::string> types, const SampleOptions& options,
                                             SampleReport& report) {
  Basket basket(prior.size(), options, report);
  for (const PriorLayer& each : prior) {
    ++report.drawn;
    const bool wanted = types.empty() || std::ranges::find(types, layer_type(each.layer)) != types.end();
    if (!wanted || !why_no_onnx(each.layer).empty()) {
      ++report.impossible;
    } else if (basket.admits(each.layer)) {
      basket.add(each.layer, each.net);
    }
  }
  return std::move(basket).sorted();
}

std::vector<PriorLayer> parse_prior(std::string_view text) {
  std::vector<PriorLayer> layers;
  size_t line_number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    if (trim(line).empty() || line.front() == '#') continue;
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos || tab == 0) {
      throw ParseError(fmt::format("line {}: no tab between a network and the key of a layer", line_number));
    }
    try {
      layers.push_back({std::string(line.substr(0, tab)), LayerDesc::parse(trim(line.substr(tab + 1)))});
    } catch (const Error& error) {
      throw ParseError(fmt::format("line {}: {}", line_number, error.what()));
    }
  }
  return layers;
}

std::string prior_text(std::span<const PriorLayer> layers) {
  std::string text;
  for (const PriorLayer& each : layers) text += fmt::format("{}\t{}\n", each.net, each.layer.key());
  return text;
}

}  // namespace raceline
