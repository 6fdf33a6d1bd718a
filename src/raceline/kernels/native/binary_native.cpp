// binary in every layout: operands of one shape, or one that is broadcast along axes that lie together: one
// number, one value a channel (of each image or of all), a vector along the last axis. In place where the
// plan allows it. Limits: f32, no comparisons; broadcasting of both operands, or of other axes, is the
// reference's.
#include <optional>

#include "raceline/kernels/common/elementwise.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// How the broadcast operand ("small") meets the other ("large"), which has the output's shape: the stored
/// output is `rows` rows of `width` elements. Row r takes part `(r / rows_per_part) % parts` of the small
/// operand, which is one number for the whole row, or a row itself.
struct Pattern {
  int64_t rows = 1, width = 0, rows_per_part = 1, parts = 1;
  bool part_is_number = false;

  int64_t part_of(int64_t row) const { return row / rows_per_part % parts; }
};

/// Dimension `axis` of `shape` aligned to the right with `rank` dimensions.
int64_t aligned(const Shape& shape, int rank, int axis) {
  const int at = axis - (rank - shape.rank());
  return at < 0 ? 1 : shape[at];
}

/// For row-major tensors: small's axes that are not 1 must be neighbours and equal to large's.
std::optional<Pattern> plain_pattern(const Shape& large, const Shape& small) {
  const int rank = large.rank();
  int first = rank, last = -1;
  for (int axis = 0; axis < rank; ++axis) {
    if (aligned(small, rank, axis) == 1) continue;
    if (aligned(small, rank, axis) != large[axis]) return std::nullopt;
    first = std::min(first, axis);
    last = axis;
  }
  if (last < 0) return Pattern{1, large.elements(), 1, 1, true};
  for (int axis = first; axis <= last; ++axis) {
    if (aligned(small, rank, axis) != large[axis]) return std::nullopt;
  }
  const int64_t outer = large.elements(0, first);
  const int64_t middle = large.elements(first, last + 1);
  const int64_t inner = large.elements(last + 1, rank);
  if (inner == 1) return Pattern{outer, middle, std::max<int64_t>(1, outer), 1, false};
  return Pattern{outer * middle, inner, 1, middle, true};
}

/// For the other layouts: small has a value for each channel, of all images or of each.
std::optional<Pattern> channel_pattern(const TensorDesc& large, const Shape& small) {
  const ChannelForm form = ChannelForm::of(large);
  for (const int axis : {2, 3}) {
    if (aligned(small, 4, axis) != 1) return std::nullopt;
  }
  if (aligned(small, 4, 1) != large.shape[1]) return std::nullopt;
  const int64_t parts_of_images = aligned(small, 4, 0) == 1 ? 1 : form.images;
  if (aligned(small, 4, 0) != parts_of_images) return std::nullopt;
  return Pattern{form.images * form.outer * form.pixels, form.inner, std::max<int64_t>(1, form.pixels),
                 std::max<int64_t>(1, parts_of_images * form.outer), false};
}

std::optional<Pattern> find_pattern(const TensorDesc& large, const Shape& small) {
  if (small == large.shape) return Pattern{1, large.stored_elements(), 1, 1, false};
  if (small.elements() == 1) return Pattern{1, large.stored_elements(), 1, 1, true};
  if (large.layout == Layout::nchw) return plain_pattern(large.shape, small);
  return channel_pattern(large, small);
}

/// Which operand is large, and the pattern of the other.
struct Match {
  size_t large = 0;
  Pattern pattern;
};

std::optional<Match> match(const LayerDesc& layer, Layout layout) {
  const TensorDesc output = layer.outputs[0].with(layout);
  for (const size_t large : {size_t{0}, size_t{1}}) {
    if (layer.inputs[large].desc.shape != output.shape) continue;
    if (const auto pattern = find_pattern(output, layer.inputs[1 - large].desc.shape))
      return Match{large, *pattern};
  }
  return std::nullopt;
}

/// A constant operand as run() reads it: rank 4 in the layout, a vector of channels padded to whole blocks.
Tensor pack(const TensorView& constant, Layout layout) {
  TensorView view = constant;
  const Shape& shape = constant.desc.shape;
  if (shape.elements() == 1) {
    view.desc = {DataType::f32, {1}};
    return with_layout(view, Layout::nchw);
  }
  view.desc.shape = {aligned(shape, 4, 0), aligned(shape, 4, 1), aligned(shape, 4, 2), aligned(shape, 4, 3)};
  return with_layout(view, layout);
}

