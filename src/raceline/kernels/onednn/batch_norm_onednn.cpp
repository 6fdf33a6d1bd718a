// Batch normalisation of oneDNN with given statistics: generated code and its plain loops. "bnorm_ref:any" is
// left out on purpose.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout plain[] = {Layout::nchw};
constexpr Layout last[] = {Layout::nhwc};
constexpr Layout by8[] = {Layout::nchw8c};
constexpr Layout last_or_8[] = {Layout::nhwc, Layout::nchw8c};
constexpr Layout last_or_16[] = {Layout::nhwc, Layout::nchw16c};

constexpr Implementation rows[] = {
    {"bnorm_jit:avx512_core", "jit", "avx512_core", last_or_16},
    {"bnorm_jit:avx2", "jit", "avx2", by8},
    {"bnorm_jit:sse41", "jit", "sse41", by8},
    {"bnorm_tbb_jit:avx512_core", "tbb_jit", "avx512_core", last_or_16},
    {"bnorm_tbb_jit:avx2", "tbb_jit", "avx2", last_or_8},
    {"bnorm_tbb_jit:sse41", "tbb_jit", "sse41", last_or_8},
    {"ncsp_bnorm:any", "ncsp", "", plain},
    {"nspc_bnorm:any", "nspc", "", last},
};

class OnednnBatchNorm final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  Sharing sharing(const LayerDesc& layer) const override {
    return layer.has_residual() ? Sharing::none : Sharing::in_place;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    const int rank = layer.inputs[0].desc.shape.rank();
    return rank >= 2 && rank <= 5 ? Support::yes() : Support::no("only 2 to 5 dimensions are done");
  }

  Question question(const LayerDesc& layer) const override {
    using Flags = dnnl::normalization_flags;
    const auto tensor = memory_desc(layer.inputs[0].desc.shape, info().input);
    const auto vector = plain_desc({layer.inputs[0].desc.shape[1]});
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, tensor);
    question.add_operand(DNNL_ARG_SCALE, 1, vector);
    question.add_operand(DNNL_ARG_SHIFT, 2, vector);
    question.add_operand(DNNL_ARG_MEAN, 3, vector);
    question.add_operand(DNNL_ARG_VARIANCE, 4, vector);
    question.add_output(tensor);
    question.offers = offers_of(dnnl::batch_normalization_forward::desc(
        dnnl::prop_kind::forward_inference, tensor, layer.as<BatchNormParams>().epsilon,
        Flags::use_global_stats | Flags::use_scale | Flags::use_shift));
    return question;
  }
};

}  // namespace

void register_batch_norm_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnBatchNorm>(registry, OpKind::batch_norm, rows);
}

}  // namespace raceline
