// The store's CSV: what is taken is given out again, and taken again without a change.
#include "raceline/profile/store.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace raceline;
  try {
    CostStore store = CostStore::temporary();
    store.import_csv(fuzz::text_of(data, size));
    const std::string csv = store.to_csv();
    fuzz::promise(store.import_csv(csv) == 0, "a store's own rows change nothing");
    CostStore other = CostStore::temporary();
    other.import_csv(csv);
    fuzz::promise(other.to_csv() == csv, "a store is imported as it was exported");
  } catch (const Error&) {
  }
  return 0;
}
