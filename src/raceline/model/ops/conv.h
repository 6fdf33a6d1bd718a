// Convolution by a node's attributes, of operands that need not be the node's own. Private to this room.
#pragma once
#include "raceline/model/node_import.h"

namespace raceline {

/// Adds the convolution that the attributes of the node describe (those of ONNX Conv), which bears its name.
/// `bias` may be absent. Throws and refuses as import_conv().
ValueId add_conv(NodeImport& node, ValueId x, ValueId weights, ValueId bias);

}  // namespace raceline
