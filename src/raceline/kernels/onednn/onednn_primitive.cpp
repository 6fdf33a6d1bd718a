#include "raceline/kernels/onednn/onednn_primitive.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline::onednn {
namespace {

dnnl::engine cpu_engine() {
  return {dnnl::engine::kind::cpu, 0};
}

/// Scratch memory comes from the caller, so that one arena serves all layers.
dnnl::primitive_attr plain_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

}  // namespace

const dnnl::memory::desc& Question::output() const {
  return std::find_if(arguments.begin(), arguments.end(),
                      [](const Argument& argument) { return argument.source == Argument::Source::output; })
      ->given;
}

LayerLayouts OnednnPrimitive::layouts(const LayerDesc& layer) const {
  LayerLayouts layouts = Primitive::layouts(layer);
  if (layer.has_residual()) layouts.inputs[layer.residual()] = info().output;
  return layouts;
}

LayerLayouts OnednnPrimitive::layouts_where_they_exist(const LayerDesc& layer) const {
  LayerLayouts layouts = OnednnPrimitive::layouts(layer);
  for (size_t index = 0; index < own_operands(layer); ++index) {
    if (!exists_for(layouts.inputs[index], layer.inputs[index].desc.shape))
      layouts.inputs[index] = Layout::nchw;
  }
  return layouts;
}

dnnl::memory::desc OnednnPrimitive::operand_desc(const LayerDesc& layer, size_t index, bool packed) const {
  const OperandDesc& operand = layer.inputs[index];
  const auto dims = dims_of(operand.desc.shape, std::max(layer.outputs[0].shape.rank(), 1));
  if (operand.constant) {
    const bool plain = !packed || info().input == Layout::nchw;
    return plain ? plain_desc(dims) : memory_desc(Shape(dims), info().input);
  }
  const bool exists = exists_for(info().input, operand.desc.shape);
  return exists ? memory_desc(Shape(dims), info().input) : plain_desc(dims);
}

Support OnednnPrimitive::supports(const LayerDesc& layer) const {
  if (Support fits = check_tensors(layer, layouts(layer)); !fits) return fits;
  if (Support fits = check(layer); !fits) return fits;
  try {
    const ThreadScope scope(1);
    const dnnl::engine engine = cpu_engine();
    bool found = false;
    std::vector<std::string> others;
    question(layer).offers(plain_attributes(), engine, [&](const dnnl::primitive_desc_base& offer) {
      others.emplace_back(offer.impl_info_str());
      found = takes(others.back());
      return found;
    });
    if (found) return Support::yes();
    return Support::no(fmt::format("for this layer in this layout oneDNN offers {}, not {}",
                                   others.empty() ? "nothing" : join(others, ", "), offered_));
  } catch (const dnnl::error& error) {
    return Support::no(fmt::format("oneDNN refuses the layer: {}", error.what()));
  }
}

size_t OnednnPrimitive::workspace_bytes(const LayerDesc& layer, int threads) const {
  const ThreadScope scope(threads);
  const dnnl::engine engine = cpu_engine();
  const auto recipe = find(layer, question(layer), engine);
  return recipe ? recipe->desc.scratchpad_desc().get_size() : 0;
}

std::unique_ptr<const Kernel> OnednnPrimitive::prepare(const LayerDesc& layer,
                                                       const PrepareArgs& args) const {
  const ThreadScope scope(args.threads);
  try {
    const dnnl::engine engine = cpu_engine();
    const Question asked = question(layer);
    const auto recipe = find(layer, asked, engine);
    if (!recipe) {
      throw UnsupportedError(fmt::format("{}: oneDNN does not offer {} for '{}' with {} threads", name(),
                                         offered_, layer.key(), args.threads));
    }
    return make_kernel(layer, asked, *recipe, engine, args, info().output);
  } catch (const dnnl::error& error) {
    const std::string text =
        fmt::format("{}: oneDNN cannot prepare '{}': {}", name(), layer.key(), error.what());
    if (error.status == dnnl_out_of_memory) throw IoError(text);
    throw UnsupportedError(text);
  }
}

