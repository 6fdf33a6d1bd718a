// XNNPACK: it reads nothing beyond its inputs, allocates nothing while it runs, and every way to share a
// layer among threads gives the same result.
#include <cstring>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "raceline/profile/operands.h"
#include "tests/kernels/primitive_check.h"

#ifdef RACELINE_HAS_XNNPACK

namespace raceline {
namespace {

/// Memory that ends where the next page may not be read.
class FencedBuffer {
 public:
  explicit FencedBuffer(size_t bytes) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t room = (bytes + page - 1) / page * page;
    size_ = room + page;
    base_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    ::mprotect(static_cast<std::byte*>(base_) + room, page, PROT_NONE);
    data_ = static_cast<std::byte*>(base_) + room - bytes;
  }
  ~FencedBuffer() { ::munmap(base_, size_); }
  FencedBuffer(const FencedBuffer&) = delete;
  FencedBuffer& operator=(const FencedBuffer&) = delete;
  std::byte* data() const { return data_; }

 private:
  void* base_;
  size_t size_;
  std::byte* data_;
};

class Xnnpack : public ::testing::Test, protected PrimitiveBench {
 protected:
  /// All of the library's primitives that support the layer.
  std::vector<const Primitive*> able(const LayerDesc& layer) const {
    std::vector<const Primitive*> found;
    for (const Primitive* primitive : registry.candidates(layer)) {
      if (primitive->info().library == "xnnpack") found.push_back(primitive);
    }
    return found;
  }

  void expect_all_right(const std::string& key) {
    const auto found = able(LayerDesc::parse(key));
    EXPECT_FALSE(found.empty()) << key;
    for (const Primitive* primitive : found) expect_right(primitive->name(), key);
  }

