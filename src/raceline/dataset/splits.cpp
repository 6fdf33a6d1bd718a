#include "raceline/dataset/splits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

const char* set_of(size_t place, size_t tests, size_t validations) {
  if (place < tests) return set_test;
  return place < tests + validations ? set_validation : set_train;
}

/// A layer without what does not change its shape.
LayerDesc bare(const std::string& name) {
  LayerDesc layer = LayerDesc::parse(name);
  if (layer.has_residual()) layer.inputs.pop_back();
  layer.epilogue.clear();
  for (OperandDesc& operand : layer.inputs) operand.density = operand.block_density = 0;
  return layer;
}

/// Extents of the result, where the op's parameters spell them out; else null.
std::vector<int64_t>* extents_of_result(OpParams& params) {
  if (auto* reshape = std::get_if<ReshapeParams>(&params)) return &reshape->dims;
  if (auto* expand = std::get_if<ExpandParams>(&params)) return &expand->dims;
  if (auto* slice = std::get_if<SliceParams>(&params)) return &slice->size;
  if (auto* resize = std::get_if<ResizeParams>(&params)) return &resize->sizes;
  return nullptr;
}

bool is_divided(const DatasetRow& row) {
  return !is_frozen(row) && row.set != set_pairs && row.set != set_models;
}

}  // namespace

std::string bare_key(const std::string& name) {
  return is_layer(name) ? bare(name).key() : name;
}

std::string batchless_key(const std::string& name) {
  if (!is_layer(name)) return name;
  LayerDesc layer = bare(name);
  const auto* product = std::get_if<GemmParams>(&layer.params);
  if (product != nullptr && product->trans_a) return layer.key();
  for (OperandDesc& operand : layer.inputs) {
    if (operand.present && !operand.constant && operand.desc.shape.rank() > 0)
      operand.desc.shape = operand.desc.shape.with(0, 1);
  }
  std::vector<int64_t>* extents = extents_of_result(layer.params);
  if (extents != nullptr && !extents->empty()) extents->front() = 1;
  return layer.key();
}

std::string split_unit(const DatasetRow& row) {
  return row.group.starts_with("stairs:") ? row.group : bare_key(row.layer);
}

bool is_frozen(const DatasetRow& row) {
  return row.set == set_test_uniform || row.set == set_test_networks;
}

bool is_judged(const DatasetRow& row) {
  return row.set == set_test || is_frozen(row);
}

void split(Dataset& dataset, const SplitOptions& options) {
  if (!(options.test >= 0 && options.validation >= 0 && options.test < 1 && options.validation < 1)) {
    throw Error(fmt::format("shares of a split are within 0 and 1; given test {} and validation {}",
                            options.test, options.validation));
  }
  std::set<std::string> frozen;
  for (const DatasetRow& row : dataset.rows) {
    if (is_frozen(row)) frozen.insert(bare_key(row.layer));
  }
  std::erase_if(dataset.rows, [&](const DatasetRow& row) {
    return is_divided(row) && !frozen.empty() && frozen.contains(bare_key(row.layer));
  });
  const auto unit_of = [&](const DatasetRow& row) {
    return options.by_group && !row.group.empty() ? "group " + row.group : split_unit(row);
  };
  // Layers of one unit, however many rows. Their order is that of a hash: it knows nothing of the order of
  // rows.
  std::map<std::string, std::map<std::string, size_t>> units;
  for (const DatasetRow& row : dataset.rows) {
    if (is_divided(row)) ++units[options.by_group ? "" : row.type][unit_of(row)];
  }
  std::map<std::string, const char*> set;
  for (const auto& [type, names] : units) {
    std::vector<std::pair<uint64_t, std::string>> order;
    for (const auto& [name, rows] : names) order.emplace_back(hash_text(name, options.seed), name);
    std::sort(order.begin(), order.end());
    const auto share = [](double part, size_t of) {
      return static_cast<size_t>(std::llround(part * static_cast<double>(of)));
    };
    const size_t tests = share(options.test, order.size());
    const size_t validations = share(options.validation, order.size() - tests);
    for (size_t place = 0; place < order.size(); ++place) {
      set[order[place].second] = set_of(place, tests, validations);
    }
  }
  // By group, a layer may stand in two groups: then it is tested nowhere it was trained on.
  std::map<std::string, std::string> of_layer;
  for (DatasetRow& row : dataset.rows) {
    if (is_divided(row)) row.set = set[unit_of(row)];
  }
  for (const DatasetRow& row : dataset.rows) {
    if (row.set == set_test) of_layer[bare_key(row.layer)] = set_test;
  }
  for (const DatasetRow& row : dataset.rows) {
    if (row.set == set_validation) of_layer.emplace(bare_key(row.layer), set_validation);
  }
  std::erase_if(dataset.rows, [&](const DatasetRow& row) {
    if (!is_divided(row)) return false;
    const auto found = of_layer.find(bare_key(row.layer));
    return found != of_layer.end() && row.set != found->second;
  });
}

size_t remove_layers(Dataset& dataset, std::span<const std::string> layers) {
  std::set<std::string> keys;
  for (const std::string& layer : layers) keys.insert(batchless_key(layer));
  return std::erase_if(dataset.rows, [&](const DatasetRow& row) {
    return (row.set == set_train || row.set == set_validation) && keys.contains(batchless_key(row.layer));
  });
}

}  // namespace raceline