bool OnednnPrimitive::takes(std::string_view name) const {
  if (!offered_.ends_with('*')) return name == offered_;
  return starts_with(name, std::string_view(offered_).substr(0, offered_.size() - 1));
}

std::vector<std::string> OnednnPrimitive::all_offered(const LayerDesc& layer) const {
  std::vector<std::string> names;
  if (!check_tensors(layer, layouts(layer)) || !check(layer)) return names;
  try {
    const ThreadScope scope(1);
    question(layer).offers(plain_attributes(), cpu_engine(), [&](const dnnl::primitive_desc_base& offer) {
      names.emplace_back(offer.impl_info_str());
      return false;
    });
  } catch (const dnnl::error&) {
    // The library refuses the layer as such, so it offers nothing.
  }
  return names;
}

std::optional<Recipe> OnednnPrimitive::find(const LayerDesc& layer, const Question& question,
                                            const dnnl::engine& engine) const {
  // As many steps inside the library as it takes; a copy of the residual costs less than a pass afterwards.
  for (size_t steps = fuses() ? layer.epilogue.size() : 0; steps > 0; --steps) {
    const bool adds =
        std::any_of(layer.epilogue.begin(), layer.epilogue.begin() + static_cast<ptrdiff_t>(steps),
                    [](const EpilogueStep& step) { return step.kind == EpilogueStep::Kind::add; });
    for (const ResidualMode mode : {ResidualMode::binary, ResidualMode::sum}) {
      if (adds && !adds_rightly(layer, mode)) continue;
      try {
        auto recipe = find_fused(layer, question, engine, steps, adds ? mode : ResidualMode::none);
        if (recipe) return recipe;
      } catch (const dnnl::error&) {
        // The library has no such post-op, so it is done afterwards.
      }
      if (!adds) break;
    }
  }
  return find_fused(layer, question, engine, 0, ResidualMode::none);
}

std::optional<Recipe> OnednnPrimitive::find_fused(const LayerDesc& layer, const Question& question,
                                                  const dnnl::engine& engine, size_t steps,
                                                  ResidualMode mode) const {
  dnnl::post_ops operations;
  std::vector<Eltwise> functions;
  int adds = 0;
  int residual_id = 0;
  for (size_t step = 0; step < steps; ++step) {
    if (layer.epilogue[step].kind == EpilogueStep::Kind::add) {
      // The library has one sum, and one residual lies in the output.
      if (++adds > 1) return std::nullopt;
      if (mode == ResidualMode::sum) {
        operations.append_sum(1);
      } else {
        operations.append_binary(dnnl::algorithm::binary_add, question.output());
        residual_id = DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(step)) | DNNL_ARG_SRC_1;
      }
      continue;
    }
    const auto function = eltwise_of(layer.epilogue[step].unary);
    if (!function) return std::nullopt;
    // Generated code of oneDNN 2.6 keeps one set of parameters for each function, whoever uses it.
    if (std::any_of(functions.begin(), functions.end(), [&](const Eltwise& other) {
          return other.algorithm == function->algorithm && other != *function;
        })) {
      return std::nullopt;
    }
    functions.push_back(*function);
    operations.append_eltwise(1, function->algorithm, function->alpha, function->beta);
  }
  dnnl::primitive_attr attributes = plain_attributes();
  if (steps > 0) attributes.set_post_ops(operations);
  std::optional<Recipe> recipe;
  question.offers(attributes, engine, [&](const dnnl::primitive_desc_base& offer) {
    if (!takes(offer.impl_info_str())) return false;
    recipe = Recipe{offer, steps, mode, residual_id};
    return true;
  });
  return recipe;
}

void add_missing_row(PrimitiveRegistry& registry, OpKind op, const Implementation& row, std::string why) {
  registry.add_missing(fmt::format("onednn: {} {}", to_string(op), row.offered), std::move(why));
}

bool admit_row(PrimitiveRegistry& registry, OpKind op, const Implementation& row) {
  if (has_instructions(row.implementation)) return true;
  add_missing_row(registry, op, row, fmt::format("the processor has no {} instructions", row.implementation));
  return false;
}

}  // namespace raceline::onednn
