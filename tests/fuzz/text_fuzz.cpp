// The short texts that people type and stores hold: what parses is written as a text that parses to the same.
#include "raceline/base/text.h"
#include "raceline/graph/layer_desc.h"
#include "raceline/primitive/registry.h"
#include "raceline/tensor/tensor.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace raceline;

template <class Parse, class Write>
void there_and_back(std::string_view text, const Parse& parse, const Write& write) {
  try {
    const auto value = parse(text);
    const std::string written = write(value);
    fuzz::promise(write(parse(written)) == written, "a value is read as it was written");
  } catch (const Error&) {
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto to_text = [](const auto& value) { return value.to_string(); };
  there_and_back(text, LayerDesc::parse, [](const LayerDesc& layer) { return layer.key(); });
  there_and_back(text, parse_epilogue_step, [](const EpilogueStep& step) { return to_string(step); });
  there_and_back(text, TensorDesc::parse, to_text);
  there_and_back(text, Shape::parse, to_text);
  there_and_back(text, Interface::parse, to_text);
  there_and_back(text, DeviceId::parse, to_text);
  there_and_back(
      text, [](std::string_view given) { return parse_double(given, "number"); },
      [](double value) { return number(value); });
  there_and_back(
      text, [](std::string_view given) { return parse_int(given, "number"); },
      [](int64_t value) { return std::to_string(value); });
  // A pattern before the first blank, a name behind it.
  const size_t blank = text.find(' ');
  if (blank != std::string_view::npos && size < 1000) {
    const PrimitiveFilter filter{{std::string(text.substr(0, blank))}, {}};
    filter.admits(text.substr(blank + 1));
  }
  return 0;
}
