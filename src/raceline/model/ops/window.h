// The sliding window of convolutions and pools, as ONNX describes it. Private to this room.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "raceline/model/node_import.h"

namespace raceline {

enum class AutoPad : uint8_t { not_set, same_upper, same_lower, valid };

/// Refuses any other text.
AutoPad read_auto_pad(const NodeImport& node);

/// An attribute of one integer for each of `count` spatial axes, each in [least, 2^30]; `otherwise` where the
/// node does not have it. Throws GraphError.
std::vector<int64_t> spatial_integers(const NodeImport& node, std::string_view name, size_t count,
                                      int64_t otherwise, int64_t least);

/// How many axes follow N and C. Refuses more than three; throws GraphError for none.
size_t spatial_axes(const NodeImport& node, const Shape& image);

/// Throws GraphError when kernel_shape is given and is not `kernel`.
void check_kernel_shape(const NodeImport& node, std::span<const int64_t> kernel);

struct SpatialWindow {
  std::vector<int64_t> stride, dilation, pads_begin, pads_end;
};

/// Attributes strides, dilations, pads and auto_pad, the latter resolved to pads. SAME makes the output
/// ceil(image / stride) long; what it lacks is divided evenly, an odd one goes to the end (SAME_UPPER) or to
/// the beginning (SAME_LOWER). Source: ONNX Conv.
SpatialWindow read_window(const NodeImport& node, AutoPad auto_pad, std::span<const int64_t> image,
                          std::span<const int64_t> kernel);

}  // namespace raceline
