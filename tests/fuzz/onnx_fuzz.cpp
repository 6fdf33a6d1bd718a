// ONNX models: read, bound with defaults, passed through the graph passes. They are not run.
#include "raceline/device/cpu_device.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/runtime/plan.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace raceline;

/// The reference primitives, but for layers that would only cost time: a small file may ask for much of it.
Evaluator quick_evaluator() {
  static const PrimitiveRegistry registry = builtin_primitives();
  static CpuDevice device{Machine{}};
  return [reference = reference_evaluator(registry, device)](const LayerDesc& layer,
                                                             std::span<const TensorView> operands) {
    constexpr double most_flops = 1e6, most_bytes = 1e6;
    if (layer.flops() > most_flops || layer.bytes_moved() > most_bytes) throw UnsupportedError("too much");
    return reference(layer, operands);
  };
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::Scratch scratch;
  static const Evaluator evaluate = quick_evaluator();
  // For models with external data.
  static const std::filesystem::path external = scratch.write("weights.bin", std::string(4096, '\0'));
  try {
    OnnxModel model = OnnxModel::load(scratch.write("model.onnx", fuzz::text_of(data, size)));
    model.outputs();
    Graph graph = run_passes(model.build({}, evaluate), evaluate);
    for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
      const std::string key = graph.layer(node).key();
      fuzz::promise(LayerDesc::parse(key).key() == key, "a layer's key is read as it was written");
    }
  } catch (const Error&) {
  }
  return 0;
}
