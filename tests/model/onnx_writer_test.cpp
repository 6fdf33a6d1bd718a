// Written models are read back whole, their weights used where they lie.
#ifndef ONNX_NAMESPACE
#define ONNX_NAMESPACE onnx
#define ONNX_ML 1
#endif
#include "raceline/model/onnx_writer.h"

#include <cstring>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/onnx_file.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

TEST(OnnxWriter, TheReaderGetsTheSameTensors) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  const Graph graph = OnnxModel::load(folder / "m.onnx").build({}, {});
  const TensorView w2 = graph.constant(graph.find_value("w2"));
  Tensor wanted = random_tensor({10, 256}, 3);
  ASSERT_EQ(w2.desc, wanted.desc());
  EXPECT_EQ(std::memcmp(w2.data<std::byte>(), wanted.bytes().data(), wanted.bytes().size()), 0);
  EXPECT_EQ(graph.to_string(),
            "input image 1x3x8x8\n"
            "constant w1 16x3x3x3\n"
            "constant b1 16\n"
            "constant flat 2:i64\n"
            "constant w2 10x256\n"
            "node conv1: c1 1x16x8x8 = conv2d(image, w1, b1) pads_begin=1x1 pads_end=1x1\n"
            "node relu1: r1 1x16x8x8 = unary(c1) kind=relu\n"
            "node pool1: p1 1x16x4x4 = max_pool(r1) kernel=2x2 stride=2x2\n"
            "node reshape1: f1 1x256 = reshape(p1) dims=1x256\n"
            "node fc: logits 1x10 = gemm(f1, w2) trans_b=1\n"
            "node softmax: prob 1x10 = softmax(logits) first_axis=1 end_axis=2\n"
            "output prob prob\n");
}

TEST(OnnxWriter, LargeDataAreAligned) {
  const TempFolder folder;
  for (size_t extra = 0; extra < 24; ++extra) {
    OnnxWriter writer(std::string(extra, 'g'), 13);
    writer.initializer("a", random_tensor({257 + static_cast<int64_t>(extra)}, 1));
    writer.initializer("bytes", Tensor({DataType::u8, {1031 + static_cast<int64_t>(extra)}}));
    writer.initializer("doubles", Tensor({DataType::f64, {3, 700}}));
    writer.initializer("name of another length", random_tensor({70, 70, 70}, 2));
    writer.write(folder / "m.onnx");
    const OnnxFile file(folder / "m.onnx");
    for (const onnx::TensorProto& tensor : file.model().graph().initializer()) {
      const auto data = file.left_in_file(tensor);
      ASSERT_TRUE(data) << tensor.name();
      EXPECT_EQ((data->data() - file.bytes().data()) % 8, 0) << tensor.name() << " with " << extra;
    }
  }
}

TEST(OnnxWriter, MakesTensorsWhenTheyAreWritten) {
  const TempFolder folder;
  int made = 0;
  OnnxWriter streamed("m", 13);
  OnnxWriter held("m", 13);
  for (int i = 0; i < 3; ++i) {
    const Shape shape{100, 7 + i};
    const std::string name = fmt::format("w{}", i);
    held.initializer(name, random_tensor(shape, static_cast<uint64_t>(i)));
    streamed.initializer(name, {DataType::f32, shape}, [&made, shape, i] {
      ++made;
      return random_tensor(shape, static_cast<uint64_t>(i));
    });
  }
  EXPECT_EQ(made, 0);
  streamed.write(folder / "a.onnx");
  held.write(folder / "b.onnx");
  EXPECT_EQ(made, 3);
  EXPECT_EQ(read_file(folder / "a.onnx"), read_file(folder / "b.onnx"));

  OnnxWriter wrong("m", 13);
  wrong.initializer("w", {DataType::f32, {3}}, [] { return random_tensor({4}, 1); });
  EXPECT_THROW(wrong.write(folder / "c.onnx"), GraphError);
}

TEST(OnnxWriter, AFailureLeavesNothingBehind) {
  const TempFolder folder;
  EXPECT_THROW(small_network().write(folder / "absent/m.onnx"), IoError);
  OnnxWriter failing("m", 13);
  failing.initializer("w", {DataType::f32, {3}}, []() -> Tensor { throw IoError("no weights"); });
  EXPECT_THROW(failing.write(folder / "m.onnx"), IoError);
  EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
  if (std::filesystem::exists("/dev/full")) {
    EXPECT_THROW(small_network().write("/dev/full"), IoError);
    EXPECT_TRUE(std::filesystem::exists("/dev/full"));
  }
}

}  // namespace
}  // namespace raceline
