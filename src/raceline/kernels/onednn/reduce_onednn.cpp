// Reductions of oneDNN by generated code, which wants the axes to be the last ones in memory: the last ones
// of a plain tensor, the channels (and with them the rest) of nhwc. The tensor is then a matrix whose rows
// are reduced. "ref:any", all that the library has for norms, is left out on purpose.
#include <algorithm>
#include <optional>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout unblocked[] = {Layout::nchw, Layout::nhwc};

// The generated kernel is named for the best instruction set of the machine, bf16 or not.
constexpr Implementation rows[] = {
    {"jit:avx512_core*", "jit", "avx512_core", unblocked},
    {"jit:avx2", "jit", "avx2", unblocked},
    {"jit:avx", "jit", "avx", unblocked},
    {"jit:sse41", "jit", "sse41", unblocked},
};

std::optional<dnnl::algorithm> algorithm_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::sum:
      return dnnl::algorithm::reduction_sum;
    case ReduceKind::mean:
      return dnnl::algorithm::reduction_mean;
    case ReduceKind::prod:
      return dnnl::algorithm::reduction_mul;
    case ReduceKind::max:
      return dnnl::algorithm::reduction_max;
    case ReduceKind::min:
      return dnnl::algorithm::reduction_min;
    default:
      return std::nullopt;
  }
}

class OnednnReduce final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<ReduceParams>();
    if (!algorithm_of(params.kind)) return Support::no("only the library's reference has such a function");
    if (reduced(layer) > 0) return Support::yes();
    return Support::no("the axes are not the last ones in memory");
  }

  Question question(const LayerDesc& layer) const override {
    const Shape& shape = layer.inputs[0].desc.shape;
    const int64_t depth = reduced(layer);
    const auto input = plain_desc({shape.elements() / depth, depth});
    const auto output = plain_desc({shape.elements() / depth, 1});
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, input);
    question.add_output(output);
    question.offers = offers_of(
        dnnl::reduction::desc(*algorithm_of(layer.as<ReduceParams>().kind), input, output, 0.0f, 0.0f));
    return question;
  }

 private:
  /// Elements that are reduced to one; 0 when they don't lie in a row.
  int64_t reduced(const LayerDesc& layer) const {
    const Shape& shape = layer.inputs[0].desc.shape;
    std::vector<int64_t> axes = layer.as<ReduceParams>().axes;
    if (axes.empty()) return shape.elements();
    // Their places in memory.
    if (info().input == Layout::nhwc) {
      for (int64_t& axis : axes) axis = axis == 0 ? 0 : axis == 1 ? 3 : axis - 1;
    }
    std::sort(axes.begin(), axes.end());
    for (size_t at = 0; at < axes.size(); ++at) {
      if (axes[at] != shape.rank() - static_cast<int64_t>(axes.size() - at)) return 0;
    }
    int64_t elements = 1;
    for (const int64_t axis : layer.as<ReduceParams>().axes) elements *= shape[static_cast<int>(axis)];
    return elements;
  }
};

}  // namespace

void register_reduce_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnReduce>(registry, OpKind::reduce, rows);
}

}  // namespace raceline
