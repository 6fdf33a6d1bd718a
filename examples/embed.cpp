// Loads a model and a plan, runs it on zeros, prints the first elements of each output.
//   embed MODEL.onnx [PLAN]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <vector>

#include <raceline/raceline.h>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s MODEL.onnx [PLAN]\n", argv[0]);
    return 2;
  }
  try {
    raceline::Model model(argv[1], {.plan = argc > 2 ? argv[2] : ""});
    std::vector<std::vector<std::byte>> inputs, outputs;
    std::vector<const void*> from;
    std::vector<void*> to;
    for (const auto& input : model.inputs()) from.push_back(inputs.emplace_back(input.bytes).data());
    for (const auto& output : model.outputs()) to.push_back(outputs.emplace_back(output.bytes).data());
    model.run(from, to);
    for (size_t index = 0; index < outputs.size(); ++index) {
      const raceline::TensorInfo& info = model.outputs()[index];
      std::printf("%s %s:", info.name.c_str(), info.type.c_str());
      const auto* values = static_cast<const float*>(to[index]);
      const size_t shown = info.type == "f32" ? std::min<size_t>(5, info.bytes / sizeof(float)) : 0;
      for (size_t element = 0; element < shown; ++element) std::printf(" %g", values[element]);
      std::printf("\n");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "embed: %s\n", error.what());
    return 2;
  }
  return 0;
}
