// Conversion between two layouts by oneDNN's generated code: one primitive for each pair. The library chooses
// between its two generators ("jit:blk", "jit:uni") itself and cannot be asked for the other.
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

class OnednnReorder final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<ReorderParams>();
    const Interface from{{}, info().input, DataType::f32};
    const Interface to{{}, info().output, DataType::f32};
    if (params.from == from && params.to == to) return Support::yes();
    return Support::no("converts " + from.to_string() + " to " + to.to_string());
  }

  Question question(const LayerDesc& layer) const override {
    const auto input = memory_desc(layer.inputs[0].desc.shape, info().input);
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    Question question;
    question.add_operand(DNNL_ARG_FROM, 0, input);
    question.add_output(output);
    question.offers = [=](const dnnl::primitive_attr& attributes, const dnnl::engine& engine,
                          const Take& take) {
      take(dnnl::reorder::primitive_desc(engine, input, engine, output, attributes));
    };
    return question;
  }
};

}  // namespace

void register_reorder_onednn(PrimitiveRegistry& registry) {
  const Implementation row{"jit:*", "jit", "", all_layouts};
  for (const Layout from : row.layouts) {
    for (const Layout to : row.layouts) {
      if (from == to) continue;
      registry.add(std::make_unique<OnednnReorder>(make_info(OpKind::reorder, row, from, to), row.offered));
    }
  }
}

}  // namespace raceline
