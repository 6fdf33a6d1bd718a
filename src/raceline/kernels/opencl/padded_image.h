// An image with its padding around it, so that every tap of a convolution of stride 1 finds its pixels in a
// row: output pixel q of rows `width` wide reads pixel q + tap. Private to kernels/opencl.
#pragma once
#include <limits>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {

struct PaddedImage {
  int64_t planes = 0;  ///< of one image, all groups
  int64_t height = 0, width = 0;
  OpenClKernel kernel;
  int64_t rows = 1;  ///< of one work-item

  static int64_t height_of(const Conv2dShape& s) { return s.out_h + (s.kernel_h - 1) * s.dilation_h; }
  static int64_t width_of(const Conv2dShape& s) { return s.out_w + (s.kernel_w - 1) * s.dilation_w; }
  /// Of one image, and `slack` elements behind it.
  static int64_t elements(const Conv2dShape& s, int64_t slack) {
    return s.groups * s.channels * height_of(s) * width_of(s) + slack;
  }
  /// Kernels' offsets in it are int.
  static Support supports(const Conv2dShape& s, int64_t slack) {
    if (elements(s, slack) <= std::numeric_limits<int32_t>::max()) return Support::yes();
    return Support::no("the padded image has more than 2^31 elements");
  }
  static PaddedImage make(OpenClDevice& device, const Conv2dShape& shape);
  /// Copies one image; the slack is not written.
  Status launch(OpenClQueue& queue, const Conv2dShape& shape, Memory image, Memory padded) const;
};

}  // namespace raceline
