// What convolutions ask of a layer before they ask for what they are made for.
#pragma once
#include "raceline/kernels/common/checks.h"

namespace raceline {

/// f32 throughout, an image in the layout that is read, and filters that can be packed where they are to be.
inline Support needs_conv2d_operands(const LayerDesc& layer, Layout image, bool packs_filters) {
  if (const Support typed = needs_f32(layer); !typed) return typed;
  if (packs_filters && !layer.inputs[1].constant)
    return Support::no("filters that are not constant can't be packed");
  if (image != Layout::nchw && layer.inputs[0].constant) return Support::no("a constant image comes in nchw");
  return Support::yes();
}

}  // namespace raceline
