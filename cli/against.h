// raceline bench --against: the same model by other runtimes or by other plans, in turn with ours.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "cli/devices.h"
#include "cli/workbench.h"

namespace raceline::cli {

struct AgainstOptions {
  std::vector<std::string>
      peers;  ///< names of platforms/*_worker.py, commands, or other plans of the model (.plan)
  std::filesystem::path python;  ///< interpreter of the peers; empty: of tools/install-peers
  std::filesystem::path plan;
  DeviceOptions devices;  ///< of ours, by whichever plan
  int threads = 0;        ///< 0: the plan's, or the physical cores
  int rounds = 30;
  double seconds = 60;
  bool json = false;
};

/// Every side runs in a worker process of its own on the same cores, and is stopped while another one is
/// timed; a round times each in random order; outputs are compared before. Prints the table or JSON; the exit
/// status is 1 when outputs differ or a peer could not run. Throws Error for a peer that isn't known.
int bench_against(const ModelOptions& model, const AgainstOptions& options);

}  // namespace raceline::cli
