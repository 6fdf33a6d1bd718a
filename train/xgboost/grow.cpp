#include "train/xgboost/grow.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <xgboost/c_api.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline::train {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> losses{"squarederror", "absoluteerror", "pseudohubererror"};

void check(int status) {
  if (status != 0) throw Error(fmt::format("libxgboost: {}", XGBGetLastError()));
}

class Matrix {
 public:
  Matrix(const Features& rows, std::span<const double> targets) {
    std::vector<float> flat, labels(targets.begin(), targets.end());
    const size_t width = rows.front().size();
    flat.reserve(rows.size() * width);
    for (const std::vector<double>& row : rows) flat.insert(flat.end(), row.begin(), row.end());
    check(XGDMatrixCreateFromMat(flat.data(), rows.size(), width, std::numeric_limits<float>::quiet_NaN(),
                                 &handle_));
    check(XGDMatrixSetFloatInfo(handle_, "label", labels.data(), labels.size()));
  }
  ~Matrix() { XGDMatrixFree(handle_); }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  DMatrixHandle get() const { return handle_; }

 private:
  DMatrixHandle handle_ = nullptr;
};

class Booster {
 public:
  explicit Booster(const Matrix& matrix) {
    const DMatrixHandle handles[] = {matrix.get()};
    check(XGBoosterCreate(handles, 1, &handle_));
  }
  ~Booster() { XGBoosterFree(handle_); }
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  void set(const char* name, const std::string& value) {
    check(XGBoosterSetParam(handle_, name, value.c_str()));
  }
  BoosterHandle get() const { return handle_; }

 private:
  BoosterHandle handle_ = nullptr;
};

/// Adds a node of the dump and all below it, itself first, then its left side.
int32_t add_subtree(const json& node, Trees& trees, int32_t next) {
  if (node.contains("leaf")) {
    trees.add_node({.feature = -1, .threshold = node["leaf"].get<float>()});
    return next + 1;
  }
  // Without names, the column 3 is called "f3".
  const auto feature =
      static_cast<int32_t>(parse_int(node["split"].get<std::string>().substr(1), "a column"));
  trees.add_node({.feature = feature, .threshold = node["split_condition"].get<float>()});
  const json& children = node["children"];
  const bool left_first = children[0]["nodeid"] == node["yes"];
  const int32_t right = add_subtree(children[left_first ? 0 : 1], trees, next + 1);
  trees.set_right(next, right);
  return add_subtree(children[left_first ? 1 : 0], trees, right);
}

Trees dumped(const Booster& booster) {
  bst_ulong count = 0;
  const char** texts = nullptr;
  check(XGBoosterDumpModelEx(booster.get(), "", 0, "json", &count, &texts));
  Trees trees;
  for (bst_ulong tree = 0; tree < count; ++tree) {
    trees.begin_tree();
    add_subtree(json::parse(texts[tree]), trees, 0);
  }
  return trees;
}

}  // namespace

Trees grow(const Features& rows, std::span<const double> targets, const GrowOptions& options,
           const std::function<bool(size_t)>& after_round) {
  if (std::find(losses.begin(), losses.end(), options.loss) == losses.end()) {
    throw Error(
        fmt::format("--set loss={}: wanted one of {}", options.loss.substr(0, 80), fmt::join(losses, ", ")));
  }
  const Matrix matrix(rows, targets);
  Booster booster(matrix);
  booster.set("nthread", "1");
  booster.set("verbosity", "0");
  booster.set("base_score", "0");
  booster.set("tree_method", options.exact ? "exact" : "hist");
  booster.set("objective", "reg:" + options.loss);
  if (options.loss == "pseudohubererror") booster.set("huber_slope", number(options.slope));
  booster.set("eta", number(options.learning_rate));
  booster.set("max_depth", std::to_string(options.depth));
  booster.set("min_child_weight", number(options.least_in_child));
  booster.set("subsample", number(options.rows));
  booster.set("colsample_bytree", number(options.columns));
  booster.set("colsample_bynode", number(options.columns_by_node));
  booster.set("lambda", number(options.shrink));
  booster.set("num_parallel_tree", std::to_string(options.forest));
  booster.set("seed", std::to_string(options.seed));
  for (int64_t round = 0; round < options.rounds; ++round) {
    check(XGBoosterUpdateOneIter(booster.get(), static_cast<int>(round), matrix.get()));
    if (!after_round(static_cast<size_t>(round) + 1)) break;
  }
  return dumped(booster);
}

}  // namespace raceline::train
