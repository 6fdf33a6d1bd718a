#include "tests/fuzz/proto_mutator.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  return raceline::fuzz::mutate_message<onnx::TensorProto>(data, size, most, seed);
}
