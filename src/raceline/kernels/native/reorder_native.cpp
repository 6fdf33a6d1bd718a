// reorder between the layouts of an f32 tensor: transpositions between nchw and the others, copies of blocks
// between nhwc and the blocked layouts.
#include <cstring>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/transpose_tiles.h"

namespace raceline {
namespace {

/// Some pixels of a block of channels, from nhwc, whose pixels lie `step` apart, to a block of `block` lanes
/// of which `used` are channels.
template <int block>
void nhwc_to_block(const float* from, float* to, int64_t pixels, int64_t step, int64_t used) {
  if (used == block) {
    vectorised([=]() RACELINE_LAMBDA {
      const float* x = from;
      float* y = to;
      for (int64_t left = pixels; left > 0; --left, x += step, y += block)
        std::memcpy(y, x, block * sizeof(float));
    });
    return;
  }
  for (int64_t p = 0; p < pixels; ++p) {
    for (int i = 0; i < block; ++i) to[p * block + i] = i < used ? from[p * step + i] : 0.0f;
  }
}

/// And back.
template <int block>
void block_to_nhwc(const float* from, float* to, int64_t pixels, int64_t step, int64_t used) {
  if (used == block) {
    vectorised([=]() RACELINE_LAMBDA {
      const float* x = from;
      float* y = to;
      for (int64_t left = pixels; left > 0; --left, x += block, y += step)
        std::memcpy(y, x, block * sizeof(float));
    });
    return;
  }
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t i = 0; i < used; ++i) to[p * step + i] = from[p * block + i];
  }
}

class ReorderKernel final : public Kernel {
 public:
  ReorderKernel(const TensorDesc& desc, Layout from, Layout to)
      : from_(from),
        to_(to),
        images_(desc.shape[0]),
        channels_(desc.shape[1]),
        pixels_(desc.shape[2] * desc.shape[3]) {}

  Status run(const KernelArgs& args) const noexcept override {
    const float* from = args.inputs[0].data<const float>();
    float* to = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    if (from_ == Layout::nchw && to_ == Layout::nhwc) {
      transpose_batch(from, to, images_, channels_, pixels_, threads);
      return Status::ok();
    }
    if (from_ == Layout::nhwc && to_ == Layout::nchw) {
      transpose_batch(from, to, images_, pixels_, channels_, threads);
      return Status::ok();
    }
    const int64_t block = std::max(block_of(from_), block_of(to_));
    const int64_t blocks = (channels_ + block - 1) / block;
    if (from_ == Layout::nhwc || to_ == Layout::nhwc) {
      // Some pixels of all blocks, so that both sides are walked from front to back.
      constexpr int64_t chunk = 16;
      const int64_t chunks = (pixels_ + chunk - 1) / chunk;
      parallel_slices(
          threads, images_ * chunks, 1, 8192 / (chunk * blocks * block) + 1, [&](Slice slice, int) {
            for (int64_t at = slice.first; at < slice.last; ++at) {
              const Slice pixels{at % chunks * chunk, std::min(pixels_, (at % chunks + 1) * chunk)};
              for (int64_t of = 0; of < blocks; ++of) {
                const int64_t plane = at / chunks * blocks + of;
                convert(from, to, at / chunks, of * block, pixels, (plane * pixels_ + pixels.first) * block);
              }
            }
          });
      return Status::ok();
    }
    // Pixels of all blocks of all images, one after the other.
    parallel_slices(threads, images_ * blocks * pixels_, 16, 512, [&](Slice slice, int) {
      for (int64_t at = slice.first; at < slice.last;) {
        const int64_t plane = at / pixels_;
        const int64_t end = std::min(slice.last, (plane + 1) * pixels_);
        const int64_t channel = plane % blocks * block;
        convert(from, to, plane / blocks, channel, {at - plane * pixels_, end - plane * pixels_}, at * block);
        at = end;
      }
    });
    return Status::ok();
  }

 private:
  /// Some pixels of one block of channels, which begin at element `blocked` of the blocked tensor.
  void convert(const float* from, float* to, int64_t image, int64_t channel, Slice pixels,
               int64_t blocked) const {
    const int64_t block = std::max(block_of(from_), block_of(to_));
    const int64_t used = std::min(block, channels_ - channel);
    const int64_t in_nchw = (image * channels_ + channel) * pixels_ + pixels.first;
    const int64_t in_nhwc = (image * pixels_ + pixels.first) * channels_ + channel;
    if (from_ == Layout::nchw) {
      transpose(from + in_nchw, pixels_, to + blocked, block, used, pixels.size(), block);
    } else if (to_ == Layout::nchw) {
      transpose(from + blocked, block, to + in_nchw, pixels_, pixels.size(), used);
    } else if (from_ == Layout::nhwc) {
      (block == 8 ? nhwc_to_block<8> : nhwc_to_block<16>)(from + in_nhwc, to + blocked, pixels.size(),
                                                          channels_, used);
    } else {
      (block == 8 ? block_to_nhwc<8> : block_to_nhwc<16>)(from + blocked, to + in_nhwc, pixels.size(),
                                                          channels_, used);
    }
  }

  Layout from_, to_;
  int64_t images_, channels_, pixels_;
};

class ReorderPrimitive final : public Primitive {
 public:
  ReorderPrimitive(std::string algorithm, Layout from, Layout to)
      : Primitive(native_info(OpKind::reorder, std::move(algorithm), from, to)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const ReorderParams& params = layer.as<ReorderParams>();
    if (params.from != Interface{{}, info().input, DataType::f32} ||
        params.to != Interface{{}, info().output, DataType::f32}) {
      return Support::no(
          fmt::format("converts from cpu:{} to cpu:{}", to_string(info().input), to_string(info().output)));
    }
    if (layer.inputs[0].desc.shape.rank() != 4) return Support::no("rank 4 only");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<ReorderKernel>(layer.inputs[0].desc, info().input, info().output);
  }
};

}  // namespace

void register_reorder_native(PrimitiveRegistry& registry) {
  for (const Layout other : {Layout::nhwc, Layout::nchw8c, Layout::nchw16c}) {
    registry.add(std::make_unique<ReorderPrimitive>("transpose", Layout::nchw, other));
    registry.add(std::make_unique<ReorderPrimitive>("transpose", other, Layout::nchw));
  }
  for (const Layout blocked : {Layout::nchw8c, Layout::nchw16c}) {
    registry.add(std::make_unique<ReorderPrimitive>("copy", Layout::nhwc, blocked));
    registry.add(std::make_unique<ReorderPrimitive>("copy", blocked, Layout::nhwc));
  }
}

}  // namespace raceline
