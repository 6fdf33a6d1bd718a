#include "raceline/kernels/xnnpack/xnnpack_common.h"

#include <algorithm>
#include <filesystem>

#include <dlfcn.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/hash.h"

namespace raceline::xnnpack {
namespace {

constexpr int64_t most_parameter = int64_t{1} << 24;

/// The library has no version; what stands for it is a hash of the file that is loaded.
std::string library_version() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&xnn_initialize), &info) == 0 || info.dli_fname == nullptr) {
    return "XNNPACK";
  }
  if (std::error_code error; !std::filesystem::is_regular_file(info.dli_fname, error)) return "XNNPACK";
  const MappedFile file(info.dli_fname);
  return fmt::format("XNNPACK {}", hex(hash_bytes(file.bytes())).substr(0, 8));
}

}  // namespace

void DeleteOperator::operator()(xnn_operator* op) const {
  xnn_delete_operator(op);
}

void refuse(xnn_status status) {
  if (status == xnn_status_out_of_memory) throw IoError("XNNPACK has no memory for its packed weights");
  throw UnsupportedError(fmt::format("XNNPACK refuses the layer (status {})", static_cast<int>(status)));
}

PrimitiveInfo make_info(OpKind op, std::string algorithm, Layout layout) {
  return {op, "xnnpack", std::move(algorithm), "", "", {}, layout, layout, library_version()};
}

bool is_ready(PrimitiveRegistry& registry) {
  // Does its work at the first call only.
  if (xnn_initialize(nullptr) == xnn_status_success) return true;
  const auto missing = registry.missing();
  if (std::none_of(missing.begin(), missing.end(), [](const Missing& m) { return m.what == "xnnpack"; })) {
    registry.add_missing("xnnpack", "the library does not work on this processor");
  }
  return false;
}

Support check_tensors(const LayerDesc& layer, Layout layout) {
  if (const Support typed = needs_f32(layer); !typed) return typed;
  if (layer.outputs.size() != 1) return Support::no("only the first output is computed");
  for (const OperandDesc& operand : layer.inputs) {
    if (operand.present && operand.desc.shape.elements() == 0) return Support::no("an operand is empty");
  }
  if (layer.outputs[0].shape.elements() == 0) return Support::no("the output is empty");
  return needs_layout(layer, layout);
}

Support check_parameters(std::initializer_list<std::span<const int64_t>> values) {
  for (const std::span<const int64_t> some : values) {
    for (const int64_t value : some) {
      if (value < 0 || value > most_parameter) {
        return Support::no(fmt::format("{} is out of range; 0 to {} are done", value, most_parameter));
      }
    }
  }
  return Support::yes();
}

size_t own_operands(const LayerDesc& layer) {
  return layer.inputs.size() - (layer.has_residual() ? 1 : 0);
}

bool has_operand(const LayerDesc& layer, size_t index) {
  return index < own_operands(layer) && layer.inputs[index].present;
}

Clamp Clamp::of(const LayerDesc& layer) {
  Clamp clamp;
  clamp.rest = layer;
  if (layer.epilogue.empty() || layer.epilogue[0].kind != EpilogueStep::Kind::unary) return clamp;
  const UnaryParams& step = layer.epilogue[0].unary;
  if (step.kind == UnaryKind::relu) {
    clamp.low = 0;
  } else if (step.kind == UnaryKind::clip && step.alpha < step.beta) {
    clamp.low = step.alpha;
    clamp.high = step.beta;
  } else {
    return clamp;
  }
  clamp.rest.epilogue.erase(clamp.rest.epilogue.begin());
  return clamp;
}

}  // namespace raceline::xnnpack
