// Raceline for programs that embed it: load a model, load a plan, run. Everything else is behind this header.
//
//   raceline::Model model("squeezenet.onnx", {.plan = "squeezenet.plan"});
//   model.run({image.data()}, {scores.data()});
//
// Plans come from `raceline tune`. See examples/embed.cpp and docs/sessions.md.
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
  /// False where only a run tells the shape (boxes that were found, say): `shape` is empty, `bytes` 0.
  bool fixed = true;
};

/// An output that run() allocated.
struct OutputTensor {
  TensorInfo info;  ///< with the shape that it has
  std::vector<std::byte> data;
};

/// How to load a model.
struct ModelOptions {
  /// Path of a plan file; empty: the reference primitives, correct and slow. Of a file for several shapes the
  /// plan for `shapes` is used, or the first.
  std::string plan;
  int threads = 0;  ///< 0: the plan's
  /// A folder in which packed weights are kept for the next start; empty: they are packed each time. One that
  /// cannot be written is no error.
  std::string cache = {};
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
  /// entry's `bytes` bytes. Allocates nothing. All outputs must be fixed.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);
  void run(std::initializer_list<const void*> inputs, std::initializer_list<void*> outputs);
  /// As run() for any model: also where shapes of outputs depend on data, or on the values of an input.
  std::vector<OutputTensor> run(std::span<const void* const> inputs);

  /// Memory held for activations and workspace, and for packed weights; 0 where not all outputs are fixed.
  size_t arena_bytes() const;
  size_t packed_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Raceline's version: "0.1.0".
const char* version_string();

}  // namespace raceline