class BinaryKernel final : public Kernel {
 public:
  BinaryKernel(const LayerDesc& layer, Layout layout, const PrepareArgs& args)
      : kind_(layer.as<BinaryParams>().kind),
        desc_(layer.outputs[0].with(layout)),
        match_(*match(layer, layout)),
        epilogue_(layer, layout) {
    for (const size_t operand : {size_t{0}, size_t{1}}) {
      if (layout != Layout::nchw && layer.inputs[operand].constant) {
        packed_[operand] = pack(args.constants[operand], layout);
      }
    }
  }

  bool reads_constant(size_t operand) const override { return operand > 1 || !packed_[operand]; }
  size_t packed_bytes() const override {
    size_t bytes = 0;
    for (const Tensor& tensor : packed_) bytes += tensor ? tensor.desc().bytes() : 0;
    return bytes;
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* large = operand(args, match_.large);
    const float* small = operand(args, 1 - match_.large);
    const float* residual = epilogue_.residual(args);
    float* y = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    const Pattern& pattern = match_.pattern;
    const auto finish = [&](int64_t first, int64_t last) {
      clear_padding(desc_, y, first, last);
      epilogue_.apply(y, residual, first, last);
    };
    if (pattern.rows == 1) {
      parallel_slices(threads, pattern.width, 16, 4096, [&](Slice slice, int) {
        one_row(large + slice.first, pattern.part_is_number ? small : small + slice.first, y + slice.first,
                slice.size());
        finish(slice.first, slice.last);
      });
      return Status::ok();
    }
    const int64_t least = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, pattern.width));
    parallel_slices(threads, pattern.rows, 1, least, [&](Slice slice, int) {
      for (int64_t row = slice.first; row < slice.last;) {
        // All rows up to the next part of the small operand.
        const int64_t end = std::min(slice.last, (row / pattern.rows_per_part + 1) * pattern.rows_per_part);
        const int64_t at = row * pattern.width;
        const int64_t part = pattern.part_of(row);
        if (pattern.part_is_number) {
          one_row(large + at, small + part, y + at, (end - row) * pattern.width);
        } else {
          binary_rows(kind_, match_.large == 1, large + at, small + part * pattern.width, y + at, end - row,
                      pattern.width);
        }
        row = end;
      }
      finish(slice.first * pattern.width, slice.last * pattern.width);
    });
    return Status::ok();
  }

 private:
  const float* operand(const KernelArgs& args, size_t index) const {
    return packed_[index] ? packed_[index].data<const float>() : args.inputs[index].data<const float>();
  }

  void one_row(const float* large, const float* small, float* y, int64_t count) const {
    const bool number = match_.pattern.part_is_number;
    if (match_.large == 0) {
      binary_span(kind_, number ? Repeat::second : Repeat::none, large, small, y, count);
    } else {
      binary_span(kind_, number ? Repeat::first : Repeat::none, small, large, y, count);
    }
  }

  BinaryKind kind_;
  TensorDesc desc_;
  Match match_;
  Epilogue epilogue_;
  Tensor packed_[2];
};

class BinaryPrimitive final : public Primitive {
 public:
  explicit BinaryPrimitive(Layout layout) : Primitive(native_info(OpKind::binary, "loop", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (!has_binary_span(layer.as<BinaryParams>().kind)) return Support::no("gives no numbers");
    if (const Support laid = needs_layout(layer, info().output); !laid) return laid;
    const auto found = match(layer, info().output);
    if (!found) return Support::no("this broadcasting is the reference's");
    const OperandDesc& small = layer.inputs[1 - found->large];
    const int block = block_of(info().output);
    if (!small.constant && small.desc.shape.rank() != 4 && small.desc.shape.elements() != 1 &&
        layer.outputs[0].shape[1] % block != 0) {
      return Support::no("a vector of channels that fills no whole blocks");
    }
    return Epilogue::supports(layer, info().output);
  }
  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }
  Sharing sharing(const LayerDesc& layer) const override {
    const auto found = match(layer, info().output);
    const bool whole = layer.inputs[0].desc.shape == layer.outputs[0].shape;
    return found && whole && !layer.inputs[0].constant ? Sharing::in_place : Sharing::none;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<BinaryKernel>(layer, info().output, args);
  }
};

}  // namespace

void register_binary_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<BinaryPrimitive>(layout));
}

}  // namespace raceline
