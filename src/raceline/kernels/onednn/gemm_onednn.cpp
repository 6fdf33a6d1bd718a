// Fully-connected layers by oneDNN's inner product: batch-reduced GEMM ("brgemm") and plain GEMM, with packed
// weights. "ref:any" is left out on purpose.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout plain[] = {Layout::nchw};

constexpr Implementation rows[] = {
    {"brgemm:avx512_core", "brgemm", "avx512_core", plain},
    {"x64:gemm:jit", "gemm", "", plain},
};

class OnednnInnerProduct final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<GemmParams>();
    if (!layer.inputs[1].constant) return Support::no("B is not constant, so it cannot be packed");
    if (params.alpha != 1) return Support::no("alpha is not 1");
    if (params.trans_a) return Support::no("A is transposed");
    if (!has_operand(layer, 2)) return Support::yes();
    if (params.beta != 1) return Support::no("beta is not 1");
    const Shape& bias = layer.inputs[2].desc.shape;
    const int64_t columns = layer.outputs[0].shape[1];
    if (bias == Shape{columns} || bias == Shape{1, columns}) return Support::yes();
    return Support::no("C is not one row");
  }

  bool fuses() const override { return true; }

  Question question(const LayerDesc& layer) const override {
    using Desc = dnnl::inner_product_forward::desc;
    using Tag = dnnl::memory::format_tag;
    const auto f32 = dnnl::memory::data_type::f32;
    const auto inference = dnnl::prop_kind::forward_inference;
    const int64_t columns = layer.outputs[0].shape[1];
    const dnnl::memory::dims extents = {columns, layer.inputs[0].desc.shape[1]};
    const auto input = plain_desc(dims_of(layer.inputs[0].desc.shape));
    const auto output = plain_desc(dims_of(layer.outputs[0].shape));
    const dnnl::memory::desc weights(extents, f32, layer.as<GemmParams>().trans_b ? Tag::oi : Tag::io);
    const dnnl::memory::desc packed(extents, f32, Tag::any);

    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, input);
    question.add_operand(DNNL_ARG_WEIGHTS, 1, weights);
    question.add_output(output);
    if (has_operand(layer, 2)) {
      const auto bias = plain_desc({columns});
      question.add_operand(DNNL_ARG_BIAS, 2, bias);
      question.offers = offers_of(Desc(inference, input, packed, bias, output));
    } else {
      question.offers = offers_of(Desc(inference, input, packed, output));
    }
    return question;
  }
};

}  // namespace

void register_gemm_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnInnerProduct>(registry, OpKind::gemm, rows);
}

}  // namespace raceline
