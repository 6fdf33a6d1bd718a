// ONNX models: what they want, and the graph they become.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/model/stages.h"

namespace raceline {

/// What a model leaves open. Names are those of the model.
struct Bindings {
  std::map<std::string, Shape> shapes;  ///< input -> shape
  std::map<std::string, int64_t> dims;  ///< symbolic dimension -> value
  std::map<std::string, TensorView>
      values;         ///< input -> value: it becomes a constant and is no input any more
  int64_t batch = 0;  ///< of batch dimensions that nothing else binds; 0: not given, they are 1
};

/// An input as the model declares it. Initializers are none, even when they are listed.
struct OnnxInput {
  std::string name;
  DataType type = DataType::f32;
  std::vector<std::string> dims;  ///< a number, a symbol, or "?"
  bool ranked = true;             ///< false: not even the number of dimensions is declared
};

/// A model read from a .onnx file. Its large weights stay in the file, or in the files of its folder that it
/// names (external data); these must not change while the model or a graph built from it lives.
class OnnxModel {
 public:
  /// Throws IoError, ParseError naming the file and what is wrong with it, and UnsupportedError for functions
  /// that make too large a model.
  static OnnxModel load(const std::filesystem::path& path);
  ~OnnxModel();
  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;

  std::span<const OnnxInput> inputs() const;
  std::vector<std::string> outputs() const;
  /// Version of the standard operators.
  int64_t opset() const;
  /// The graph's name; may be empty.
  std::string name() const;
  /// Scalar and vector inputs whose values decide shapes or parameters, perhaps through arithmetic: they feed
  /// the shape of a Reshape, the pads of a Pad, the axes of a Squeeze, ... first_stage() wants them bound by
  /// value. Larger inputs that do so make a model of several stages.
  std::vector<std::string> shape_arguments() const;

  /// Whether nothing in the bindings or the model speaks against inputs of these shapes.
  bool fits(const Bindings& bindings, const std::map<std::string, Shape>& shapes) const;
  /// What the inputs are under these bindings, in their order. Throws GraphError as first_stage(); a shape
  /// argument may be without value.
  std::vector<TensorDesc> resolve(const Bindings& bindings) const;

  /// The model in Raceline's own ops, all shapes known: what of it needs no values of a run. A dimension that
  /// stays open is the batch if it is the first of its input or named like a batch. May be called again
  /// with other bindings. `evaluate` computes nodes whose results are needed as shapes; it may be empty where
  /// there are none. Throws UnsupportedError listing every node that cannot be done, one a line; GraphError
  /// for a model that breaks a rule, for bindings that contradict the model or name nothing of it, for an
  /// open dimension and for a shape argument without value; ParseError for a damaged tensor; IoError when the
  /// file has changed or one that it names cannot be read.
  Stage first_stage(const Bindings& bindings, const Evaluator& evaluate);
  /// What comes after another stage. Has fewer nodes left to later stages, or more names by value.
  Stage later_stage(const StageInputs& given, const Evaluator& evaluate);
  /// A model of one stage. Throws UnsupportedError naming the nodes that make it several.
  Graph build(const Bindings& bindings, const Evaluator& evaluate);

 private:
  struct State;
  explicit OnnxModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace raceline
