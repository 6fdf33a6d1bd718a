// Elementwise functions of oneDNN, by generated code. They may run in place. exp of NaN gives infinity.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Implementation rows[] = {
    {"jit:avx512_core", "jit", "avx512_core", all_layouts},
    {"jit:avx2", "jit", "avx2", all_layouts},
    {"jit:avx", "jit", "avx", all_layouts},
    {"jit:sse41", "jit", "sse41", all_layouts},
};

class OnednnUnary final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  Sharing sharing(const LayerDesc& layer) const override {
    return layer.has_residual() ? Sharing::none : Sharing::in_place;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    if (eltwise_of(layer.as<UnaryParams>())) return Support::yes();
    return Support::no("oneDNN has no such function, or no exact one");
  }

  Question question(const LayerDesc& layer) const override {
    const Eltwise function = *eltwise_of(layer.as<UnaryParams>());
    const Shape& shape = layer.inputs[0].desc.shape;
    // Without padding the order of the elements is all the same.
    const auto tensor =
        block_of(info().input) == 1 ? plain_desc({shape.elements()}) : memory_desc(shape, info().input);
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, tensor);
    question.add_output(tensor);
    question.offers = offers_of(dnnl::eltwise_forward::desc(
        dnnl::prop_kind::forward_inference, function.algorithm, tensor, function.alpha, function.beta));
    return question;
  }
};

}  // namespace

void register_unary_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnUnary>(registry, OpKind::unary, rows);
}

}  // namespace raceline
