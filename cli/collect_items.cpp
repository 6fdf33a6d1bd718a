#include "cli/collect_items.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/platform_command.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/layer_pair.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"
#include "raceline/model/npy.h"
#include "raceline/model/zoo/zoo.h"

namespace raceline::cli {
namespace {

constexpr size_t uniform_rows_of_a_type = 100;  ///< three types: 300 rows
constexpr double frozen_mebibytes = 2048, frozen_ms = 200;

SampleOptions caps(double mebibytes, double ms, uint64_t seed) {
  return {.seed = seed, .most_tensor_bytes = mebibytes * (1 << 20), .most_expected_us = ms * 1e3};
}

void say(std::string_view what, size_t got, const SampleReport& report) {
  const auto share = [&](size_t part) {
    return 100 * static_cast<double>(part) / static_cast<double>(std::max<size_t>(1, report.drawn));
  };
  fmt::print(stderr,
             "{}: {} of {} draws; cut: {:.1f} % too large, {:.1f} % too slow; {:.1f} % impossible, "
             "{} twice\n",
             what, got, report.drawn, share(report.too_large), share(report.too_slow),
             share(report.impossible), report.duplicates);
}

void add(std::vector<CollectItem>& items, const std::vector<SampledLayer>& layers, std::string_view set) {
  for (const SampledLayer& each : layers) {
    items.push_back({.name = each.layer.key(), .origin = fmt::format("{}/{}", set, each.group), .write = {}});
  }
}

/// Set (a): uniform over the papers' ranges. Its cut at 200 ms is by the rough expectation here; what is
/// slower when measured stays.
std::vector<CollectItem> uniform_set(const std::vector<std::string>& types, bool loud) {
  std::vector<CollectItem> items;
  for (const std::string_view type : types_of(Space::perfnetrt)) {
    if (!types.empty() && std::ranges::find(types, type) == types.end()) continue;
    SampleReport report;
    const auto layers = sample_layers(Space::perfnetrt, type, uniform_rows_of_a_type, {},
                                      caps(frozen_mebibytes, frozen_ms, frozen_seed), report);
    if (loud) say(fmt::format("{} {}", set_test_uniform, type), layers.size(), report);
    add(items, layers, set_test_uniform);
  }
  return items;
}

/// Set (b): all distinct layers of real networks.
std::vector<CollectItem> networks_set(const std::vector<PriorLayer>& prior,
                                      const std::vector<std::string>& types, bool loud) {
  SampleReport report;
  const auto layers = layers_of_networks(prior, types, caps(frozen_mebibytes, 1e6, frozen_seed), report);
  if (loud) say(set_test_networks, layers.size(), report);
  std::vector<CollectItem> items;
  add(items, layers, set_test_networks);
  return items;
}

/// A layer of a frozen set, whatever prior is given: the shipped networks' too.
std::vector<CollectItem> frozen_sets(const std::vector<PriorLayer>& prior) {
  std::vector<CollectItem> items = uniform_set({}, false);
  std::ranges::move(networks_set(prior, {}, false), std::back_inserter(items));
  std::ranges::move(networks_set(load_prior({}), {}, false), std::back_inserter(items));
  return items;
}

/// "conv:2000" is the type and how many; without a number, as many as of every type.
std::pair<std::string_view, int64_t> type_and_samples(std::string_view text, int64_t samples) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {text, samples};
  const int64_t own = parse_int(text.substr(colon + 1), "--layers");
  if (own < 1 || own > most_samples)
    throw Error(fmt::format("--layers: '{}'; wanted 1 to {} layers", text, most_samples));
  return {text.substr(0, colon), own};
}

/// A frozen set has the layers that it has: types may be chosen, not how many of them.
void refuse_other_types(const std::vector<std::string>& asked, std::span<const std::string_view> types,
                        std::string_view set) {
  for (const std::string& each : asked) {
    if (std::ranges::find(types, each) == types.end())
      throw Error(
          fmt::format("--layers: the set {} has no '{}'; wanted of {}", set, each, fmt::join(types, ", ")));
  }
}

std::vector<CollectItem> training_set(const ItemOptions& options, const std::vector<PriorLayer>& prior) {
  const Space space = parse_space(options.space);
  std::vector<std::string> types = options.layers;
  if (types.empty()) types.assign(types_of(space).begin(), types_of(space).end());
  std::vector<CollectItem> items;
  for (const std::string& each : types) {
    const auto [type, samples] = type_and_samples(each, options.samples);
    SampleReport report;
    const auto layers = sample_layers(space, type, static_cast<size_t>(samples), prior,
                                      caps(options.most_mebibytes, options.most_ms, options.seed), report);
    say(type, layers.size(), report);
    add(items, layers, set_train);
  }
  std::set<std::string> frozen;
  for (const CollectItem& item : frozen_sets(prior)) frozen.insert(item.name);
  const size_t removed =
      std::erase_if(items, [&](const CollectItem& item) { return frozen.contains(item.name); });
  if (removed > 0) fmt::print(stderr, "{} layers are in the frozen test sets and are left out\n", removed);
  return items;
}

/// The shard that is asked for, small to large by the expected time of each. Every shard has small ones and
/// large ones.
template <class Each, class Time>
std::vector<Each> share_of(std::vector<Each> all, const ItemOptions& options, const Time& expected_us) {
  std::ranges::stable_sort(all, {}, expected_us);
  std::vector<Each> mine;
  for (size_t index = 0; index < all.size(); ++index) {
    if (static_cast<int>(index % static_cast<size_t>(options.shards)) == options.shard - 1)
      mine.push_back(std::move(all[index]));
  }
  return mine;
}

/// The item of a pair: a model of both layers.
CollectItem pair_item(const LayerPair& pair, std::string origin, uint64_t seed) {
  const auto write = [pair, seed](const std::filesystem::path& folder) {
    LayerFiles files = write_pair_model(pair, hash_text(pair.name(), seed), folder);
    ModelRequest request;
    request.model = std::move(files.model);
    request.inputs = std::move(files.inputs);
    return request;
  };
  return {.name = pair.name(), .origin = std::move(origin), .write = write};
}

std::string kind_of(const LayerPair& pair) {
  return fmt::format("{}+{}", layer_type(pair.first), layer_type(pair.second));
}

}  // namespace

