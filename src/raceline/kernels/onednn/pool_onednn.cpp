// Pooling of oneDNN: generated kernels, and its plain loops for nchw and nhwc ("simple"). "ref:any" is left
// out on purpose (far slower than those loops); only it can dilate.
#include <algorithm>
#include <vector>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout plain[] = {Layout::nchw};
constexpr Layout last[] = {Layout::nhwc};
constexpr Layout last_or_8[] = {Layout::nhwc, Layout::nchw8c};
constexpr Layout all_but_8[] = {Layout::nchw, Layout::nhwc, Layout::nchw16c};

constexpr Implementation rows[] = {
    {"jit:avx512_core", "jit", "avx512_core", all_but_8},
    {"jit:avx2", "jit", "avx2", last_or_8},
    {"jit:avx", "jit", "avx", last_or_8},
    {"jit:sse41", "jit", "sse41", last_or_8},
    {"simple_nchw:any", "simple", "", plain},
    {"simple_nhwc:any", "simple", "", last},
};

/// The library has no ceil mode: it wants end padding that makes its own rule, rounding down, give the
/// output.
std::vector<int64_t> end_padding(const LayerDesc& layer) {
  const auto& params = layer.as<PoolParams>();
  std::vector<int64_t> pads = params.pads_end;
  if (!params.ceil_mode) return pads;
  for (size_t axis = 0; axis < pads.size(); ++axis) {
    const int64_t in = layer.inputs[0].desc.shape[static_cast<int>(axis) + 2];
    const int64_t out = layer.outputs[0].shape[static_cast<int>(axis) + 2];
    const int64_t covered = (out - 1) * params.stride[axis] + params.kernel[axis];
    pads[axis] = std::max<int64_t>(0, covered - in - params.pads_begin[axis]);
  }
  return pads;
}

class OnednnPool final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<PoolParams>();
    Support fits = check_parameters({params.kernel, params.stride, params.pads_begin, params.pads_end});
    if (!fits) return fits;
    const std::vector<int64_t> pads = end_padding(layer);
    for (size_t axis = 0; axis < params.kernel.size(); ++axis) {
      if (params.dilation[axis] != 1) return Support::no("only the library's reference can dilate");
      const int64_t in = layer.inputs[0].desc.shape[static_cast<int>(axis) + 2];
      const int64_t out = layer.outputs[0].shape[static_cast<int>(axis) + 2];
      const int64_t last_start = (out - 1) * params.stride[axis] - params.pads_begin[axis];
      if (params.pads_begin[axis] >= params.kernel[axis] || last_start >= in) {
        return Support::no("a window lies wholly in the padding");
      }
      if (layer.op == OpKind::average_pool && params.count_include_pad &&
          pads[axis] > params.pads_end[axis]) {
        return Support::no("in ceil mode the library would count elements beyond the padding");
      }
    }
    return Support::yes();
  }

  Question question(const LayerDesc& layer) const override {
    const auto& params = layer.as<PoolParams>();
    const auto input = memory_desc(layer.inputs[0].desc.shape, info().input);
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, input);
    question.add_output(output);
    question.offers = offers_of(
        dnnl::pooling_forward::desc(dnnl::prop_kind::forward_inference, algorithm(layer), input, output,
                                    params.stride, params.kernel, params.pads_begin, end_padding(layer)));
    return question;
  }

 private:
  static dnnl::algorithm algorithm(const LayerDesc& layer) {
    if (layer.op == OpKind::max_pool) return dnnl::algorithm::pooling_max;
    return layer.as<PoolParams>().count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                                                    : dnnl::algorithm::pooling_avg_exclude_padding;
  }
};

}  // namespace

void register_pool_onednn(PrimitiveRegistry& registry) {
  for (const OpKind op : {OpKind::max_pool, OpKind::average_pool}) add_rows<OnednnPool>(registry, op, rows);
}

}  // namespace raceline
