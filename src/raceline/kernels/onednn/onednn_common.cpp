#include "raceline/kernels/onednn/onednn_common.h"

#include <algorithm>

#include <fmt/format.h>
#include <omp.h>

namespace raceline::onednn {
namespace {

constexpr size_t most_bytes = size_t{1} << 31;
constexpr int64_t most_parameter = int64_t{1} << 24;

Support check_tensor(const TensorDesc& desc, Layout layout, std::string_view what) {
  if (desc.type != DataType::f32) {
    return Support::no(fmt::format("{} is {}; only f32 is done", what, to_string(desc.type)));
  }
  if (!exists_for(layout, desc.shape)) {
    return Support::no(
        fmt::format("{} has {} dimensions; {} wants 4", what, desc.shape.rank(), to_string(layout)));
  }
  if (desc.shape.elements() == 0) return Support::no(fmt::format("{} is empty", what));
  if (desc.with(layout).bytes() >= most_bytes) return Support::no(fmt::format("{} has 2 GiB or more", what));
  return Support::yes();
}

}  // namespace

PrimitiveInfo make_info(OpKind op, const Implementation& row, Layout input, Layout output) {
  PrimitiveInfo info;
  info.op = op;
  info.library = "onednn";
  info.algorithm = row.algorithm;
  info.implementation = row.implementation;
  info.input = input;
  info.output = output;
  info.library_version = library_version();
  return info;
}

std::string library_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

bool has_instructions(std::string_view name) {
  // Each value has the bits of the instruction sets that it builds on.
  const auto has = [](dnnl_cpu_isa_t wanted) { return (dnnl_get_effective_cpu_isa() & wanted) == wanted; };
  if (name == "sse41") return has(dnnl_cpu_isa_sse41);
  if (name == "avx") return has(dnnl_cpu_isa_avx);
  if (name == "avx2") return has(dnnl_cpu_isa_avx2);
  return name != "avx512_core" || has(dnnl_cpu_isa_avx512_core);
}

dnnl::memory::dims dims_of(const Shape& shape) {
  return dims_of(shape, std::max(shape.rank(), 1));
}

dnnl::memory::dims dims_of(const Shape& shape, int rank) {
  dnnl::memory::dims dims(static_cast<size_t>(rank - shape.rank()), 1);
  dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  return dims;
}

dnnl::memory::desc plain_desc(const dnnl::memory::dims& dims) {
  dnnl::memory::dims strides(dims.size());
  int64_t stride = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return {dims, dnnl::memory::data_type::f32, strides};
}

dnnl::memory::desc memory_desc(const Shape& shape, Layout layout) {
  using Tag = dnnl::memory::format_tag;
  const auto tagged = [&](Tag tag) {
    return dnnl::memory::desc(dims_of(shape), dnnl::memory::data_type::f32, tag);
  };
  switch (layout) {
    case Layout::nchw:
      break;
    case Layout::nhwc:
      return tagged(Tag::nhwc);
    case Layout::nchw8c:
      return tagged(Tag::nChw8c);
    case Layout::nchw16c:
      return tagged(Tag::nChw16c);
  }
  return plain_desc(dims_of(shape));
}

size_t own_operands(const LayerDesc& layer) {
  return layer.inputs.size() - (layer.has_residual() ? 1 : 0);
}

bool has_operand(const LayerDesc& layer, size_t index) {
  return index < own_operands(layer) && layer.inputs[index].present;
}

Support check_tensors(const LayerDesc& layer, const LayerLayouts& layouts) {
  for (size_t index = 0; index < layer.inputs.size(); ++index) {
    const OperandDesc& operand = layer.inputs[index];
    if (!operand.present) continue;
    const Layout layout = operand.constant ? Layout::nchw : layouts.inputs[index];
    if (Support fits = check_tensor(operand.desc, layout, fmt::format("operand {}", index)); !fits)
      return fits;
  }
  if (layer.outputs.size() != 1) return Support::no("only the first output is computed");
  if (layer.has_residual() && layer.inputs[layer.residual()].constant && layouts.outputs[0] != Layout::nchw) {
    return Support::no("a constant residual comes in nchw only");
  }
  return check_tensor(layer.outputs[0], layouts.outputs[0], "the output");
}

Support check_parameters(std::initializer_list<std::span<const int64_t>> values) {
  for (const std::span<const int64_t> some : values) {
    for (const int64_t value : some) {
      if (value < 0 || value > most_parameter) {
        return Support::no(
            fmt::format("parameter {} is out of range; 0 to {} are done", value, most_parameter));
      }
    }
  }
  return Support::yes();
}

std::optional<Eltwise> eltwise_of(const UnaryParams& params) {
  using dnnl::algorithm;
  switch (params.kind) {
    case UnaryKind::relu:
      return Eltwise{algorithm::eltwise_relu};
    case UnaryKind::leaky_relu:
      return Eltwise{algorithm::eltwise_relu, params.alpha};
    case UnaryKind::clip:
      // The library wants the bounds in order; ours gives the upper one when they are not.
      if (!(params.alpha <= params.beta)) return std::nullopt;
      return Eltwise{algorithm::eltwise_clip, params.alpha, params.beta};
    case UnaryKind::sigmoid:
      return Eltwise{algorithm::eltwise_logistic};
    case UnaryKind::hard_swish:
      return Eltwise{algorithm::eltwise_hardswish};
    case UnaryKind::tanh:
      return Eltwise{algorithm::eltwise_tanh};
    case UnaryKind::elu:
      return Eltwise{algorithm::eltwise_elu, params.alpha};
    case UnaryKind::exp:
      return Eltwise{algorithm::eltwise_exp};
    case UnaryKind::sqrt:
      return Eltwise{algorithm::eltwise_sqrt};
    case UnaryKind::abs:
      return Eltwise{algorithm::eltwise_abs};
    case UnaryKind::neg:
      return Eltwise{algorithm::eltwise_linear, -1, 0};
    case UnaryKind::reciprocal:
      return Eltwise{algorithm::eltwise_pow, 1, -1};
    default:
      // log and softplus are left out, too: the library's logarithm is off by 1.5e-6 near 1, where it should
      // be small itself.
      return std::nullopt;
  }
}

ThreadScope::ThreadScope(int threads) : before_(omp_get_max_threads()), changed_(threads != before_) {
  if (changed_) omp_set_num_threads(threads);
}

ThreadScope::~ThreadScope() {
  if (changed_) omp_set_num_threads(before_);
}

}  // namespace raceline::onednn
