// How a convolution in nhwc is cut into parts, each for an operator of XNNPACK's own.
#pragma once
#include <vector>

#include "raceline/kernels/common/im2col.h"

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

class ConvPlan {
 public:
  /// Of a layer whose filters a depthwise operator may share among threads one by one.
  ConvPlan(const LayerDesc& layer, int threads, bool depthwise);

  const Conv2dShape& shape() const { return shape_; }
  int64_t in_channels() const { return shape_.groups * shape_.channels; }
  int64_t out_channels() const { return shape_.groups * shape_.filters; }
  int64_t pad_right() const { return pad_right_; }
  /// A lane is the work of one thread.
  const std::vector<std::vector<ConvPart>>& lanes() const { return lanes_; }
  /// Whether each part has all filters, so that its outputs in an image lie together.
  bool lanes_are_contiguous() const { return contiguous_; }
  /// Floats of workspace that a lane's copies take.
  int64_t copy_floats() const { return copy_floats_; }

 private:
  void add_lane(Slice images, Slice rows, Slice filters);
  ConvPart part(Slice images, Slice rows, Slice filters) const;

  /// Rows of input that a window spans.
  int64_t reach() const { return (shape_.kernel_h - 1) * shape_.dilation_h + 1; }
  /// No window lies wholly in the padding.
  bool windows_meet_rows() const { return shape_.pad_top < reach() && pad_bottom_ < reach(); }

  Conv2dShape shape_;
  int64_t pad_right_, pad_bottom_;
  bool reads_on_;  ///< the library may read beyond the last channel
  bool contiguous_ = true;
  int64_t copy_floats_ = 0;
  std::vector<std::vector<ConvPart>> lanes_;
};

}  // namespace raceline::xnnpack
