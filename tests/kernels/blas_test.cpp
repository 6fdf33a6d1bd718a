// Convolution, gemm and matmul on each BLAS.
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/kernels/common/blas_library.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

class OnBlas : public ::testing::TestWithParam<std::string>, protected PrimitiveBench {
 protected:
  void SetUp() override {
    if (const auto opened = BlasLibrary::open(GetParam()); !opened.library) GTEST_SKIP() << opened.why;
  }

  /// "conv2d", "gemm.im2col.nchw" -> named("conv2d", "gemm.im2col.nchw").
  static std::string named(const std::string& op, const std::string& rest) {
    return op + "." + GetParam() + "." + rest + "@cpu";
  }
};

TEST_P(OnBlas, ConvolutionsAreRightForEveryGeometry) {
  for (const char* key :
       {"conv2d 1x3x20x22 16x3x3x3* 16* pads_begin=1x1 pads_end=1x1", "conv2d 2x19x9x11 21x19x1x1* 21*",
        "conv2d 1x8x15x13 12x8x5x3* stride=2x3 pads_begin=2x1 pads_end=1x0 dilation=1x2",
        "conv2d 1x24x10x10 36x6x3x3* 36* group=4 pads_begin=1x1 pads_end=1x1 +relu",
        "conv2d 1x16x12x12 16x1x3x3* group=16 pads_begin=1x1 pads_end=1x1",
        "conv2d 1x6x9x9 4x6x1x1* stride=2x2", "conv2d 1x32x7x7 64x32x3x3* 64* pads_begin=1x1 pads_end=1x1",
        "conv2d 1x5x1x1 7x5x1x1* 7*", "conv2d 3x5x4x4 7x5x4x4* 7*", "conv2d 1x3x6x6 1x3x3x3* 1*",
        "conv2d 1x16x60x60 24x16x3x3* 24* pads_begin=1x1 pads_end=1x1 +clip(0,6)",
        "conv2d 1x16x14x14 24x16x1x1* 24* 1x24x14x14 +add +relu",
        "conv2d 1x16x14x14 24x16x1x1* 1x24x14x14 +relu +add",
        "conv2d 1x3x4x4 4x3x7x7* pads_begin=6x6 pads_end=5x5",
        "conv2d 1x8x40x90 37x8x3x5* 37* pads_begin=1x2 pads_end=1x2",
        "conv2d 1x6x31x29 40x6x4x4* stride=3x2 pads_begin=2x5 pads_end=4x1 dilation=2x3",
        "conv2d 2x4x50x3 6x4x5x2* 6* stride=4x1 pads_begin=9x0 pads_end=7x0", "conv2d 0x3x4x4 4x3x3x3*"}) {
    expect_right(named("conv2d", "gemm.im2col.nchw"), key);
    expect_right(named("conv2d", "gemm.im2row.nhwc"), key);
    const LayerDesc layer = LayerDesc::parse(key);
    const auto& params = layer.as<ConvParams>();
    const Shape& filters = layer.inputs[1].desc.shape;
    if (filters[2] * filters[3] == 1) continue;
    expect_right(named("conv2d", "gemm.kn2row_accumulating.nchw"), key);
    expect_right(named("conv2d", "gemm.kn2col_accumulating.nhwc"), key);
    if (params.stride[0] * params.stride[1] != 1) continue;
    expect_right(named("conv2d", "gemm.kn2row.nchw"), key);
    expect_right(named("conv2d", "gemm.kn2col.nhwc"), key);
  }
  expect_right(named("conv2d", "gemm.im2col.nchw"), "conv2d 1x3x8x8 4x3x3x3 4");
  expect_refused(named("conv2d", "gemm.im2row.nhwc"), "conv2d 1x3x8x8 4x3x3x3", "not constant");
  for (const char* lowering :
       {"kn2row.nchw", "kn2col.nhwc", "kn2row_accumulating.nchw", "kn2col_accumulating.nhwc"}) {
    const std::string name = named("conv2d", std::string("gemm.") + lowering);
    expect_refused(name, "conv2d 1x3x8x8 4x3x3x3", "not constant");
    expect_refused(name, "conv2d 1x3x8x8 4x3x1x1*", "im2col's product");
    expect_refused(name, "conv2d 1x3x8x8 4x3x1x1* stride=2x2", "im2col's product");
  }
  for (const char* lowering : {"kn2row.nchw", "kn2col.nhwc"}) {
    expect_refused(named("conv2d", std::string("gemm.") + lowering), "conv2d 1x3x8x8 4x3x3x3* stride=1x2",
                   "stride 1x2");
  }
  expect_refused(named("conv2d", "gemm.im2col.nchw"), "conv2d 1x3x8x8:f64 4x3x3x3:f64*", "f32 only");
}

