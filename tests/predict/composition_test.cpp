// What is promised of calibrated sums.
#include "raceline/predict/composition.h"

#include <cmath>

#include <gtest/gtest.h>

#include "raceline/base/random.h"

namespace raceline {
namespace {

/// A platform whose calls take 2 us each, whose convolutions take less in a network than alone, and which
/// comes to weights that no cache holds.
double true_us(const NetworkTerms& net) {
  return 15 + 2 * net.layers + net.ends_us + 90 * net.weights_mb + 0.8 * net.exe_us.at("conv") +
         1.1 * net.exe_us.at("dense");
}

struct Nets {
  std::vector<std::string> names;
  std::vector<NetworkTerms> terms;
  std::vector<double> measured_us;
};

Nets some_nets(size_t count, double noise = 0, uint64_t seed = 4) {
  Random random(seed);
  Nets nets;
  for (size_t net = 0; net < count; ++net) {
    for (const double batch : {1.0, 4.0, 16.0}) {
      NetworkTerms terms{.layers = 5.0 + static_cast<double>(random.below(60)),
                         .ends_us = 10 * batch,
                         .weights_mb = static_cast<double>(random.below(100)),
                         .tensors_mb = batch * static_cast<double>(random.below(20)),
                         .exe_us = {}};
      terms.exe_us["conv"] = batch * (20 + static_cast<double>(random.below(2000)));
      terms.exe_us["dense"] = 5 + static_cast<double>(random.below(500));
      nets.names.push_back(std::string("net") + static_cast<char>('a' + net));
      nets.measured_us.push_back(true_us(terms) * std::exp(noise * random.normal()));
      nets.terms.push_back(std::move(terms));
    }
  }
  return nets;
}

TEST(Compositions, FindWhatASumLeavesOut) {
  const Nets nets = some_nets(8);
  const Composition found = Composition::fit_families(nets.names, nets.terms, nets.measured_us);
  for (size_t row = 0; row < nets.terms.size(); ++row)
    EXPECT_NEAR(found.us(nets.terms[row]) / nets.measured_us[row], 1, 1e-3);
  EXPECT_NE(found.to_string().find("2 us a layer"), std::string::npos) << found.to_string();
  EXPECT_NE(found.to_string().find("90 us a MB of weights"), std::string::npos) << found.to_string();
  NetworkTerms more = nets.terms[0];
  more.tensors_mb += 1;
  EXPECT_NEAR(found.us(more), found.us(nets.terms[0]), 1e-2) << "tensors cost nothing here";
  EXPECT_NE(found.to_string().find("0.8 conv"), std::string::npos) << found.to_string();
}

TEST(Compositions, StayTheSumWhereTheyAreHeld) {
  const Nets nets = some_nets(8);
  const Composition held = Composition::fit(nets.terms, nets.measured_us, 1e9);
  for (const NetworkTerms& net : nets.terms)
    EXPECT_NEAR(held.us(net), net.ends_us + net.exe_us.at("conv") + net.exe_us.at("dense"), 0.1);
}

TEST(Compositions, OfFewNoisyFamiliesStayNearASumThatIsRight) {
  const auto sum_us = [](const NetworkTerms& net) {
    return net.ends_us + net.exe_us.at("conv") + net.exe_us.at("dense");
  };
  double free_error = 0, chosen_error = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Nets nets = some_nets(4, 0, seed);
    Random random(seed);
    for (size_t row = 0; row < nets.terms.size(); ++row)
      nets.measured_us[row] = sum_us(nets.terms[row]) * std::exp(0.1 * random.normal());
    const Composition free = Composition::fit(nets.terms, nets.measured_us, 0);
    const Composition chosen = Composition::fit_families(nets.names, nets.terms, nets.measured_us);
    for (const NetworkTerms& other : some_nets(8, 0, seed + 100).terms) {
      free_error += std::abs(std::log(free.us(other) / sum_us(other)));
      chosen_error += std::abs(std::log(chosen.us(other) / sum_us(other)));
    }
  }
  EXPECT_LT(chosen_error, 0.7 * free_error);
}

TEST(Compositions, OfOneFamilyStayTheSum) {
  const Nets nets = some_nets(1);
  const Composition found = Composition::fit_families(nets.names, nets.terms, nets.measured_us);
  for (const NetworkTerms& net : nets.terms) {
    const double sum = net.ends_us + net.exe_us.at("conv") + net.exe_us.at("dense");
    EXPECT_NEAR(found.us(net) / sum, 1, 1e-3);
  }
}

TEST(Compositions, OfANetworkKnowNothingOfIt) {
  Nets nets = some_nets(6);
  const std::vector<double> before = leave_one_out(nets.names, nets.terms, nets.measured_us);
  // Whatever the first network takes, it is predicted the same.
  for (size_t row = 0; row < 3; ++row) nets.measured_us[row] *= 50;
  const std::vector<double> after = leave_one_out(nets.names, nets.terms, nets.measured_us);
  for (size_t row = 0; row < 3; ++row) EXPECT_EQ(before[row], after[row]);
  EXPECT_NE(before[4], after[4]);
}

TEST(Compositions, OfANetworkKnowNothingOfItsFamily) {
  Nets nets = some_nets(6);
  for (size_t row = 3; row < 6; ++row) nets.names[row] = nets.names[0] + "19_large";
  const std::vector<double> before = leave_one_out(nets.names, nets.terms, nets.measured_us);
  for (size_t row = 3; row < 6; ++row) nets.measured_us[row] *= 50;
  const std::vector<double> after = leave_one_out(nets.names, nets.terms, nets.measured_us);
  for (size_t row = 0; row < 6; ++row) EXPECT_EQ(before[row], after[row]);
  const auto without_itself = [&] {
    return leave_one_out(nets.names, nets.terms, nets.measured_us, LeaveOut::network);
  };
  const std::vector<double> by_all_others = without_itself();
  for (size_t row = 3; row < 6; ++row) nets.measured_us[row] /= 50;
  const std::vector<double> by_others_again = without_itself();
  EXPECT_NE(by_all_others[0], by_others_again[0]) << "its family is there if only it is left out";
  EXPECT_EQ(by_all_others[4], by_others_again[4]);
  EXPECT_EQ(network_family("vgg16"), network_family("vgg19"));
  EXPECT_NE(network_family("mobilenet_v1"), network_family("mobilefacenet"));
}

TEST(Compositions, WithoutOtherNetworksAreNotKnown) {
  const Nets nets = some_nets(2);
  for (const double us : leave_one_out(nets.names, nets.terms, nets.measured_us)) EXPECT_TRUE(std::isnan(us));
}

TEST(Compositions, KeepTheTimeOfTypesThatNoNetworkHad) {
  const Nets nets = some_nets(8);
  const Composition found = Composition::fit(nets.terms, nets.measured_us, 0);
  NetworkTerms net = nets.terms[0];
  const double before = found.us(net);
  net.exe_us["softmax"] = 7;
  EXPECT_DOUBLE_EQ(found.us(net), before + 7);
}

}  // namespace
}  // namespace raceline