  /// Runs each primitive on operands, outputs and a workspace that end at a fence.
  void run_fenced(const std::string& key) {
    const LayerDesc layer = LayerDesc::parse(key);
    const std::vector<Tensor> operands = random_operands(layer, 3);
    const auto found = able(layer);
    EXPECT_FALSE(found.empty()) << key;
    for (const Primitive* primitive : found) {
      for (const int threads : {1, 2, 3}) {
        SCOPED_TRACE(primitive->name() + " on " + key);
        const LayerLayouts layouts = primitive->layouts(layer);
        std::vector<TensorView> constants(operands.size()), inputs(operands.size());
        std::vector<std::unique_ptr<FencedBuffer>> buffers;
        const auto fence = [&](size_t bytes) {
          return Memory{{}, buffers.emplace_back(std::make_unique<FencedBuffer>(bytes))->data(), 0};
        };
        for (size_t i = 0; i < operands.size(); ++i) {
          if (operands[i] && layer.inputs[i].constant) constants[i] = operands[i].view();
        }
        const auto queue = device.make_queue(threads);
        queue->bind();
        const auto kernel = primitive->prepare(layer, {constants, device, threads});
        for (size_t i = 0; i < operands.size(); ++i) {
          if (!operands[i] || (layer.inputs[i].constant && !kernel->reads_constant(i))) continue;
          const Layout layout = layer.inputs[i].constant ? Layout::nchw : layouts.inputs[i];
          const Tensor source = with_layout(operands[i].view(), layout);
          inputs[i] = {source.desc(), fence(source.bytes().size())};
          std::memcpy(inputs[i].memory.host(), source.bytes().data(), source.bytes().size());
        }
        const TensorDesc out = layer.outputs[0].with(layouts.outputs[0]);
        const TensorView output{out, fence(out.bytes())};
        const Memory workspace = fence((primitive->workspace_bytes(layer, threads) + 63) / 64 * 64);
        EXPECT_TRUE(kernel->run({inputs, {&output, 1}, workspace, *queue}).is_ok());
      }
    }
  }
};

// Channels that are no multiple of four are where kernels for SSE read on.
TEST_F(Xnnpack, NothingBehindAnOperandIsRead) {
  for (const int channels : {1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 31, 33}) {
    for (const int width : {1, 2, 7}) {
      const std::string image = fmt::format("2x{}x5x{}", channels, width);
      run_fenced(fmt::format("conv2d {0} 20x{1}x3x3* 20* pads_begin=1x1 pads_end=1x1", image, channels));
      run_fenced(fmt::format("conv2d {0} 33x{1}x1x1* 33*", image, channels));
      run_fenced(
          fmt::format("conv2d {0} {1}x1x3x3* {1}* group={1} pads_begin=1x1 pads_end=1x1", image, channels));
    }
    const std::string image = fmt::format("2x{}x7x5", channels);
    for (const char* pool : {"max_pool", "average_pool"}) {
      run_fenced(fmt::format("{} {} kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1", pool, image));
      run_fenced(fmt::format("{} {} kernel=2x3", pool, image));
    }
    run_fenced(fmt::format("average_pool {} kernel=7x5", image));
    run_fenced(fmt::format("conv_transpose {} {}x9x3x3* 9* stride=2x2 pads_begin=1x1", image, channels));
    run_fenced(fmt::format("resize {} mode=linear sizes=2x{}x14x9", image, channels));
    run_fenced(fmt::format("binary {} {}x1x1* kind=prelu", image, channels));
    run_fenced(fmt::format("binary {0} {0} kind=add", image));
    run_fenced(fmt::format("binary 3x5x{0} 5x1 kind=mul", 4 * channels));
    run_fenced(fmt::format("softmax 3x{} first_axis=1 end_axis=2", channels));
    for (const char* kind : {"relu", "clip alpha=-1 beta=1", "leaky_relu alpha=0.1", "elu alpha=1", "sigmoid",
                             "hard_swish", "abs", "neg", "sqrt", "floor", "ceil", "round"}) {
      run_fenced(fmt::format("unary 3x{} kind={}", channels, kind));
    }
    run_fenced(fmt::format("gemm 3x{0} {0}x17* 17*", channels));
    run_fenced(fmt::format("matmul 2x3x{0} {0}x33*", channels));
  }
}

TEST_F(Xnnpack, FiltersImagesAndRowsAreSharedAmongThreads) {
  expect_all_right("conv2d 1x16x9x9 96x16x3x3* 96* pads_begin=1x1 pads_end=1x1 +relu");    // filters
  expect_all_right("conv2d 3x3x9x9 8x3x3x3* 8* stride=2x2 pads_begin=1x1 pads_end=1x1");   // images
  expect_all_right("conv2d 1x3x19x9 8x3x3x3* 8* pads_begin=1x2 pads_end=2x1 +clip(0,6)");  // rows
  expect_all_right("conv2d 1x3x19x9 8x3x5x3* dilation=2x1 1x8x11x7 +add +relu");
  expect_all_right("conv2d 2x48x7x7 48x16x3x3* 48* 2x48x7x7 group=3 pads_begin=1x1 pads_end=1x1 +relu +add");
  expect_all_right("conv2d 1x144x7x7 144x1x5x5* 144* group=144 stride=2x2 pads_begin=2x2 pads_end=2x2");
}

TEST_F(Xnnpack, WindowsInThePaddingAndFewRowsAreDone) {
  expect_all_right("conv2d 1x3x2x9 8x3x2x2* 8* pads_begin=4x3 pads_end=3x5");
  expect_all_right("conv2d 1x3x2x2 8x3x1x1* 8* stride=3x3 pads_begin=1x1 pads_end=1x1");
  expect_all_right("conv2d 1x5x1x1 8x5x3x3* pads_begin=1x1 pads_end=1x1");
}

TEST_F(Xnnpack, ClampsAreFusedOnlyWhereTheirBoundsAreInOrder) {
  expect_all_right("conv2d 1x16x5x5 24x16x1x1* 24* +clip(6,0)");
  expect_all_right("conv2d 1x16x5x5 24x16x1x1* 24* +clip(-1,1) +relu");
  expect_all_right("gemm 4x24 24x40* 40* +relu");
  expect_all_right("gemm 4x24 24x40* 1x40* 4x40 alpha=0.5 beta=2 +clip(0,1) +add");
}

// XNNPACK makes tables for each position between two strides, and goes wrong where one has no output.
TEST_F(Xnnpack, TransposedConvolutionsWithFewerOutputsThanTheStrideAreRefused) {
  expect_refused("conv_transpose.xnnpack.igemm.nhwc@cpu",
                 "conv_transpose 1x10x1x1 10x20x6x6* stride=3x4 pads_begin=2x2 pads_end=2x2",
                 "fewer outputs");
  expect_all_right("conv_transpose 2x10x5x4 10x40x4x4* 40* stride=2x2 pads_begin=1x1 pads_end=1x1 +relu");
  expect_all_right("conv_transpose 3x12x5x4 12x4x3x3* group=3 stride=2x1 pads_end=1x1 output_padding=1x0");
}

TEST_F(Xnnpack, PoolsWhoseWindowsLeaveTheImageAreRefusedWhereTheLibraryWouldReadTheEdge) {
  expect_refused("max_pool.xnnpack.indirect.nhwc@cpu",
                 "max_pool 1x8x9x9 kernel=2x2 dilation=2x2 pads_begin=1x1", "in place of the padding");
  expect_refused("average_pool.xnnpack.indirect.nhwc@cpu",
                 "average_pool 1x8x9x9 kernel=3x3 pads_begin=1x1 pads_end=1x1 include_pad=1",
                 "count padding");
  expect_all_right("max_pool 1x6x9x9 kernel=3x2 dilation=2x3");
  expect_all_right("max_pool 2x17x9x9 kernel=3x3 stride=2x2 ceil=1");
}

TEST_F(Xnnpack, WeightsThatChangeAreRefused) {
  expect_refused("conv2d.xnnpack.igemm.nhwc@cpu", "conv2d 1x16x9x9 16x16x3x3 16*", "not constant");
  expect_refused("conv2d.xnnpack.dw.nhwc@cpu", "conv2d 1x16x9x9 16x16x3x3* 16*", "depthwise");
  expect_refused("conv2d.xnnpack.igemm.nhwc@cpu", "conv2d 1x16x9x9 16x1x3x3* 16* group=16", "dw's");
  expect_refused("gemm.xnnpack.gemm.nchw@cpu", "gemm 4x24 24x40", "not constant");
}

}  // namespace
}  // namespace raceline

#endif
