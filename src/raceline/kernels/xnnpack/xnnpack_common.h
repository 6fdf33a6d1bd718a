// What the primitives of XNNPACK share. The library is called without a thread pool, on parts of a layer that
// our own threads take; each part has an operator of its own, since setting an operator's pointers changes
// it. Packing is the library's own and lives in the operators. Private to this folder.
//
// XNNPACK may read up to XNN_EXTRA_BYTES beyond the end of an input: where the channels are no multiple of
// four, some kernels load four at a time. Nobody promises memory there, so every primitive either reads
// multiples of four only, or has the library read the end of the input from a copy in its workspace.
#pragma once
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <xnnpack.h>

#include "raceline/kernels/common/checks.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/primitive/registry.h"

namespace raceline::xnnpack {

/// Channels that the library reads at a time at most, without knowing where a tensor ends.
inline constexpr int64_t vector = XNN_EXTRA_BYTES / sizeof(float);
/// Floats behind a copy that the library may read.
inline constexpr int64_t slack = 16;
static_assert(vector == 4 && slack >= vector);

struct DeleteOperator {
  void operator()(xnn_operator* op) const;
};
using Operator = std::unique_ptr<xnn_operator, DeleteOperator>;

/// Throws UnsupportedError, or IoError when memory was short.
[[noreturn]] void refuse(xnn_status status);

/// An operator made by one of the library's xnn_create_ functions, to which all but the last argument are
/// given. Throws UnsupportedError when the library refuses, IoError when memory is short.
template <class Create, class... Args>
Operator make_operator(Create create, Args... args) {
  xnn_operator_t made = nullptr;
  if (const xnn_status status = create(args..., &made); status != xnn_status_success) refuse(status);
  return Operator(made);
}

PrimitiveInfo make_info(OpKind op, std::string algorithm, Layout layout);

/// Whether the library works on this machine; it says so among the missing ones if not. Every registering
/// function asks first.
bool is_ready(PrimitiveRegistry& registry);

/// Limits of every op: f32, nothing empty, one output, and layouts that exist.
Support check_tensors(const LayerDesc& layer, Layout layout);
/// Whether values fit the library's 32 bits.
Support check_parameters(std::initializer_list<std::span<const int64_t>> values);

/// Operands of the op itself: without the residual.
size_t own_operands(const LayerDesc& layer);
/// Whether operand `index` is the op's own and given.
bool has_operand(const LayerDesc& layer, size_t index);

/// The first step of an epilogue as the bounds that the library's kernels have, and what is left to do.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  LayerDesc rest;  ///< the layer without the step that the bounds do

  static Clamp of(const LayerDesc& layer);
};

/// Calls body(part) for [0, count) on up to `threads` threads; each call returns the library's answer.
template <class Body>
Status run_parts(int threads, int64_t count, const Body& body) {
  std::atomic<bool> refused{false};
  parallel_slices(threads, count, 1, 1, [&](Slice slice, int) {
    for (int64_t part = slice.first; part < slice.last; ++part) {
      if (body(part) != xnn_status_success) refused.store(true, std::memory_order_relaxed);
    }
  });
  return refused.load() ? Status::failed("XNNPACK refuses to run") : Status::ok();
}

/// Runs an operator whose setup was answered with `status`.
inline xnn_status run_after(xnn_status status, const Operator& op) {
  return status == xnn_status_success ? xnn_run_operator(op.get(), nullptr) : status;
}

}  // namespace raceline::xnnpack
