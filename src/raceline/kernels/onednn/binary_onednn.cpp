// Arithmetic on two tensors by oneDNN's generated code, which broadcasts its second operand. When ours is the
// first and the function is commutative, they change places.
#include <algorithm>
#include <optional>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Implementation rows[] = {{"jit:uni", "jit", "uni", all_layouts}};

std::optional<dnnl::algorithm> algorithm_of(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
      return dnnl::algorithm::binary_add;
    case BinaryKind::sub:
      return dnnl::algorithm::binary_sub;
    case BinaryKind::mul:
      return dnnl::algorithm::binary_mul;
    case BinaryKind::div:
      return dnnl::algorithm::binary_div;
    case BinaryKind::max:
      return dnnl::algorithm::binary_max;
    case BinaryKind::min:
      return dnnl::algorithm::binary_min;
    default:
      return std::nullopt;
  }
}

bool commutes(BinaryKind kind) {
  return kind != BinaryKind::sub && kind != BinaryKind::div;
}

class OnednnBinary final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  LayerLayouts layouts(const LayerDesc& layer) const override { return layouts_where_they_exist(layer); }

  Sharing sharing(const LayerDesc& layer) const override {
    const bool fits = layer.inputs[0].desc.shape == layer.outputs[0].shape && !layer.has_residual();
    return fits ? Sharing::in_place : Sharing::none;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    const BinaryKind kind = layer.as<BinaryParams>().kind;
    if (!algorithm_of(kind)) return Support::no("oneDNN has no such function");
    const Shape& output = layer.outputs[0].shape;
    const bool first = same_dims(layer, 0);
    const bool second = same_dims(layer, 1);
    if (!first && !(second && commutes(kind))) return Support::no("the library broadcasts one operand only");
    if (info().input != Layout::nchw && output.rank() != 4)
      return Support::no("the output has not 4 dimensions");
    const auto other = dims_of(layer.inputs[first ? 1 : 0].desc.shape, std::max(output.rank(), 1));
    if (block_of(info().input) > 1 && other != dims_of(output) && other[1] == 1) {
      // oneDNN 2.6 offers this for nchw16c and takes the padded channels of the operand for values.
      return Support::no("a blocked layout cannot broadcast a single channel");
    }
    return Support::yes();
  }

  Question question(const LayerDesc& layer) const override {
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    const size_t whole = same_dims(layer, 0) ? 0 : 1;
    Question question;
    question.add_operand(DNNL_ARG_SRC_0, whole, operand_desc(layer, whole, false));
    question.add_operand(DNNL_ARG_SRC_1, 1 - whole, operand_desc(layer, 1 - whole, false));
    question.add_output(output);
    question.offers = offers_of(dnnl::binary::desc(*algorithm_of(layer.as<BinaryParams>().kind),
                                                   operand_desc(layer, whole, true),
                                                   operand_desc(layer, 1 - whole, true), output));
    return question;
  }

 private:
  static bool same_dims(const LayerDesc& layer, size_t index) {
    const Shape& output = layer.outputs[0].shape;
    return dims_of(layer.inputs[index].desc.shape, std::max(output.rank(), 1)) == dims_of(output);
  }
};

}  // namespace

void register_binary_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnBinary>(registry, OpKind::binary, rows);
}

}  // namespace raceline
