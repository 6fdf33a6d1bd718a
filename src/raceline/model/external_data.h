// Data of tensors that lie in files beside the model: ONNX's external data. Private to this room.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/base/file.h"
#include "raceline/tensor/tensor.h"

namespace onnx {
class TensorProto;
}

namespace raceline {

/// Whether the tensor's data lie in another file.
bool is_external(const onnx::TensorProto& tensor);

/// The files that a model's tensors name, mapped when first asked for. A model can reach no file outside its
/// own folder: a location is a relative path without "..", and where it leads through symbolic links is
/// looked at too. Source: https://onnx.ai/onnx/repo-docs/ExternalData.html.
class ExternalData {
 public:
  /// Of the model at this path. Reads nothing.
  explicit ExternalData(const std::filesystem::path& model) : model_(model) {}

  /// The data of an external tensor described by `desc`; they live as long as the mapping, wherever that is
  /// moved. `what` names the tensor in errors. Throws ParseError for a location, an offset or a length that
  /// is none or contradicts the tensor or the file, UnsupportedError for a file outside the folder, IoError.
  std::span<const std::byte> bytes(const onnx::TensorProto& tensor, const TensorDesc& desc,
                                   std::string_view what);
  /// Hands the mapped files over.
  std::vector<MappedFile> take();

 private:
  const MappedFile& file(const std::string& location, std::string_view what);

  std::filesystem::path model_;
  std::map<std::filesystem::path, MappedFile> files_;  ///< by path without links
};

}  // namespace raceline
