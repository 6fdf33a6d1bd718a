// What the tests of this room share: files that vanish, a small network, the reference evaluator.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/random.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/model/onnx_writer.h"

namespace raceline::testing {

/// A folder that is removed with all it holds.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "raceline_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw IoError("no temporary folder " + name);
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The reference primitives as an evaluator.
class Reference {
 public:
  Reference() : registry_(builtin_primitives()), device_(Machine{}) {}
  Evaluator evaluator() { return reference_evaluator(registry_, device_); }

 private:
  PrimitiveRegistry registry_;
  CpuDevice device_;
};

inline Tensor random_tensor(const Shape& shape, uint64_t seed) {
  Random random(seed);
  Tensor tensor({DataType::f32, shape});
  for (int64_t i = 0; i < shape.elements(); ++i)
    tensor.data<float>()[i] = static_cast<float>(random.uniform(-1, 1));
  return tensor;
}

inline Tensor integers(std::vector<int64_t> values) {
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values));
}

using Ints = std::vector<int64_t>;

/// conv, relu, pool, reshape by an initializer, gemm, softmax: large and small initializers, a Constant node.
inline OnnxWriter small_network() {
  OnnxWriter writer("small", 13);
  writer.input("image", std::vector<std::string>{"N", "3", "8", "8"});
  writer.output("prob", Shape{1, 10});
  writer.initializer("w1", random_tensor({16, 3, 3, 3}, 1));
  writer.initializer("b1", random_tensor({16}, 2));
  writer.initializer("w2", random_tensor({10, 256}, 3));
  const Tensor shape = integers({0, -1});
  writer.node("Conv", {"image", "w1", "b1"}, {"c1"}, {{"pads", Ints{1, 1, 1, 1}}}, "conv1");
  writer.node("Relu", {"c1"}, {"r1"}, {}, "relu1");
  writer.node("MaxPool", {"r1"}, {"p1"}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}, "pool1");
  writer.node("Constant", {}, {"flat"}, {{"value", shape.view()}});
  writer.node("Reshape", {"p1", "flat"}, {"f1"}, {}, "reshape1");
  writer.node("Gemm", {"f1", "w2"}, {"logits"}, {{"transB", int64_t{1}}}, "fc");
  writer.node("Softmax", {"logits"}, {"prob"}, {{"axis", int64_t{-1}}}, "softmax");
  return writer;
}

/// The text of what `run` throws; empty when it throws nothing of that type.
template <class Exception, class Run>
std::string thrown(Run&& run) {
  try {
    run();
  } catch (const Exception& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace raceline::testing
