// How a convolution in nhwc is cut into parts, each for an operator of XNNPACK's own.
#pragma once
#include <algorithm>
#include <vector>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline::xnnpack {

/// Some rows of the outputs of some filters in some images.
struct ConvPart {
  Slice images, rows, filters;
  Slice in_rows;              ///< of each image, padding left out
  int64_t first_channel = 0;  ///< of the input
  int64_t pad_top = 0, pad_bottom = 0;
  bool whole_images = false;  ///< all rows, in and out: the images follow each other
  bool copies = false;        ///< the input ends where the library may read on: it gets a copy
};

/// Windows over an image, as convolutions and pools have them.
struct Windows {
  Conv2dShape shape;
  int64_t pad_bottom = 0, pad_right = 0;
  bool per_channel = false;  ///< the library goes through all channels of a pixel, not those of a group
  bool has_weights = true;   ///< which are better packed once

  static Windows of_conv(const LayerDesc& layer, bool depthwise);
};

class ConvPlan {
 public:
  ConvPlan(const Windows& windows, int threads);

  const Conv2dShape& shape() const { return windows_.shape; }
  int64_t in_channels() const { return shape().groups * shape().channels; }
  int64_t out_channels() const { return shape().groups * shape().filters; }
  int64_t pad_right() const { return windows_.pad_right; }
  /// A lane is the work of one thread.
  const std::vector<std::vector<ConvPart>>& lanes() const { return lanes_; }
  /// Whether each part has all filters, so that its outputs in an image lie together.
  bool lanes_are_contiguous() const { return contiguous_; }
  /// Floats of workspace that a lane's copies take.
  int64_t copy_floats() const { return copy_floats_; }

  /// Calls body(first input pixel, first output pixel) for all images of a part at once where its rows of
  /// neighbouring images follow each other, else for one after another, until the library refuses. `x` and
  /// `y` are the layer's tensors, `copy` the lane's workspace.
  template <class Body>
  xnn_status for_each_piece(const ConvPart& part, const float* x, float* y, float* copy,
                            const Body& body) const {
    const int64_t in_row = shape().width * in_channels();
    const int64_t step = part.whole_images ? part.images.size() : 1;
    for (int64_t image = part.images.first; image < part.images.last; image += step) {
      const float* from = x + (image * shape().height + part.in_rows.first) * in_row;
      if (part.copies) {
        const int64_t floats = ((step - 1) * shape().height + part.in_rows.size()) * in_row;
        std::copy_n(from, floats, copy);
        std::fill_n(copy + floats, slack, 0.0f);
        from = copy;
      }
      float* to = y + (image * shape().out_h + part.rows.first) * shape().out_w * out_channels();
      if (const xnn_status status = body(from + part.first_channel, to + part.filters.first);
          status != xnn_status_success) {
        return status;
      }
    }
    return xnn_status_success;
  }

 private:
  void add_lane(Slice images, Slice rows, Slice filters);
  ConvPart part(Slice images, Slice rows, Slice filters) const;

  /// Rows of input that a window spans.
  int64_t reach() const { return (shape().kernel_h - 1) * shape().dilation_h + 1; }
  /// No window lies wholly in the padding.
  bool windows_meet_rows() const { return shape().pad_top < reach() && windows_.pad_bottom < reach(); }

  Windows windows_;
  bool reads_on_;  ///< the library may read beyond the last channel
  bool contiguous_ = true;
  int64_t copy_floats_ = 0;
  std::vector<std::vector<ConvPart>> lanes_;
};

}  // namespace raceline::xnnpack
