#include "raceline/kernels/opencl/padded_image.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void pad_image(__global const float* x, ulong x_at, __global float* y, ulong y_at, int height, int width,
               int padded_height, int padded_width, int top, int left, int rows) {
  AT(x); AT(y);
  const int plane = get_global_id(1), first = get_global_id(0) * rows;
  x += (ulong)plane * height * width;
  y += (ulong)plane * padded_height * padded_width;
  const int end = min(padded_width, left + width);
  for (int row = first; row < min(first + rows, padded_height); ++row) {
    __global float* to = y + row * padded_width;
    const int from = row - top;
    int i = 0;
    if (from < 0 || from >= height) {
      for (; i < padded_width; ++i) to[i] = 0.0f;
      continue;
    }
    __global const float* line = x + from * width - left;
    for (; i < min(left, padded_width); ++i) to[i] = 0.0f;
    for (; i + 16 <= end; i += 16) vstore16(vload16(0, line + i), 0, to + i);
    for (; i < end; ++i) to[i] = line[i];
    for (; i < padded_width; ++i) to[i] = 0.0f;
  }
}
)";

}  // namespace

PaddedImage PaddedImage::make(OpenClDevice& device, const Conv2dShape& shape) {
  PaddedImage image{.planes = shape.groups * shape.channels,
                    .height = height_of(shape),
                    .width = width_of(shape),
                    .kernel = device.kernel(with_prelude(source), "pad_image")};
  image.rows = grain(device, image.height * image.planes, 2.0 * static_cast<double>(image.width));
  image.rows = std::min(image.rows, image.height);
  return image;
}

Status PaddedImage::launch(OpenClQueue& queue, const Conv2dShape& shape, Memory x, Memory padded) const {
  const auto items = static_cast<size_t>((height + rows - 1) / rows);
  return queue.launch(kernel, {.items = {items, static_cast<size_t>(planes), 1}}, x, padded, shape.height,
                      shape.width, height, width, shape.pad_top, shape.pad_left, rows);
}

}  // namespace raceline
