// Raceline for programs that embed it: load a model, load a plan, run. Everything else is behind this header.
//
//   raceline::Model model("squeezenet.onnx", {.plan = "squeezenet.plan"});
//   model.run({image.data()}, {scores.data()});
//
// Plans come from `raceline tune`. See examples/embed.cpp and docs/embedding.md.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace raceline {

/// An input or output of a model. Tensors are row-major in the order of the shape, as in the ONNX file.
struct TensorInfo {
  std::string name;
  std::string type;  ///< "f32", "i64", ...
  std::vector<int64_t> shape;
  size_t bytes = 0;
};

/// How to load a model.
struct ModelOptions {
  std::string plan;  ///< path of a plan file; empty: the reference primitives, correct and slow
  int threads = 0;   ///< 0: the plan's
  /// Shapes of inputs whose dimensions the model leaves open; the plan's where it has them.
  std::map<std::string, std::vector<int64_t>> shapes = {};
};

/// A model ready to run: weights packed, memory allocated. run() belongs to one thread at a time; two Models
/// do not disturb each other. Errors are std::runtime_error with a text that names the thing, what was given
/// and what was wanted.
class Model {
 public:
  explicit Model(const std::string& onnx_path, const ModelOptions& options = {});
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  std::span<const TensorInfo> inputs() const;
  std::span<const TensorInfo> outputs() const;

  /// One inference. One pointer an input and an output, in the order of inputs() and outputs(), each to that
  /// entry's `bytes` bytes. Allocates nothing.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);
  void run(std::initializer_list<const void*> inputs, std::initializer_list<void*> outputs);

  /// Memory held for activations and workspace, and for packed weights.
  size_t arena_bytes() const;
  size_t packed_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Raceline's version: "0.1.0".
const char* version_string();

}  // namespace raceline
