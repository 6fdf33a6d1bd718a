#include "raceline/predict/models/net_file.h"

#include "raceline/base/base64.h"
#include "raceline/base/error.h"

namespace raceline {

void visit_net(Archive& archive, std::string& onnx) {
  std::string text = archive.reading() ? "" : base64(onnx);
  archive.field("onnx", text);
  if (!archive.reading()) return;
  try {
    onnx = parse_base64(text);
  } catch (const ParseError& error) {
    archive.refuse("onnx", error.what());
  }
}

}  // namespace raceline
