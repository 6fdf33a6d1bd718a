// The narrow waist: what each primitive costs for each layer on one machine, measured or predicted.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace raceline {

enum class CostSource : uint8_t { measured, predicted };

/// Microseconds. us is the statistic that decides: the 10th percentile.
struct Cost {
  double us = 0;
  double median_us = 0;
  double spread_us = 0;  ///< 90th less 10th percentile
  int samples = 0;
  double error = 0;  ///< against the reference, as a share of the largest output
  CostSource source = CostSource::measured;
  friend bool operator==(const Cost&, const Cost&) = default;
};

/// Costs by layer key and primitive name, and why a pair has none.
class CostTable {
 public:
  void set(const std::string& layer, const std::string& primitive, const Cost& cost);
  /// The pair cannot be used: a wrong result, an error above the bound, a crash, a refusal of the library.
  void set_failure(const std::string& layer, const std::string& primitive, std::string why);
  std::optional<Cost> find(std::string_view layer, std::string_view primitive) const;
  /// Empty when the pair has not failed.
  std::string_view failure(std::string_view layer, std::string_view primitive) const;
  size_t size() const { return costs_.size(); }

  using Key = std::pair<std::string, std::string>;  ///< layer, primitive
  const std::map<Key, Cost>& costs() const { return costs_; }
  const std::map<Key, std::string>& failures() const { return failures_; }

 private:
  std::map<Key, Cost> costs_;
  std::map<Key, std::string> failures_;
};

}  // namespace raceline
