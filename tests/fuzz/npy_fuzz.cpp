// NumPy arrays: what is read is written and read back the same.
#include <cstring>

#include "raceline/model/npy.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace raceline;
  static const fuzz::Scratch scratch;
  try {
    const Tensor tensor = read_npy(scratch.write("given.npy", fuzz::text_of(data, size)));
    write_npy(scratch / "written.npy", tensor.view());
    const Tensor again = read_npy(scratch / "written.npy");
    fuzz::promise(again.desc() == tensor.desc() &&
                      std::memcmp(again.bytes().data(), tensor.bytes().data(), tensor.bytes().size()) == 0,
                  "an array is read as it was written");
  } catch (const Error&) {
  }
  return 0;
}
