// A net's place in a predictor file.
#pragma once
#include <string>

#include "raceline/predict/archive.h"

namespace raceline {

/// The bytes of an ONNX model, as base64 under the key "onnx".
void visit_net(Archive& archive, std::string& onnx);

}  // namespace raceline
