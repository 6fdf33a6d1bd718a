#include "raceline/graph/rough_machine.h"

#include <algorithm>

namespace raceline {

double RoughMachine::expected_us(const LayerDesc& layer) const {
  return overhead_us + std::max(layer.flops() / flops_per_us, layer.bytes_moved() / bytes_per_us);
}

bool RoughMachine::is_compute_bound(const LayerDesc& layer) const {
  return layer.flops() / flops_per_us > layer.bytes_moved() / bytes_per_us;
}

}  // namespace raceline