std::vector<PriorLayer> load_prior(const std::filesystem::path& file) {
  const std::filesystem::path path = file.empty() ? platforms_folder() / "real_layers.tsv" : file;
  try {
    return parse_prior(read_file(path));
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", path.string(), error.what()));
  }
}

std::vector<CollectItem> layer_items(const ItemOptions& options) {
  const std::vector<PriorLayer> prior = load_prior(options.prior);
  std::vector<CollectItem> items;
  if (options.set == set_test_uniform) {
    refuse_other_types(options.layers, types_of(Space::perfnetrt), options.set);
    items = uniform_set(options.layers, true);
  } else if (options.set == set_test_networks) {
    refuse_other_types(options.layers, types_of(Space::raceline), options.set);
    items = networks_set(prior, options.layers, true);
  } else if (options.set == set_train) {
    items = training_set(options, prior);
  } else {
    throw Error(fmt::format("'{}' is no set of layers; wanted {}, {} or {}", options.set, set_train,
                            set_test_uniform, set_test_networks));
  }
  const RoughMachine machine;
  return share_of(std::move(items), options,
                  [&](const CollectItem& item) { return machine.expected_us(LayerDesc::parse(item.name)); });
}

std::vector<CollectItem> pair_items(const ItemOptions& options, int64_t count) {
  const std::vector<PriorLayer> prior = load_prior(options.prior);
  std::vector<LayerPair> pairs;
  for (const PairKind& kind : pair_kinds()) {
    SampleReport report;
    std::vector<LayerPair> drawn =
        sample_pairs(kind, static_cast<size_t>(count), prior,
                     caps(options.most_mebibytes, options.most_ms, options.seed), report);
    say(fmt::format("{}+{}", kind.first, kind.second), drawn.size(), report);
    std::ranges::move(drawn, std::back_inserter(pairs));
  }
  const RoughMachine machine;
  pairs = share_of(std::move(pairs), options, [&](const LayerPair& pair) {
    return machine.expected_us(pair.first) + machine.expected_us(pair.second);
  });
  // A layer of a frozen set stays one: the store knows a layer by its name alone.
  std::map<std::string, std::string> origins;
  for (const CollectItem& item : frozen_sets(prior)) origins.emplace(item.name, item.origin);
  std::vector<CollectItem> items;
  std::set<std::string> alone;
  for (const LayerPair& pair : pairs) {
    const std::string origin = fmt::format("{}/{}", set_pairs, kind_of(pair));
    for (const LayerDesc* layer : {&pair.first, &pair.second}) {
      const std::string name = layer->key();
      if (!alone.insert(name).second) continue;
      items.push_back({.name = name, .origin = origins.emplace(name, origin).first->second, .write = {}});
    }
    items.push_back(pair_item(pair, origin, options.seed));
  }
  return items;
}

std::vector<CollectItem> model_items(const std::vector<std::string>& nets,
                                     const std::vector<int64_t>& batches) {
  std::vector<CollectItem> items;
  for (const std::string& net : nets) {
    const bool is_file = std::filesystem::exists(net);
    const bool is_known = std::ranges::any_of(zoo(), [&](const ZooNet& each) { return each.name == net; });
    if (!is_file && !is_known) {
      throw Error(fmt::format("--models: '{}' is no file and no net of the zoo (raceline zoo list)", net));
    }
    const std::string name = is_file ? std::filesystem::path(net).stem().string() : net;
    for (const int64_t batch : batches) {
      const auto write = [=](const std::filesystem::path& folder) {
        ModelRequest request;
        request.model = is_file ? std::filesystem::path(net) : folder / "model.onnx";
        if (!is_file) write_zoo(net, request.model, {.batch = batch});
        ModelOptions options;
        options.path = request.model;
        if (is_file) options.batch = {batch};
        OpenedModel opened = open_model(options);
        const std::vector<Tensor> inputs = opened.all_inputs(1);
        for (size_t index = 0; index < inputs.size(); ++index) {
          const auto file = folder / fmt::format("input_{}.npy", index);
          write_npy(file, inputs[index].view());
          request.inputs[opened.model.inputs()[index].name] = file;
        }
        return request;
      };
      items.push_back({.name = model_name(name, batch),
                       .origin = fmt::format("{}/{}", set_models, name),
                       .write = write});
    }
  }
  return items;
}

}  // namespace raceline::cli
