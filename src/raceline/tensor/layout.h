// How the elements of a tensor lie in memory, and the interface at which two primitives meet.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "raceline/base/memory.h"
#include "raceline/tensor/data_type.h"
#include "raceline/tensor/shape.h"

namespace raceline {

/// nchw is row-major order and exists for every rank. The others exist for rank 4 (N, C, H, W): nhwc has
/// channels innermost; nchw8c and nchw16c split channels into blocks of 8 or 16, the block innermost, the
/// last block padded with zeros. Whoever writes a blocked tensor writes those zeros.
enum class Layout : uint8_t { nchw, nhwc, nchw8c, nchw16c };

inline constexpr Layout all_layouts[] = {Layout::nchw, Layout::nhwc, Layout::nchw8c, Layout::nchw16c};

std::string_view to_string(Layout layout);
/// Throws ParseError.
Layout parse_layout(std::string_view text);
/// Channels in a block: 8, 16, or 1 for a layout without blocks.
int block_of(Layout layout);
/// Whether a tensor of this shape can have the layout.
bool exists_for(Layout layout, const Shape& shape);

/// Where and how a tensor is held between two layers: "cpu:nhwc", "opencl:nchw", "cpu:nhwc:i8".
struct Interface {
  DeviceId device;
  Layout layout = Layout::nchw;
  DataType type = DataType::f32;

  /// The type is written only when it is not f32.
  std::string to_string() const;
  /// Throws ParseError.
  static Interface parse(std::string_view text);
  friend auto operator<=>(const Interface&, const Interface&) = default;
};

}  // namespace raceline
