// How calm a store's samples were, by all that it knows of their machines.
#pragma once
#include <map>
#include <string>
#include <tuple>

#include "raceline/dataset/calm.h"
#include "raceline/profile/sample_store.h"

namespace raceline {

/// Reads a store's times of the sentinel when they are asked for, once of each machine.
class CalmHistory {
 public:
  /// drift: as of Calm. The store is read later, and has to live as long.
  explicit CalmHistory(const SampleStore& store, double drift = calm_drift);

  /// What the store knows of a machine by this sentinel on so many cores.
  const Calm& of(const std::string& device, const std::string& sentinel, int threads);
  /// Judges a sample of the machine by what is known today: the first ones were judged by little. One that no
  /// sentinel watched stays as it is.
  void judge(PlatformSample& sample, const std::string& device);

 private:
  const SampleStore& store_;
  double drift_;
  std::map<std::tuple<std::string, std::string, int>, Calm> known_;
};

}  // namespace raceline
