// Writes ONNX files: what the zoo and the tests need of the format.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "raceline/tensor/tensor.h"

namespace raceline {

/// An attribute of a node: {"axis", int64_t{1}}, {"alpha", 0.1f}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}.
struct OnnxAttribute {
  using Value =
      std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, TensorView>;
  std::string name;
  Value value;
};

class OnnxWriter {
 public:
  /// `opset` is the version of the standard operators.
  OnnxWriter(std::string_view graph_name, int64_t opset);
  ~OnnxWriter();
  OnnxWriter(OnnxWriter&&) noexcept;
  OnnxWriter& operator=(OnnxWriter&&) noexcept;

  void input(std::string_view name, const Shape& shape, DataType type = DataType::f32);
  /// Each dimension is a number, a symbol, or "?".
  void input(std::string_view name, const std::vector<std::string>& dims, DataType type = DataType::f32);
  void output(std::string_view name, const Shape& shape, DataType type = DataType::f32);
  void output(std::string_view name, const std::vector<std::string>& dims, DataType type = DataType::f32);
  void initializer(std::string_view name, Tensor data);
  /// A tensor that is made when it is written, and freed then: a model need not be held in memory. `make`
  /// must give the same tensor, described by `desc`, each time.
  void initializer(std::string_view name, const TensorDesc& desc, std::function<Tensor()> make);
  /// An empty name among the inputs stands for an operand that is not given. Tensors of attributes are
  /// copied.
  void node(std::string_view op_type, const std::vector<std::string>& inputs,
            const std::vector<std::string>& outputs, const std::vector<OnnxAttribute>& attributes = {},
            std::string_view name = {});

  /// Writes the file in one step: a failure leaves nothing behind. The data of large initializers begin at
  /// multiples of 8 bytes, so that they can be used where they lie. Throws IoError, and UnsupportedError for
  /// more than 2 GiB, which other readers of protobuf refuse.
  void write(const std::filesystem::path& path) const;
  /// What write() would write.
  std::string bytes() const;

 private:
  void put_all(std::string_view name, const std::function<void(std::string_view)>& put) const;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raceline
