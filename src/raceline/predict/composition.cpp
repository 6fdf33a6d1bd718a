#include "raceline/predict/composition.h"

#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/predict/least_squares.h"

namespace raceline {

Composition Composition::fit(std::span<const NetworkTerms> networks, std::span<const double> measured_us) {
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
  const std::vector<double> prices = fit_prices(rows, measured_us);
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
                                  std::span<const double> measured_us, size_t least) {
  std::map<std::string_view, Composition> without;
  std::vector<double> us;
  for (size_t index = 0; index < names.size(); ++index) {
    const std::string_view name = network_family(names[index]);
    std::set<std::string_view> others;
    std::vector<NetworkTerms> terms;
    std::vector<double> times;
    for (size_t other = 0; other < names.size() && !without.contains(name); ++other) {
      if (network_family(names[other]) == name) continue;
      others.insert(network_family(names[other]));
      terms.push_back(networks[other]);
      times.push_back(measured_us[other]);
    }
    if (others.size() >= least) without[name] = Composition::fit(terms, times);
    const auto found = without.find(name);
    us.push_back(found == without.end() ? std::numeric_limits<double>::quiet_NaN()
                                        : found->second.us(networks[index]));
  }
  return us;
}

}  // namespace raceline
