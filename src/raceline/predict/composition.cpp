#include "raceline/predict/composition.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/predict/least_squares.h"

namespace raceline {
namespace {

/// Networks of some families.
struct Known {
  std::vector<std::string> names;
  std::vector<NetworkTerms> networks;
  std::vector<double> measured_us;
};

/// Each network by what `fit` makes of those of all other groups; NaN where fewer than `least` are left.
std::vector<double> left_out(std::span<const std::string> names, std::span<const NetworkTerms> networks,
                             std::span<const double> measured_us, LeaveOut what, size_t least,
                             const std::function<Composition(const Known&)>& fit) {
  const auto group_of = [what](std::string_view name) {
    return what == LeaveOut::family ? network_family(name) : name;
  };
  std::map<std::string_view, Composition> without;
  std::vector<double> us;
  for (size_t index = 0; index < names.size(); ++index) {
    const std::string_view group = group_of(names[index]);
    std::set<std::string_view> others;
    Known known;
    for (size_t other = 0; other < names.size() && !without.contains(group); ++other) {
      if (group_of(names[other]) == group) continue;
      others.insert(group_of(names[other]));
      known.names.push_back(names[other]);
      known.networks.push_back(networks[other]);
      known.measured_us.push_back(measured_us[other]);
    }
    if (others.size() >= least) without[group] = fit(known);
    const auto found = without.find(group);
    us.push_back(found == without.end() ? std::numeric_limits<double>::quiet_NaN()
                                        : found->second.us(networks[index]));
  }
  return us;
}

}  // namespace

Composition Composition::fit(std::span<const NetworkTerms> networks, std::span<const double> measured_us,
                             double hold) {
  std::set<std::string> types;
  for (const NetworkTerms& each : networks) {
    for (const auto& [type, us] : each.exe_us) types.insert(type);
  }
  std::vector<std::vector<double>> rows;
  for (const NetworkTerms& each : networks) {
    std::vector<double> row{1, each.layers, each.ends_us, each.weights_mb, each.tensors_mb};
    for (const std::string& type : types) {
      const auto found = each.exe_us.find(type);
      row.push_back(found == each.exe_us.end() ? 0 : found->second);
    }
    rows.push_back(std::move(row));
  }
  std::vector<double> sum{0, 0, 1, 0, 0};
  // How far off the sum is by itself: 10 us to start, 1 us a call, 40 us a MB; a factor by half.
  std::vector<double> spread{10, 1, 0.5, 40, 40};
  sum.resize(sum.size() + types.size(), 1);
  spread.resize(sum.size(), 0.5);
  const std::vector<double> prices =
      fit_prices(rows, measured_us, {.prices = sum, .spread = spread, .hold = hold});
  Composition composition;
  composition.start_us_ = prices[0];
  composition.call_us_ = prices[1];
  composition.ends_ = prices[2];
  composition.weights_mb_us_ = prices[3];
  composition.tensors_mb_us_ = prices[4];
  size_t column = 5;
  for (const std::string& type : types) composition.factors_[type] = prices[column++];
  return composition;
}

Composition Composition::fit_families(std::span<const std::string> names,
                                      std::span<const NetworkTerms> networks,
                                      std::span<const double> measured_us) {
  // From as good as free to as good as the sum itself; that, where no two families are there to tell.
  constexpr double freest = 0, tightest = 1e6;
  double best_hold = tightest, least = std::numeric_limits<double>::infinity();
  for (const double hold : {freest, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, tightest}) {
    const std::vector<double> guesses =
        left_out(names, networks, measured_us, LeaveOut::family, 1,
                 [&](const Known& known) { return fit(known.networks, known.measured_us, hold); });
    double sum = 0;
    size_t count = 0;
    for (size_t index = 0; index < guesses.size(); ++index) {
      if (std::isnan(guesses[index])) continue;
      sum += std::abs(std::log(std::max(guesses[index], 1e-3) / measured_us[index]));
      ++count;
    }
    if (count == 0 || sum >= least) continue;
    least = sum;
    best_hold = hold;
  }
  return fit(networks, measured_us, best_hold);
}

double Composition::us(const NetworkTerms& network) const {
  double us = start_us_ + call_us_ * network.layers + ends_ * network.ends_us +
              weights_mb_us_ * network.weights_mb + tensors_mb_us_ * network.tensors_mb;
  for (const auto& [type, exe_us] : network.exe_us) {
    const auto found = factors_.find(type);
    us += exe_us * (found == factors_.end() ? 1 : found->second);
  }
  return us;
}

std::string Composition::to_string() const {
  std::string text = fmt::format(
      "{:.3g} us + {:.3g} us a layer + {:.3g} ends + {:.3g} us a MB of weights + {:.3g} us a MB of tensors",
      start_us_, call_us_, ends_, weights_mb_us_, tensors_mb_us_);
  for (const auto& [type, factor] : factors_) text += fmt::format(" + {:.3g} {}", factor, type);
  return text;
}

void Composition::visit(Archive& archive) {
  const auto price = [](Archive& at, std::string_view key, double& value) {
    at.field(key, value);
    if (value < 0) at.refuse(key, fmt::format("{} is below 0", value));
  };
  price(archive, "start_us", start_us_);
  price(archive, "call_us", call_us_);
  price(archive, "ends", ends_);
  price(archive, "weights_mb_us", weights_mb_us_);
  price(archive, "tensors_mb_us", tensors_mb_us_);
  std::vector<std::pair<std::string, double>> list(factors_.begin(), factors_.end());
  size_t count = list.size();
  archive.list("factors", count, [&](Archive& inner, size_t index) {
    if (inner.reading()) list.emplace_back();
    inner.field("type", list[index].first);
    price(inner, "factor", list[index].second);
    if (inner.reading() && !factors_.insert(list[index]).second)
      inner.refuse("type", fmt::format("a second factor of '{}'", list[index].first.substr(0, 80)));
  });
}

std::string_view network_family(std::string_view name) {
  return name.substr(0, name.find_first_of("0123456789_-."));
}

std::vector<double> leave_one_out(std::span<const std::string> names, std::span<const NetworkTerms> networks,
                                  std::span<const double> measured_us, LeaveOut what, size_t least) {
  return left_out(names, networks, measured_us, what, least, [](const Known& known) {
    return Composition::fit_families(known.names, known.networks, known.measured_us);
  });
}

}  // namespace raceline
