// Concatenation by oneDNN, which copies contiguous parts ("simple"). Along the channels of a blocked layout
// only when every operand but the last ends with a block. The library has one implementation for a layer, and
// its "ref:any" is left out on purpose.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Implementation rows[] = {{"simple:any", "simple", "", all_layouts}};

class OnednnConcat final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    const int block = block_of(info().input);
    if (block == 1 || layer.as<ConcatParams>().axis != 1) return Support::yes();
    for (size_t index = 0; index + 1 < own_operands(layer); ++index) {
      if (layer.inputs[index].desc.shape[1] % block != 0)
        return Support::no("an operand ends inside a block");
    }
    return Support::yes();
  }

  Question question(const LayerDesc& layer) const override {
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    const int axis = static_cast<int>(layer.as<ConcatParams>().axis);
    std::vector<dnnl::memory::desc> sources;
    Question question;
    for (size_t index = 0; index < own_operands(layer); ++index) {
      const OperandDesc& operand = layer.inputs[index];
      sources.push_back(memory_desc(operand.desc.shape, info().input));
      question.add_operand(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(index), index,
                           operand.constant ? plain_desc(dims_of(operand.desc.shape)) : sources.back());
    }
    question.add_output(output);
    question.offers = [=](const dnnl::primitive_attr& attributes, const dnnl::engine& engine,
                          const Take& take) {
      take(dnnl::concat::primitive_desc(output, axis, sources, engine, attributes));
    };
    return question;
  }
};

}  // namespace

void register_concat_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnConcat>(registry, OpKind::concat, rows);
}

}  // namespace raceline
