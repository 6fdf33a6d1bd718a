// A primitive: one way to compute one kind of layer. Immutable; all state is in the kernels it prepares.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/base/status.h"
#include "raceline/device/device.h"
#include "raceline/graph/layer_desc.h"
#include "raceline/primitive/packed.h"
#include "raceline/tensor/tensor.h"

namespace raceline {

/// Yes, or no and why.
class [[nodiscard]] Support {
 public:
  static Support yes() { return Support(""); }
  static Support no(std::string why) { return Support(std::move(why)); }
  explicit operator bool() const { return why_.empty(); }
  const std::string& why() const { return why_; }

 private:
  explicit Support(std::string why) : why_(std::move(why)) {}
  std::string why_;
};

/// What can be said of a primitive before it meets a layer: the coordinates of QS-DNN's Table I, and layouts.
struct PrimitiveInfo {
  OpKind op = OpKind::identity;
  std::string library;         ///< "reference", "openblas", "onednn", "native", ...
  std::string algorithm;       ///< "direct", "gemm", "wino_4x3", ...
  std::string implementation;  ///< lowering or variant: "im2col", "avx512_core"; may be empty
  std::string blas;            ///< the BLAS that does the work; empty if none
  DeviceId processor;
  Layout input = Layout::nchw;
  Layout output = Layout::nchw;
  std::string library_version;  ///< of a library that is not ours; empty for our own kernels

  /// "<op>.<library>.<algorithm>[.<implementation>].<input>[-<output>]@<processor>", such as
  /// "conv2d.openblas.gemm.im2col.nchw@cpu". A name never changes its meaning.
  std::string name() const;
};

/// Layouts in which a primitive wants the operands of a layer and gives its outputs. Entries of constant and
/// absent operands mean nothing: constants come to prepare() in nchw.
struct LayerLayouts {
  std::vector<Layout> inputs;
  std::vector<Layout> outputs;
};

/// How the first output may lie in memory.
enum class Sharing : uint8_t {
  none,      ///< apart from every operand
  in_place,  ///< over operand 0, when nobody else needs that any more
  view,      ///< it is operand 0's memory, and nothing is computed
  gathered,  ///< its memory is that of the operands, one after the other; run() copies those that lie
             ///< elsewhere
};

/// What a kernel runs on. Views are in the layouts that layouts() named; constant operands that the kernel
/// packed have an empty view.
struct KernelArgs {
  std::span<const TensorView> inputs;
  std::span<const TensorView> outputs;
  Memory workspace;  ///< workspace_bytes() of the primitive, aligned to 64 bytes, contents unspecified
  Queue& queue;
};

/// A primitive made ready for one layer: weights packed, code generated. run() may be called again and again,
/// by one thread at a time; it never throws, allocates or logs.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Status run(const KernelArgs& args) const noexcept = 0;
  /// Whether run() still reads this constant operand through args.inputs. A kernel that packed a copy says
  /// false, and the original may be freed.
  virtual bool reads_constant(size_t /*operand*/) const { return true; }
  /// Bytes that the kernel holds (packed weights).
  virtual size_t packed_bytes() const { return 0; }
};

/// What prepare() is given beside the layer.
struct PrepareArgs {
  std::span<const TensorView> constants;  ///< one view an operand, nchw; empty where not constant
  Device& device;
  int threads = 1;
  PackedStore* store = nullptr;  ///< keeps packed constants between sessions; may be absent
  PackedKey key = {};            ///< of what this kernel packs, as far as it is known before

  /// `bytes` bytes that `fill` makes of a constant operand, or that the store has kept since they were made
  /// of equal data. `fill` gets memory aligned to 64 bytes. A kernel packs an operand once. Throws IoError
  /// when memory is short, and what `fill` throws.
  PackedBytes pack(size_t operand, size_t bytes, const std::function<void(Memory)>& fill) const;
};

class Primitive {
 public:
  explicit Primitive(PrimitiveInfo info) : info_(std::move(info)), name_(info_.name()) {}
  virtual ~Primitive() = default;
  Primitive(const Primitive&) = delete;
  Primitive& operator=(const Primitive&) = delete;

  const PrimitiveInfo& info() const { return info_; }
  const std::string& name() const { return name_; }
  /// A hash of the kernel's sources, and the library's version before it where there is one: costs of one
  /// revision say nothing of another. Set by the registry.
  const std::string& revision() const { return revision_; }

  /// Can it compute this layer? Never whether it should. The layer's op is the primitive's.
  virtual Support supports(const LayerDesc& layer) const = 0;
  /// By default info().input for each operand and info().output for each output.
  virtual LayerLayouts layouts(const LayerDesc& layer) const;
  virtual Sharing sharing(const LayerDesc& /*layer*/) const { return Sharing::none; }
  /// Scratch memory that run() needs. May prepare a descriptor, so not free of charge.
  virtual size_t workspace_bytes(const LayerDesc& /*layer*/, int /*threads*/) const { return 0; }
  /// Largest error allowed against an fp64 reference, as a share of the largest output, for algorithms that
  /// trade accuracy (Winograd, FFT); absent: the common bound c * sqrt(additions) * 2^-24.
  virtual std::optional<double> error_bound(const LayerDesc& /*layer*/) const { return std::nullopt; }
  /// Makes a kernel; packs constants. The layer must be supported. Throws UnsupportedError when the library
  /// refuses after all, IoError when memory is short.
  virtual std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const = 0;

 private:
  friend class PrimitiveRegistry;
  PrimitiveInfo info_;
  std::string name_;
  std::string revision_;
};

}  // namespace raceline
