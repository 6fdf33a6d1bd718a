#include "raceline/primitive/registry.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

bool is_separator(char c) {
  return c == '.' || c == '@' || c == '-';
}

/// Whether pattern, with '*' for any characters, matches the whole text. Greedy, going back to the last '*'
/// only, so that no pattern takes more than pattern times text steps.
bool glob(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool matches(std::string_view pattern, std::string_view name) {
  for (size_t first = 0; first < name.size(); ++first) {
    if (first > 0 && !is_separator(name[first - 1])) continue;
    for (size_t last = first + 1; last <= name.size(); ++last) {
      if (last < name.size() && !is_separator(name[last])) continue;
      if (glob(pattern, name.substr(first, last - first))) return true;
    }
  }
  return false;
}

std::string nearest_names(std::string_view name, const PrimitiveRegistry& registry) {
  std::vector<std::string> names;
  for (const auto& primitive : registry.all()) names.push_back(primitive->name());
  return join(nearest(name, names), ", ");
}

}  // namespace

void PrimitiveRegistry::add(std::unique_ptr<Primitive> primitive) {
  if (find(primitive->name()) != nullptr) {
    throw Error(fmt::format("primitive '{}' is registered twice", primitive->name()));
  }
  const std::string& version = primitive->info().library_version;
  primitive->revision_ = version.empty() ? source_hash_ : fmt::format("{}+{}", version, source_hash_);
  primitives_.push_back(std::move(primitive));
}

const Primitive* PrimitiveRegistry::find(std::string_view name) const {
  for (const auto& primitive : primitives_) {
    if (primitive->name() == name) return primitive.get();
  }
  return nullptr;
}

const Primitive& PrimitiveRegistry::at(std::string_view name) const {
  if (const Primitive* primitive = find(name)) return *primitive;
  throw UnsupportedError(
      fmt::format("no primitive '{}' in this build; the nearest are {}", name, nearest_names(name, *this)));
}

std::vector<const Primitive*> PrimitiveRegistry::candidates(const LayerDesc& layer) const {
  std::vector<const Primitive*> able;
  for (const auto& primitive : primitives_) {
    if (primitive->info().op == layer.op && primitive->supports(layer)) able.push_back(primitive.get());
  }
  return able;
}

std::vector<PrimitiveRegistry::Refusal> PrimitiveRegistry::refusals(const LayerDesc& layer) const {
  std::vector<Refusal> refusals;
  for (const auto& primitive : primitives_) {
    if (primitive->info().op != layer.op) continue;
    if (const Support support = primitive->supports(layer); !support) {
      refusals.push_back({primitive.get(), support.why()});
    }
  }
  return refusals;
}

const Primitive& PrimitiveRegistry::reference(const LayerDesc& layer) const {
  std::string why = "the op has none";
  for (const auto& primitive : primitives_) {
    if (primitive->info().op != layer.op || primitive->info().library != "reference") continue;
    const Support support = primitive->supports(layer);
    if (support) return *primitive;
    why = support.why();
  }
  throw UnsupportedError(fmt::format("no reference primitive for layer '{}': {}", layer.key(), why));
}

bool PrimitiveFilter::admits(std::string_view name) const {
  const auto hit = [&](const std::string& pattern) { return matches(pattern, name); };
  return (only.empty() || std::any_of(only.begin(), only.end(), hit)) &&
         std::none_of(without.begin(), without.end(), hit);
}

void PrimitiveFilter::check(const PrimitiveRegistry& registry) const {
  const auto known = [&](const std::string& pattern) {
    return std::any_of(registry.all().begin(), registry.all().end(),
                       [&](const auto& primitive) { return matches(pattern, primitive->name()); });
  };
  for (const auto* patterns : {&only, &without}) {
    for (const std::string& pattern : *patterns) {
      if (known(pattern)) continue;
      throw UnsupportedError(fmt::format("no primitive matches '{}'; the nearest names are {}", pattern,
                                         nearest_names(pattern, registry)));
    }
  }
}

Evaluator reference_evaluator(const PrimitiveRegistry& registry, Device& device) {
  return [&registry, &device](const LayerDesc& layer, std::span<const TensorView> operands) {
    const Primitive& primitive = registry.reference(layer);
    const auto kernel = primitive.prepare(layer, {operands, device, 1});
    const Buffer workspace(device, primitive.workspace_bytes(layer, 1));
    std::vector<Tensor> outputs;
    std::vector<TensorView> views;
    for (const TensorDesc& desc : layer.outputs) {
      outputs.emplace_back(desc);
      views.push_back(outputs.back().view());
    }
    const auto queue = device.make_queue(1);
    const Status status = kernel->run({operands, views, workspace.memory(), *queue});
    if (!status.is_ok()) throw Error(fmt::format("{}: {}", primitive.name(), status.message()));
    return outputs;
  };
}

}  // namespace raceline
