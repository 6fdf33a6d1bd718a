// A .onnx file: mapped, its structure parsed, its large weights left where they are. Private to this room: it
// shows protobuf's message classes.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include <onnx/onnx_pb.h>

#include "raceline/base/file.h"
#include "raceline/model/functions.h"

namespace raceline {

class OnnxFile {
 public:
  /// raw_data of initializers and Constant attributes from this size on stays in the file.
  static constexpr size_t large_bytes = 1024;

  /// Throws IoError, and ParseError naming the file and what is wrong with it.
  explicit OnnxFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// Without the large raw_data fields.
  const onnx::ModelProto& model() const { return *model_; }
  /// The raw_data of a tensor of model() that was left in the file; absent for any other tensor.
  std::optional<std::span<const std::byte>> left_in_file(const onnx::TensorProto& tensor) const;
  /// Puts the bodies of the model's functions in the place of their calls; see functions.h. Throws as that,
  /// and ParseError as standard_opset().
  void inline_functions();
  /// The opset of the standard operators that a node of model() means; `otherwise` where that is not its own.
  int64_t opset_of(const onnx::NodeProto& node, int64_t otherwise) const;
  std::span<const std::byte> bytes() const { return file_.bytes(); }
  /// The file mapped once more, for a graph to keep. Throws IoError when it has changed since.
  MappedFile map_again() const;

 private:
  std::filesystem::path path_;
  std::filesystem::file_time_type written_;
  MappedFile file_;
  std::unique_ptr<onnx::ModelProto> model_;
  std::unordered_map<const onnx::TensorProto*, std::span<const std::byte>> raw_;
  NodeOpsets opsets_;
};

}  // namespace raceline
