// The base of every primitive of oneDNN: a layer becomes a question to the library, the library offers
// implementations one after another, and the primitive takes the one it is named for.
#pragma once
#include <functional>

#include "raceline/kernels/onednn/onednn_common.h"
#include "raceline/primitive/registry.h"

namespace raceline::onednn {

/// Is told of each implementation in the library's order; says whether to stop.
using Take = std::function<bool(const dnnl::primitive_desc_base&)>;
/// Asks the library for its implementations under the given attributes.
using Offers = std::function<void(const dnnl::primitive_attr&, const dnnl::engine&, const Take&)>;

/// A tensor that the library is given when it runs.
struct Argument {
  enum class Source : uint8_t { operand, output } source = Source::operand;
  int id = 0;                ///< DNNL_ARG_...
  size_t index = 0;          ///< of the operand or output
  dnnl::memory::desc given;  ///< how it comes to run(), or to prepare() if it is a constant
};

/// A layer in the library's terms.
struct Question {
  Offers offers;
  std::vector<Argument> arguments;

  void add_operand(int id, size_t index, const dnnl::memory::desc& given) {
    arguments.push_back({Argument::Source::operand, id, index, given});
  }
  void add_output(const dnnl::memory::desc& given) {
    arguments.push_back({Argument::Source::output, DNNL_ARG_DST, 0, given});
  }
  const dnnl::memory::desc& output() const;
};

/// The implementations that the library iterates over for an op descriptor.
template <class OpDesc>
Offers offers_of(OpDesc desc) {
  return [desc](const dnnl::primitive_attr& attr, const dnnl::engine& engine, const Take& take) {
    dnnl::primitive_desc offer(&desc.data, &attr, engine, nullptr, true);
    if (!offer) return;
    do {
      if (take(offer)) return;
    } while (offer.next_impl());
  };
}

/// How the residual of a fused epilogue gets into the library.
enum class ResidualMode : uint8_t {
  none,    ///< there is none, or it is added afterwards
  binary,  ///< as second operand of a binary post-op
  sum,     ///< copied into the output before, by the sum post-op
};

/// The implementation taken, and how much of the epilogue it does itself.
struct Recipe {
  dnnl::primitive_desc_base desc;
  size_t fused = 0;  ///< steps of the epilogue; the shared epilogue does the rest
  ResidualMode residual = ResidualMode::none;
  int residual_id = 0;  ///< argument of the binary post-op
};

class OnednnPrimitive : public Primitive {
 public:
  /// `offered`: the library's name of the implementation; one that ends in '*' stands for all that begin so.
  OnednnPrimitive(PrimitiveInfo info, std::string_view offered)
      : Primitive(std::move(info)), offered_(offered) {}

  /// Asks for one thread: more threads are offered at least as much.
  Support supports(const LayerDesc& layer) const final;
  /// info().input for every operand but the residual, which lies as the output does.
  LayerLayouts layouts(const LayerDesc& layer) const override;
  size_t workspace_bytes(const LayerDesc& layer, int threads) const final;
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const final;

  /// The library's name of the implementation that this primitive takes.
  const std::string& offered() const { return offered_; }
  /// Whether this is the implementation that the primitive takes.
  bool takes(std::string_view name) const;
  /// Names of all that the library offers for the layer in this primitive's layouts, the epilogue aside.
  std::vector<std::string> all_offered(const LayerDesc& layer) const;

 protected:
  /// What can be refused without asking the library. The tensors' types and layouts have been checked.
  virtual Support check(const LayerDesc& layer) const = 0;
  /// The layer in the library's terms; check() has passed. May throw dnnl::error.
  virtual Question question(const LayerDesc& layer) const = 0;

  /// layouts() for ops that broadcast: operands of fewer than four dimensions exist in nchw only.
  LayerLayouts layouts_where_they_exist(const LayerDesc& layer) const;
  /// An operand that is broadcast to the output: as run() or, for a constant, prepare() gets it, or `packed`,
  /// as the library does, with constants in the primitive's layout.
  dnnl::memory::desc operand_desc(const LayerDesc& layer, size_t index, bool packed) const;

  /// Whether the library is asked to do the epilogue. Outside of matrix layers fusing saves little, and
  /// oneDNN 2.6 crashes on some of what it accepts (pooling of 1 or 3 channels in nhwc for SSE4.1).
  virtual bool fuses() const { return false; }
  /// Whether the implementation is right when it offers to add the residual in this mode.
  virtual bool adds_rightly(const LayerDesc& /*layer*/, ResidualMode /*mode*/) const { return true; }

 private:
  std::optional<Recipe> find(const LayerDesc& layer, const Question& question,
                             const dnnl::engine& engine) const;
  /// The recipe with the first `steps` steps of the epilogue done by the library.
  std::optional<Recipe> find_fused(const LayerDesc& layer, const Question& question,
                                   const dnnl::engine& engine, size_t steps, ResidualMode mode) const;
  std::string offered_;
};

/// A kernel of the recipe. Throws dnnl::error or IoError.
std::unique_ptr<const Kernel> make_kernel(const LayerDesc& layer, const Question& question,
                                          const Recipe& recipe, const dnnl::engine& engine,
                                          const PrepareArgs& args, Layout output);

/// Says that no primitive stands for an implementation on this machine.
void add_missing_row(PrimitiveRegistry& registry, OpKind op, const Implementation& row, std::string why);
/// Whether the machine has the row's instruction set; adds it to the missing ones otherwise.
bool admit_row(PrimitiveRegistry& registry, OpKind op, const Implementation& row);

/// Adds a primitive for each row that the machine can run and each of its layouts.
template <class Concrete>
void add_rows(PrimitiveRegistry& registry, OpKind op, std::span<const Implementation> rows) {
  for (const Implementation& row : rows) {
    if (!admit_row(registry, op, row)) continue;
    for (const Layout layout : row.layouts) {
      registry.add(std::make_unique<Concrete>(make_info(op, row, layout, layout), row.offered));
    }
  }
}

}  // namespace raceline::onednn
