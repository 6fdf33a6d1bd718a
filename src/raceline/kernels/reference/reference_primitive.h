// The frame of all reference primitives: a function over row-major operands, then the epilogue in a pass of
// its own. Plain portable C++ on one thread: the papers' Vanilla, and what every other primitive is tested
// against. In f64 it is the exact side of every accuracy.
#pragma once
#include <span>
#include <string>

#include "raceline/primitive/registry.h"

namespace raceline {

/// A primitive that keeps nothing between runs: its kernel holds the layer and calls one function.
class ReferencePrimitive final : public Primitive {
 public:
  /// All that differs from one reference primitive to the next. Layers of f16 or bf16 that `supports` refuses
  /// are computed in f32 (widened_layer.h) where it accepts that.
  struct Functions {
    Support (*supports)(const LayerDesc&);
    /// Computes the layer without its epilogue. Must not throw or allocate.
    Status (*run)(const LayerDesc&, const KernelArgs&);
    /// Null: Sharing::none.
    Sharing (*sharing)(const LayerDesc&) = nullptr;
    /// Null: none is needed.
    size_t (*workspace_bytes)(const LayerDesc&) = nullptr;
  };

  ReferencePrimitive(PrimitiveInfo info, const Functions& functions)
      : Primitive(std::move(info)), functions_(functions) {}

  Support supports(const LayerDesc& layer) const override;
  Sharing sharing(const LayerDesc& layer) const override;
  size_t workspace_bytes(const LayerDesc& layer, int threads) const override;
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override;

 private:
  bool widens(const LayerDesc& layer) const;

  Functions functions_;
};

/// Adds "<op>.reference.<algorithm>.<input>[-<output>]@cpu".
void add_reference(PrimitiveRegistry& registry, OpKind op, std::string algorithm,
                   const ReferencePrimitive::Functions& functions, Layout input = Layout::nchw,
                   Layout output = Layout::nchw);

/// Operands of the op itself, without the residual of the epilogue.
size_t op_operands(const LayerDesc& layer);
/// Whether the op has this operand.
bool has_operand(const LayerDesc& layer, size_t operand);

// Rules for supports(). Each refusal names the type.

/// All operands of the op and its first output are f32, or all f64. (The frame adds f16 and bf16.)
Support only_floats(const LayerDesc& layer);
/// Likewise of one type of numbers, f16 and bf16 left out.
Support only_numbers(const LayerDesc& layer);
/// Any types: for ops that only move elements.
Support any_type(const LayerDesc& layer);

}  // namespace raceline