TEST_P(OnBlas, GemmIsRightForEveryTransposeAndBias) {
  for (const char* key : {"gemm 5x33 33x40* 40*", "gemm 33x5 40x33* trans_a=1 trans_b=1",
                          "gemm 5x33 40x33* 5x1 trans_b=1 beta=0.5",
                          "gemm 33x5 33x40 scalar trans_a=1 alpha=2", "gemm 64x33 33x40 64x40 +relu",
                          "gemm 5x33 33x40* 1x40* 5x40 +add", "gemm 5x0 0x4 4*", "gemm 3x7 7x2 beta=0"}) {
    expect_right(named("gemm", "gemm.nchw"), key);
  }
  for (const char* key : {"gemm 5x33 33x40* 40*", "gemm 33x5 40x33* trans_a=1 trans_b=1",
                          "gemm 5x33 33x40* 1x40* 5x40 +add", "gemm 64x33 130x33* trans_b=1 alpha=2 +relu"}) {
    expect_right(named("gemm", "gemm.transposed.nchw"), key);
  }
  for (const char* key : {"gemm 1x333 333x1000* 1000*", "gemm 1x333 1000x333* 1000* trans_b=1 +relu",
                          "gemm 333x1 333x40* trans_a=1 alpha=0.5", "gemm 1x33 1x33* trans_b=1",
                          "gemm 1x33 33x1*", "gemm 1x33 33x40* 1x40 +add"}) {
    expect_right(named("gemm", "gemv.nk.nchw"), key);
    expect_right(named("gemm", "gemv.kn.nchw"), key);
  }
  expect_right(named("gemm", "gemv.nk.nchw"), "gemm 1x33 40x33 trans_b=1");
  expect_right(named("gemm", "gemv.kn.nchw"), "gemm 1x33 33x40");
  for (const char* key : {"gemm 50x33 33x1* 1*", "gemm 33x50 1x33 50x1 trans_a=1 trans_b=1"}) {
    expect_right(named("gemm", "gemv.mk.nchw"), key);
  }
}

TEST_P(OnBlas, VectorsAreNeverGivenToGemm) {
  expect_refused(named("gemm", "gemm.nchw"), "gemm 1x33 33x40*", "gemv");
  expect_refused(named("gemm", "gemm.nchw"), "gemm 5x33 33x1*", "gemv");
  expect_refused(named("gemm", "gemv.nk.nchw"), "gemm 5x33 33x4*", "no single row");
  expect_refused(named("gemm", "gemv.nk.nchw"), "gemm 1x33 33x40", "stored the other way");
  expect_refused(named("gemm", "gemm.transposed.nchw"), "gemm 1x33 33x40*", "gemv");
  expect_refused(named("gemm", "gemm.transposed.nchw"), "gemm 5x33 33x40", "isn't constant");
  expect_refused(named("matmul", "gemm.transposed.nchw"), "matmul 5x33 33x40", "isn't constant");
  expect_refused(named("matmul", "gemm.transposed.nchw"), "matmul 5x33 33*", "both storages");
}

TEST_P(OnBlas, MatmulBroadcastsItsBatches) {
  for (const char* key :
       {"matmul 5x33 33x40*", "matmul 2x3x5x33 2x3x33x7", "matmul 3x5x33 33x7", "matmul 5x33 4x33x7",
        "matmul 2x1x5x9 1x3x9x7", "matmul 33 33x7", "matmul 5x33 33", "matmul 33 33", "matmul 4x5x33 33",
        "matmul 33 4x33x7", "matmul 200x40 40x3 200x3 +add +relu", "matmul 0x3 3x4"}) {
    expect_right(named("matmul", "gemm.nchw"), key);
  }
  for (const char* key :
       {"matmul 5x33 33x40*", "matmul 1x33 33x40*", "matmul 33 33x7*", "matmul 4x5x33 4x33x20* +relu",
        "matmul 2x3x5x33 1x1x33x7*", "matmul 3x5x33 33x7* 3x5x7 +add", "matmul 2x1x5x9 1x3x9x7*"}) {
    expect_right(named("matmul", "gemm.transposed.nchw"), key);
  }
}

