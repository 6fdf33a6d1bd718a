// ONNX's TensorProto to Tensor and back, and the .pb files of the ONNX backend tests.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "raceline/tensor/tensor.h"

namespace onnx {
class TensorProto;
}

namespace raceline {

/// The element type that ONNX numbers so (TensorProto.DataType). Throws UnsupportedError naming `what` for a
/// type that we have not (strings, complex numbers, 8-bit floats, 4-bit integers).
DataType data_type_from_onnx(int32_t number, std::string_view what);
int32_t data_type_to_onnx(DataType type);

/// Type and shape. Throws ParseError for dimensions that are none, UnsupportedError for other types, for a
/// tensor in segments. `what` names the tensor in errors.
TensorDesc desc_of(const onnx::TensorProto& tensor, std::string_view what);
/// Whether the bytes could be the row-major data of a tensor so described: as many as it wants, and booleans
/// only 0 and 1.
bool holds(const TensorDesc& desc, std::span<const std::byte> bytes);
/// The tensor with its data, from raw_data or the field of its type, or from `raw` where the raw_data is kept
/// elsewhere or in another file. Throws as desc_of(), UnsupportedError for data in another file that are not
/// given, and ParseError when there are too few or too many elements.
Tensor to_tensor(const onnx::TensorProto& tensor, std::string_view what,
                 std::optional<std::span<const std::byte>> raw = std::nullopt);

/// A file that is one serialized TensorProto. Throws IoError, ParseError (a sequence, an optional, garbage),
/// UnsupportedError.
Tensor read_tensor_pb(const std::filesystem::path& path);
/// Throws IoError.
void write_tensor_pb(const std::filesystem::path& path, const TensorView& tensor, std::string_view name = {});

}  // namespace raceline
