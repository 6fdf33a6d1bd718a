// TensorProto files: what is read is written and read back the same.
#include <cstring>

#include "raceline/model/tensor_proto.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace raceline;
  static const fuzz::Scratch scratch;
  try {
    const Tensor tensor = read_tensor_pb(scratch.write("given.pb", fuzz::text_of(data, size)));
    write_tensor_pb(scratch / "written.pb", tensor.view());
    const Tensor again = read_tensor_pb(scratch / "written.pb");
    fuzz::promise(again.desc() == tensor.desc() &&
                      std::memcmp(again.bytes().data(), tensor.bytes().data(), tensor.bytes().size()) == 0,
                  "a tensor is read as it was written");
  } catch (const Error&) {
  }
  return 0;
}
