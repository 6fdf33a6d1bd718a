// Operands to try a layer on: random, seeded, of the range that networks have.
#pragma once
#include <cstdint>
#include <vector>

#include "raceline/graph/layer_desc.h"

namespace raceline {

/// One nchw tensor an operand, empty where the operand is absent: activations of mean 0 and variance 1,
/// weights He-scaled so that outputs stay of that size, variances and operands of log, sqrt and division away
/// from 0, indices in range, integers small; constants as sparse as their density classes say. The same layer
/// and seed give the same bytes on every machine.
std::vector<Tensor> random_operands(const LayerDesc& layer, uint64_t seed);

}  // namespace raceline
