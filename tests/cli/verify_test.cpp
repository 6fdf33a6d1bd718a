// `verify --each-primitive` finds a primitive that is wrong, be it tried or filling in for others.
#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/verify_case.h"
#include "raceline/model/zoo/zoo.h"

namespace raceline::cli {
namespace {

/// The reference's kernel, and then one element is far off.
class SpoiledKernel final : public Kernel {
 public:
  explicit SpoiledKernel(std::unique_ptr<const Kernel> kernel) : kernel_(std::move(kernel)) {}
  Status run(const KernelArgs& args) const noexcept override {
    const Status status = kernel_->run(args);
    args.outputs[0].data<float>()[0] += 100;
    return status;
  }
  bool reads_constant(size_t operand) const override { return kernel_->reads_constant(operand); }

 private:
  std::unique_ptr<const Kernel> kernel_;
};

/// Computes every plain layer of its op. `layout` is only its name's: what fills in is the family of a layer
/// that has most of them.
class SpoiledPrimitive final : public Primitive {
 public:
  SpoiledPrimitive(const Primitive& sound, bool wrong, Layout layout = Layout::nchw)
      : Primitive({.op = sound.info().op,
                   .library = "test",
                   .algorithm = wrong ? "spoiled" : "sound",
                   .input = layout,
                   .output = layout}),
        sound_(sound),
        wrong_(wrong) {}

  Support supports(const LayerDesc& layer) const override {
    return layer.epilogue.empty() ? Support::yes() : Support::no("it fuses nothing");
  }
  LayerLayouts layouts(const LayerDesc& layer) const override { return sound_.layouts(layer); }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    std::unique_ptr<const Kernel> kernel = sound_.prepare(layer, args);
    if (!wrong_) return kernel;
    return std::make_unique<SpoiledKernel>(std::move(kernel));
  }

 private:
  const Primitive& sound_;
  bool wrong_;
};

class VerifyEachPrimitive : public testing::Test {
 protected:
  VerifyEachPrimitive()
      : model_(std::filesystem::temp_directory_path() /
               fmt::format("raceline-verify-{}.onnx", static_cast<int>(::getpid()))) {
    write_zoo("lenet5", model_);
  }
  ~VerifyEachPrimitive() override { std::filesystem::remove(model_); }

  void add(std::string_view reference, bool wrong, Layout layout = Layout::nchw) {
    bench_.registry.add(std::make_unique<SpoiledPrimitive>(bench_.registry.at(reference), wrong, layout));
  }
  VerifyResult verify() {
    runs_ = 0;
    return verify_case(model_, {}, {.plan = {}, .only = {}, .each_primitive = true}, {.of_largest = 1e-3},
                       bench_, [&](size_t done, size_t all, const std::string&) {
                         EXPECT_EQ(done, runs_++);
                         EXPECT_LT(done, all);
                       });
  }
  static bool blames(const VerifyResult& result, const std::string& name) {
    return std::any_of(result.why.begin(), result.why.end(), [&](const std::string& why) {
      return why.find("by " + name + ":") != std::string::npos;
    });
  }

  std::filesystem::path model_;
  Workbench bench_;
  size_t runs_ = 0;
};

TEST_F(VerifyEachPrimitive, PassesEveryPrimitiveOfThisBuild) {
  add("conv2d.reference.direct.nchw@cpu", false);
  const VerifyResult result = verify();
  EXPECT_EQ(result.state, VerifyResult::State::passed);
  EXPECT_EQ(result.why, std::vector<std::string>{});
  EXPECT_GT(result.runs, 50);
  EXPECT_EQ(result.runs + static_cast<int>(result.unused.size()), static_cast<int>(runs_));
  for (const std::string& name : result.unused) {
    EXPECT_TRUE(name.starts_with("reorder.") || name.starts_with("concat.native.in_place.")) << name;
  }
}

TEST_F(VerifyEachPrimitive, BlamesTheOneThatIsWrongAndNoOther) {
  for (const std::string op : {"conv2d", "max_pool"}) {
    add(op + ".reference.direct.nchw@cpu", true);
    const VerifyResult result = verify();
    EXPECT_EQ(result.state, VerifyResult::State::failed);
    EXPECT_TRUE(blames(result, op + ".test.spoiled.nchw@cpu")) << op;
  }
  EXPECT_EQ(verify().why.size(), 2u);
}

TEST_F(VerifyEachPrimitive, FindsAReluThatOthersWouldFuse) {
  add("unary.reference.loop.nchw@cpu", true);
  EXPECT_TRUE(blames(verify(), "unary.test.spoiled.nchw@cpu"));
}

TEST_F(VerifyEachPrimitive, FindsAWrongPrimitiveThatFillsIn) {
  add("gemm.reference.loop.nchw@cpu", true, Layout::nchw);
  add("gemm.reference.loop.nchw@cpu", true, Layout::nhwc);
  const VerifyResult result = verify();
  EXPECT_EQ(result.state, VerifyResult::State::failed);
  EXPECT_TRUE(blames(result, "gemm.test.spoiled.nchw@cpu"));
  EXPECT_TRUE(blames(result, "gemm.test.spoiled.nhwc@cpu"));
  EXPECT_TRUE(blames(result, "conv2d.native.direct.nchw@cpu")) << "the spoiled ones do not fill in";
}

}  // namespace
}  // namespace raceline::cli
