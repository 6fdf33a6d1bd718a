// PReLU of oneDNN by generated code: one slope for each channel or each element. One slope for all, and other
// ways of broadcasting, the library has in its "ref:any" only, which is left out on purpose.
// Not in place: threads of oneDNN 2.6 compute some elements at the seam of their parts twice.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Implementation rows[] = {{"jit_uni", "prelu", "uni", all_layouts}};

class OnednnPrelu final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  LayerLayouts layouts(const LayerDesc& layer) const override { return layouts_where_they_exist(layer); }

 protected:
  Support check(const LayerDesc& layer) const override {
    if (layer.as<BinaryParams>().kind != BinaryKind::prelu) return Support::no("for PReLU only");
    const Shape& x = layer.outputs[0].shape;
    if (info().input != Layout::nchw && x.rank() != 4) return Support::no("the output has not 4 dimensions");
    if (x.rank() < 2) return Support::no("a channel is the second dimension; there is none");
    const auto slope = dims_of(layer.inputs[1].desc.shape, x.rank());
    auto channels = dnnl::memory::dims(slope.size(), 1);
    channels[1] = x[1];
    // oneDNN 2.6 ends such a tensor with a whole vector of 16, of which 8 lie behind it.
    if (slope == dims_of(x) && info().input == Layout::nchw8c && x[1] % 8 != 0)
      return Support::no("with a slope for each element, the channels of nchw8c are to be a multiple of 8");
    if (slope == dims_of(x) || slope == channels) return Support::yes();
    return Support::no("the slopes are not one for each channel or each element");
  }

  Question question(const LayerDesc& layer) const override {
    const Shape& x = layer.outputs[0].shape;
    const auto tensor = memory_desc(x, info().input);
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, operand_desc(layer, 0, false));
    question.add_operand(DNNL_ARG_WEIGHTS, 1, operand_desc(layer, 1, false));
    question.add_output(tensor);
    question.offers = offers_of(
        dnnl::prelu_forward::desc(dnnl::prop_kind::forward_inference, tensor, operand_desc(layer, 1, true)));
    return question;
  }
};

}  // namespace

void register_prelu_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnPrelu>(registry, OpKind::binary, rows);
}

}  // namespace raceline
