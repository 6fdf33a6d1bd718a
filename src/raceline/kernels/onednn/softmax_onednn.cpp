// Softmax and its logarithm by oneDNN's generated code, which wants the axis innermost in memory: the last
// axes of a plain tensor, or the channels of nhwc and of a blocked layout.
#include <fmt/format.h>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout unblocked_or_8[] = {Layout::nchw, Layout::nhwc, Layout::nchw8c};
constexpr Layout unblocked_or_16[] = {Layout::nchw, Layout::nhwc, Layout::nchw16c};
constexpr Layout unblocked[] = {Layout::nchw, Layout::nhwc};

constexpr Implementation rows[] = {
    {"jit:avx512_core", "jit", "avx512_core", unblocked_or_16},
    {"jit:avx2", "jit", "avx2", unblocked_or_8},
    {"jit:sse41", "jit", "sse41", unblocked},
};

/// The library's logarithm is off by up to 1.5e-6 near 1: of the logarithm of softmax, too.
constexpr double log_bound = 1e-5;

class OnednnSoftmax final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  Sharing sharing(const LayerDesc& layer) const override {
    return layer.has_residual() ? Sharing::none : Sharing::in_place;
  }

  std::optional<double> error_bound(const LayerDesc& layer) const override {
    if (!layer.as<SoftmaxParams>().log) return std::nullopt;
    return log_bound;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<SoftmaxParams>();
    const Shape& shape = layer.inputs[0].desc.shape;
    if (info().input == Layout::nchw) {
      if (shape.elements(static_cast<int>(params.end_axis), shape.rank()) == 1) return Support::yes();
      return Support::no("the axes are not the innermost ones of nchw");
    }
    if (params.first_axis == 1 && params.end_axis == 2) return Support::yes();
    return Support::no(fmt::format("in {} only over the channels", to_string(info().input)));
  }

  Question question(const LayerDesc& layer) const override {
    const auto& params = layer.as<SoftmaxParams>();
    const Shape& shape = layer.inputs[0].desc.shape;
    const int first = static_cast<int>(params.first_axis);
    dnnl::memory::desc tensor;
    if (info().input == Layout::nchw) {
      tensor = plain_desc({shape.elements(0, first), shape.elements(first, shape.rank())});
    } else if (info().input == Layout::nhwc) {
      tensor = plain_desc({shape[0] * shape[2] * shape[3], shape[1]});
    } else {
      tensor = memory_desc(shape, info().input);
    }
    const auto algorithm = params.log ? dnnl::algorithm::softmax_log : dnnl::algorithm::softmax_accurate;
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, tensor);
    question.add_output(tensor);
    question.offers = offers_of(
        dnnl::softmax_v2_forward::desc(dnnl::prop_kind::forward_inference, algorithm, tensor, tensor, 1));
    return question;
  }
};

}  // namespace

void register_softmax_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnSoftmax>(registry, OpKind::softmax, rows);
}

}  // namespace raceline
