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
};

/// A row of the zoo.
struct ZooNet {
  std::string_view name;  ///< "squeezenet"
  std::string_view what;  ///< network, paper, particulars
  Shape input;            ///< of batch 1
  void (*build)(NetBuilder& net);
};

std::span<const ZooNet> zoo();

/// Parameters (elements of weights, biases and batch-norm statistics), and floating-point operations of one
/// image in convolutions and fully-connected layers, a multiply-add counted as two.
struct ZooSize {
  double parameters = 0, flops = 0;
};
ZooSize zoo_size(const ZooNet& net);

/// Writes a network. Weights are He-initialised from the seed, batch-norm has non-trivial statistics that
/// keep activations of natural size: fit for timing and for comparing outputs, not for classifying anything.
/// The same name and options give the same bytes. Throws UnsupportedError naming the nearest names, IoError.
void write_zoo(std::string_view name, const std::filesystem::path& path, const ZooOptions& options = {});

}  // namespace raceline
