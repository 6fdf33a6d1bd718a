// Networks whose time is asked for: files or folders of them, at several batches.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/workbench.h"
#include "raceline/predict/network.h"

namespace raceline::cli {

/// Which networks, and in which sizes.
struct NetworkOptions {
  std::vector<std::filesystem::path> paths;
  std::vector<int64_t> batch;
  std::vector<std::string> shapes;

  void add_to(CLI::App& app);
};

struct AskedNetwork {
  std::string name;
  int64_t batch = 1;  ///< of its first input
  std::vector<NetworkLayer> layers;
  std::string error;  ///< not empty: it can't be read, and why; the name is its path
};

/// The network of a file at a batch (0: not given), with shapes as --shape has them. The layers are those of
/// the model with batch-norm folded into the layer before it, and not fused otherwise. Throws Error for a
/// batch that the network cannot have.
AskedNetwork asked_network(const std::filesystem::path& file, const std::vector<std::string>& shapes,
                           int64_t batch, const Workbench& bench);

/// Every network at every batch, in order; of a folder all .onnx files below it, sorted. Where several are
/// asked for, one that can't be read is among them with its error, which is said on stderr too. Throws Error
/// for a folder without networks.
std::vector<AskedNetwork> asked_networks(const NetworkOptions& options, const Workbench& bench);

/// The exit status of a command that was asked for them: wrong_use where one can't be read.
int status_of(const std::vector<AskedNetwork>& networks);

}  // namespace raceline::cli
