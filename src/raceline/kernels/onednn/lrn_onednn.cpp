// Local response normalisation of oneDNN across channels, by generated code. For an even size the library's
// window is one element shorter than ONNX's, so only odd sizes are done. "lrn_ref:any" is left out on
// purpose.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout last_or_16[] = {Layout::nhwc, Layout::nchw16c};
constexpr Layout all_but_16[] = {Layout::nchw, Layout::nhwc, Layout::nchw8c};

constexpr Implementation rows[] = {
    {"lrn_jit:avx512_core", "jit", "avx512_core", last_or_16},
    {"jit:avx2", "jit", "avx2", all_but_16},
    {"jit:sse41", "jit", "sse41", all_but_16},
};

class OnednnLrn final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<LrnParams>();
    if (layer.inputs[0].desc.shape.rank() != 4) return Support::no("only 4 dimensions are done");
    if (params.size % 2 == 0) return Support::no("the library's window differs when the size is even");
    return check_parameters({{&params.size, 1}});
  }

  Question question(const LayerDesc& layer) const override {
    const auto& params = layer.as<LrnParams>();
    const auto tensor = memory_desc(layer.inputs[0].desc.shape, info().input);
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, tensor);
    question.add_output(tensor);
    question.offers = offers_of(dnnl::lrn_forward::desc(dnnl::prop_kind::forward_inference,
                                                        dnnl::algorithm::lrn_across_channels, tensor,
                                                        params.size, params.alpha, params.beta, params.bias));
    return question;
  }
};

}  // namespace

void register_lrn_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnLrn>(registry, OpKind::lrn, rows);
}

}  // namespace raceline
