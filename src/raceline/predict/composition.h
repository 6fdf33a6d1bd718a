// A network's time from its layers', calibrated on networks that were measured whole: what a plain sum leaves
// out, in a handful of numbers that can be read.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/predict/archive.h"

namespace raceline {

/// What the sum is made of.
struct NetworkTerms {
  double layers = 0;                     ///< how many: each is a call, a launch
  double ends_us = 0;                    ///< pre and post
  double weights_mb = 0;                 ///< megabytes of constants: layers alone find them in a cache
  double tensors_mb = 0;                 ///< that layers read and write, likewise
  std::map<std::string, double> exe_us;  ///< by layer type
};

/// T = start + call * layers + ends * T_ends + weights * MB + tensors * MB + sum over types of factor(type) *
/// T(type), none below 0. With all but ends and the factors 0, and these 1, it is the papers' sum. The
/// megabytes are there because layers are measured warm, again and again on the same memory, while a network
/// comes to each layer once in a run.
class Composition {
 public:
  /// The one whose relative errors on these networks are least. A type that none of them has keeps the
  /// factor 1. All measured times are positive, and there is one at least. hold: how much all numbers are
  /// held near the papers' sum (Anchor).
  static Composition fit(std::span<const NetworkTerms> networks, std::span<const double> measured_us,
                         double hold);
  /// With the hold that is best for families that are left out: what few families cannot tell stays what the
  /// papers' sum has.
  static Composition fit_families(std::span<const std::string> names, std::span<const NetworkTerms> networks,
                                  std::span<const double> measured_us);

  double us(const NetworkTerms& network) const;
  /// "3.1 us + 0.42 us a layer + 1.02 ends + 95 us a MB of weights + 12 us a MB of tensors + 0.93 conv".
  std::string to_string() const;
  /// Refuses numbers below 0 and types that stand twice.
  void visit(Archive& archive);

 private:
  double start_us_ = 0, call_us_ = 0, ends_ = 1, weights_mb_us_ = 0, tensors_mb_us_ = 0;
  std::map<std::string, double> factors_;
};

/// "vgg" of vgg16 and vgg19, "lenet" of lenet5_caffe: networks that share most of their layers.
std::string_view network_family(std::string_view name);

/// What a network's own calibration lacks: networks of its name (at any batch), or its whole family.
enum class LeaveOut : uint8_t { network, family };

/// Each network's time by what was calibrated on all others: nothing of a network is in its own calibration.
/// NaN where fewer than `least` other networks, or families, are left.
std::vector<double> leave_one_out(std::span<const std::string> names, std::span<const NetworkTerms> networks,
                                  std::span<const double> measured_us, LeaveOut what = LeaveOut::family,
                                  size_t least = 2);

}  // namespace raceline
