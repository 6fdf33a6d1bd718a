// Known networks, written as ONNX files with seeded weights.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "raceline/tensor/shape.h"

namespace raceline {

class NetBuilder;

struct ZooOptions {
  int64_t batch = 1;
  uint64_t seed = 1;
  /// In [0, 1): this share of the weights of each convolution and dense layer is zero, those of the smallest
  /// magnitude. The others are scaled such that activations keep their size.
  double sparsity = 0;
  /// Whole blocks of weights are zero (graph/density.h), those of the smallest norm. Where outputs don't fill
  /// blocks a few elements more or fewer are zero than `sparsity` says.
  bool sparse_blocks = false;
};

/// A row of the zoo.
struct ZooNet {
  std::string_view name;   ///< "squeezenet"; its network never changes
  std::string_view what;   ///< the network and which of its forms
  std::string_view paper;  ///< "Iandola 2016, arXiv:1602.07360"
  Shape input;             ///< of batch 1
  void (*build)(NetBuilder& net);
};

std::span<const ZooNet> zoo();

/// Parameters as publications count them (all that is trained, so without batch-norm's running mean and
/// variance), and floating-point operations of one image in convolutions and fully-connected layers, a
/// multiply-add counted as two.
struct ZooSize {
  double parameters = 0, flops = 0;
};
ZooSize zoo_size(const ZooNet& net);

/// Writes a network, holding one weight tensor at a time. Weights are He-initialised from the seed,
/// batch-norm has non-trivial statistics, and activations keep a natural size: fit for timing and for
/// comparing outputs, not for classifying anything. Feed it elements of mean 0 and variance 1. The same name
/// and options give the same bytes. Throws UnsupportedError naming the nearest names, IoError.
void write_zoo(std::string_view name, const std::filesystem::path& path, const ZooOptions& options = {});

}  // namespace raceline
