// The narrow waist: what each primitive costs for each layer on one machine, measured or predicted.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace raceline {

enum class CostSource : uint8_t {
  measured,   ///< by itself, in the state that a Session leaves buffers in
  predicted,  ///< by a model
  inside,     ///< at its place inside whole runs of a network
  inferred,   ///< by itself, times what others took more at that place than by themselves
};

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

/// Costs by layer key and primitive name, with its threads where they are not all (on_threads()), and why a
/// pair has none. Beside them, and never in their place,
/// what is known of a pair at a place of a network: a node's name, the names of a fusion's nodes joined by
/// '+', or the name of the tensor that is converted.
class CostTable {
 public:
  void set(const std::string& layer, const std::string& primitive, const Cost& cost);
  /// The pair cannot be used: a wrong result, an error above the bound, a crash, a refusal of the library.
  void set_failure(const std::string& layer, const std::string& primitive, std::string why);
  std::optional<Cost> find(std::string_view layer, std::string_view primitive) const;
  /// Empty when the pair has not failed.
  std::string_view failure(std::string_view layer, std::string_view primitive) const;
  /// Inside whole runs the pair was measured at this place.
  void set_inside(const std::string& place, const std::string& layer, const std::string& primitive,
                  const Cost& cost);
  /// At this place, what was measured inside on this processor (processor_of()) took so many times what it
  /// takes by itself.
  void set_scale(const std::string& place, std::string_view processor, double scale);
  /// What the pair costs at a place: measured inside, or by itself times the place's scale, or by itself.
  std::optional<Cost> find_at(const std::string& place, const std::string& layer,
                              const std::string& primitive) const;
  size_t size() const { return costs_.size(); }

  using Key = std::pair<std::string, std::string>;  ///< layer, primitive
  const std::map<Key, Cost>& costs() const { return costs_; }
  const std::map<Key, std::string>& failures() const { return failures_; }

 private:
  std::map<Key, Cost> costs_;
  std::map<Key, std::string> failures_;
  std::map<std::tuple<std::string, std::string, std::string>, Cost> inside_;  // place, layer, primitive
  std::map<std::pair<std::string, std::string>, double> scales_;              // place, processor
};

}  // namespace raceline
