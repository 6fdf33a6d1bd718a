// Layers of 16-bit floats by way of 32-bit ones: operands are widened, the layer with its epilogue is
// computed in f32, and each output is rounded once when it is stored. So no reference primitive needs
// arithmetic for f16 and bf16, and sums are not rounded on the way. For a single sum, product, quotient or
// square root the result is the correctly rounded one: f32 has more than twice their digits.
#pragma once
#include <memory>

#include "raceline/primitive/primitive.h"

namespace raceline {

/// More than any op has that computes; what only moves elements is not widened.
inline constexpr size_t most_widened_operands = 16;

/// Whether an operand or output is f16 or bf16.
bool has_halves(const LayerDesc& layer);
/// The layer, of at most most_widened_operands operands, with f32 in place of f16 and bf16.
LayerDesc widened(const LayerDesc& layer);
/// Room for the operands that are not constant, and for the outputs, in f32.
size_t widened_bytes(const LayerDesc& layer);
/// A kernel for `layer` around one for widened(layer), whose workspace follows those widened_bytes(). It
/// holds the constants of 16 bits in f32.
std::unique_ptr<const Kernel> make_widened_kernel(const LayerDesc& layer, const PrepareArgs& args,
                                                  std::unique_ptr<const Kernel> wide);

}  // namespace raceline
