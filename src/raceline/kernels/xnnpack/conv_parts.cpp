#include "raceline/kernels/xnnpack/conv_parts.h"

#include <algorithm>

namespace raceline::xnnpack {
namespace {

/// Filters that the library computes together at most (a cache line of results).
constexpr int64_t tile = 16;

}  // namespace

Windows Windows::of_conv(const LayerDesc& layer, bool depthwise) {
  const auto& params = layer.as<ConvParams>();
  return {Conv2dShape::of(layer), params.pads_end[0], params.pads_end[1], depthwise};
}

ConvPlan::ConvPlan(const Windows& windows, int threads)
    : windows_(windows),
      reads_on_((windows.per_channel ? in_channels() : windows.shape.channels) % vector != 0) {
  const Slice images{0, shape().images}, rows{0, shape().out_h}, filters{0, out_channels()};
  const auto lanes = static_cast<int64_t>(std::max(1, threads));
  // Filters that may not be parted: tiles of them, or a group.
  const int64_t grain = windows.per_channel || shape().groups == 1 ? tile : shape().filters;
  if (lanes == 1) {
    add_lane(images, rows, filters);
  } else if (windows.has_weights && filters.size() >= 2 * grain * lanes) {
    // The weights are packed once, and each thread's fit its own cache.
    contiguous_ = false;
    for (int64_t lane = 0; lane < lanes; ++lane)
      add_lane(images, rows, slice_of(filters.size(), lane, lanes, grain));
  } else if (images.size() >= lanes || !windows_meet_rows()) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      add_lane(slice_of(images.size(), lane, lanes), rows, filters);
  } else {
    for (int64_t lane = 0; lane < lanes; ++lane)
      add_lane(images, slice_of(rows.size(), lane, lanes), filters);
  }
}

ConvPart ConvPlan::part(Slice images, Slice rows, Slice filters) const {
  ConvPart part{.images = images, .rows = rows, .filters = filters};
  const int64_t begin = rows.first * shape().stride_h - shape().pad_top;
  const int64_t end = (rows.last - 1) * shape().stride_h - shape().pad_top + reach();
  part.whole_images = rows.size() == shape().out_h;
  part.in_rows = part.whole_images ? Slice{0, shape().height}
                                   : Slice{std::max<int64_t>(0, begin), std::min(end, shape().height)};
  part.pad_top = part.whole_images ? shape().pad_top : std::max<int64_t>(0, -begin);
  part.pad_bottom = part.whole_images ? windows_.pad_bottom : std::max<int64_t>(0, end - shape().height);
  part.first_channel = shape().groups == 1 ? 0 : filters.first / shape().filters * shape().channels;
  return part;
}

void ConvPlan::add_lane(Slice images, Slice rows, Slice filters) {
  if (images.size() <= 0 || rows.size() <= 0 || filters.size() <= 0) return;
  std::vector<ConvPart>& lane = lanes_.emplace_back();
  const ConvPart all = part(images, rows, filters);
  const int64_t in_row = shape().width * in_channels();
  const int64_t behind = ((shape().images - images.last + 1) * shape().height - all.in_rows.last) * in_row;
  if (!reads_on_ || behind >= vector) {
    lane.push_back(all);
    return;
  }
  // Rows that don't touch the last row of the input need no copy.
  const int64_t before_last = shape().height - 1 - reach() + shape().pad_top;
  const int64_t split = before_last < 0 ? 0 : before_last / shape().stride_h + 1;
  if (windows_meet_rows() && in_row >= vector && split > rows.first && split < rows.last) {
    lane.push_back(part(images, {rows.first, split}, filters));
    lane.push_back(part(images, {split, rows.last}, filters));
  } else {
    lane.push_back(all);
  }
  ConvPart& last = lane.back();
  last.copies = true;
  const int64_t images_at_once = last.whole_images ? images.size() : 1;
  const int64_t floats = ((images_at_once - 1) * shape().height + last.in_rows.size()) * in_row + slack;
  copy_floats_ = std::max(copy_floats_, floats);
}

}  // namespace raceline::xnnpack