TEST_P(OnBlas, MultiplyTakesEveryStorageOfVectorsAndMatrices) {
  const BlasLibrary blas = *BlasLibrary::open(GetParam()).library;
  Random random(11);
  for (const int64_t m : {1, 4}) {
    for (const int64_t n : {1, 5}) {
      for (const int64_t k : {0, 1, 6}) {
        for (const bool trans_a : {false, true}) {
          for (const bool trans_b : {false, true}) {
            const int64_t lda = (trans_a ? m : k) + 2, ldb = (trans_b ? k : n) + 3, ldc = n + 1;
            std::vector<float> a(static_cast<size_t>((trans_a ? k : m) * lda) + 1);
            std::vector<float> b(static_cast<size_t>((trans_b ? n : k) * ldb) + 1);
            std::vector<float> c(static_cast<size_t>(m * ldc));
            for (auto* matrix : {&a, &b, &c}) {
              for (float& x : *matrix) x = static_cast<float>(random.uniform(-1, 1));
            }
            std::vector<float> want = c;
            for (int64_t i = 0; i < m; ++i) {
              for (int64_t j = 0; j < n; ++j) {
                double sum = 0;
                for (int64_t p = 0; p < k; ++p) {
                  sum += static_cast<double>(a[static_cast<size_t>(trans_a ? p * lda + i : i * lda + p)]) *
                         b[static_cast<size_t>(trans_b ? j * ldb + p : p * ldb + j)];
                }
                float& element = want[static_cast<size_t>(i * ldc + j)];
                element = static_cast<float>(2 * sum + 0.5 * element);
              }
            }
            blas.multiply(m, n, k, 2, {a.data(), lda, trans_a}, {b.data(), ldb, trans_b}, 0.5f, c.data(),
                          ldc);
            for (size_t i = 0; i < c.size(); ++i) {
              EXPECT_NEAR(c[i], want[i], 1e-5) << m << "x" << n << "x" << k << " " << trans_a << trans_b;
            }
          }
        }
      }
    }
  }
}

TEST_P(OnBlas, TwoThreadsNeverShareABuffer) {
  // A build that hands out buffers without a lock gives two threads the same one now and then: hundreds of
  // these products are then wrong. Small ones for sgemm's paths without packing, one for the path with it,
  // and vectors.
  const std::string name = named("matmul", "gemm.nchw");
  const Primitive& primitive = registry.at(name);
  for (const auto& [key, rounds] :
       {std::pair("matmul 2x32x64 2x64x32", 2'000), std::pair("matmul 2x90x300 2x300x110", 300),
        std::pair("matmul 2x1x64 2x64x320", 2'000)}) {
    const LayerDesc layer = LayerDesc::parse(key);
    const std::vector<Tensor> operands = random_operands(layer, 3);
    const std::vector<TensorView> inputs = {operands[0].view(), operands[1].view()};
    const auto run = [&](const Kernel& kernel, int threads) {
      Tensor output(layer.outputs[0]);
      const TensorView view = output.view();
      const auto queue = device.make_queue(threads);
      EXPECT_TRUE(kernel.run({inputs, {&view, 1}, {}, *queue}).is_ok());
      return output;
    };
    const std::vector<TensorView> constants(2);
    const auto kernel = primitive.prepare(layer, {constants, device, 2});
    const Tensor want = run(*kernel, 1);
    int wrong = 0;
    for (int round = 0; round < rounds; ++round) {
      const Tensor got = run(*kernel, 2);
      if (std::memcmp(got.data<float>(), want.data<float>(), want.desc().bytes()) != 0) ++wrong;
    }
    EXPECT_EQ(wrong, 0) << key << ": of " << rounds;
  }
}

TEST_P(OnBlas, ACallStaysOnItsThread) {
  // 2 threads of libgomp are allowed, and a library that took them would give other bits: its blocks differ.
  const BlasLibrary blas = *BlasLibrary::open(GetParam()).library;
  constexpr int64_t m = 200, n = 150, k = 300;
  Random random(5);
  std::vector<float> a(m * k), b(k * n), alone(m * n), allowed(m * n);
  for (auto* matrix : {&a, &b}) {
    for (float& x : *matrix) x = static_cast<float>(random.uniform(-1, 1));
  }
  const auto multiply = [&](int threads, std::vector<float>& c) {
    const auto queue = device.make_queue(threads);
    queue->bind();
    blas.multiply(m, n, k, 1, {a.data(), k}, {b.data(), n}, 0, c.data(), n);
  };
  const auto threads_of_process = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  multiply(1, alone);
  const auto before = threads_of_process();
  multiply(64, allowed);
  EXPECT_EQ(threads_of_process(), before);
  EXPECT_EQ(alone, allowed);
}

INSTANTIATE_TEST_SUITE_P(each, OnBlas, testing::Values("openblas", "blis", "atlas"),
                         [](const auto& info) { return info.param; });

TEST(BlasLibraryTest, SaysWhatIsMissing) {
  const auto opened = BlasLibrary::open("mkl");
  EXPECT_FALSE(opened.library);
  EXPECT_NE(opened.why.find("mkl"), std::string::npos);
}

TEST(BlasLibraryTest, NoBlasRunsWithoutTheVectorUnitsOfTheMachine) {
  const Machine machine = Machine::detect();
  const auto opened = BlasLibrary::open("blis");
  if (!opened.library || !machine.has("avx2")) GTEST_SKIP() << "no BLIS, or nothing but its generic kernels";
  // Seen on processors that it does not know.
  EXPECT_EQ(opened.library->version().find("generic"), std::string::npos) << opened.library->version();
}

TEST(BlasLibraryTest, MachinesWithoutVectorUnitsAreLeftAlone) {
  Machine machine = Machine::detect();
  machine.isa.clear();
  EXPECT_TRUE(blas_environment(machine).empty());
}

}  // namespace
}  // namespace raceline
