#include "raceline/model/tensor_proto.h"

#include <algorithm>
#include <bit>
#include <climits>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <onnx/onnx_pb.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"

namespace raceline {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little endian");

struct TypeNumber {
  DataType type;
  int32_t number;
};

constexpr TypeNumber type_numbers[] = {
    {DataType::f32, onnx::TensorProto::FLOAT},     {DataType::u8, onnx::TensorProto::UINT8},
    {DataType::i8, onnx::TensorProto::INT8},       {DataType::u16, onnx::TensorProto::UINT16},
    {DataType::i16, onnx::TensorProto::INT16},     {DataType::i32, onnx::TensorProto::INT32},
    {DataType::i64, onnx::TensorProto::INT64},     {DataType::boolean, onnx::TensorProto::BOOL},
    {DataType::f16, onnx::TensorProto::FLOAT16},   {DataType::f64, onnx::TensorProto::DOUBLE},
    {DataType::u32, onnx::TensorProto::UINT32},    {DataType::u64, onnx::TensorProto::UINT64},
    {DataType::bf16, onnx::TensorProto::BFLOAT16},
};

/// Types newer than the generated classes, from number 17 on, and the others by the classes.
std::string name_of_number(int32_t number) {
  constexpr std::string_view newer[] = {
      "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4",
      "INT4",         "FLOAT4E2M1",     "FLOAT8E8M0", "UINT2",          "INT2"};
  constexpr int32_t first = 17;
  if (number >= first && number - first < static_cast<int32_t>(std::size(newer)))
    return std::string(newer[number - first]);
  if (!onnx::TensorProto::DataType_IsValid(number)) return fmt::format("{}", number);
  return onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(number));
}

[[noreturn]] void wrong_count(const TensorDesc& desc, std::string_view what, size_t given,
                              std::string_view unit) {
  const size_t wanted = unit == "bytes" ? desc.bytes() : static_cast<size_t>(desc.shape.elements());
  throw ParseError(
      fmt::format("{}: a tensor {} has {} {}; {} given", what, desc.to_string(), wanted, unit, given));
}

template <class T, class Field>
void fill(Tensor& tensor, const Field& field, std::string_view what) {
  if (field.size() != tensor.desc().shape.elements()) {
    wrong_count(tensor.desc(), what, static_cast<size_t>(field.size()), "elements");
  }
  T* out = tensor.data<T>();
  for (const auto element : field) *out++ = static_cast<T>(element);
}

/// Elements of the field in which ONNX puts this type when there is no raw_data.
int typed_elements(const onnx::TensorProto& tensor, DataType type) {
  switch (type) {
    case DataType::f32:
      return tensor.float_data_size();
    case DataType::f64:
      return tensor.double_data_size();
    case DataType::i64:
      return tensor.int64_data_size();
    case DataType::u32:
    case DataType::u64:
      return tensor.uint64_data_size();
    default:
      return tensor.int32_data_size();
  }
}

void fill_typed(Tensor& result, const onnx::TensorProto& tensor, std::string_view what) {
  switch (result.desc().type) {
    case DataType::f32:
      return fill<float>(result, tensor.float_data(), what);
    case DataType::f64:
      return fill<double>(result, tensor.double_data(), what);
    case DataType::i64:
      return fill<int64_t>(result, tensor.int64_data(), what);
    case DataType::u64:
      return fill<uint64_t>(result, tensor.uint64_data(), what);
    case DataType::u32:
      return fill<uint32_t>(result, tensor.uint64_data(), what);
    case DataType::i32:
      return fill<int32_t>(result, tensor.int32_data(), what);
    case DataType::i16:
      return fill<int16_t>(result, tensor.int32_data(), what);
    case DataType::i8:
      return fill<int8_t>(result, tensor.int32_data(), what);
    case DataType::u8:
      return fill<uint8_t>(result, tensor.int32_data(), what);
    case DataType::boolean:
      return fill<bool>(result, tensor.int32_data(), what);
    case DataType::u16:
    case DataType::f16:  // the bits of the float, in the low half
    case DataType::bf16:
      return fill<uint16_t>(result, tensor.int32_data(), what);
  }
}

}  // namespace

DataType data_type_from_onnx(int32_t number, std::string_view what) {
  for (const TypeNumber& row : type_numbers) {
    if (row.number == number) return row.type;
  }
  throw UnsupportedError(fmt::format("{}: element type {} is not supported", what, name_of_number(number)));
}

int32_t data_type_to_onnx(DataType type) {
  const auto* row = std::find_if(std::begin(type_numbers), std::end(type_numbers),
                                 [&](const TypeNumber& entry) { return entry.type == type; });
  return row->number;
}

TensorDesc desc_of(const onnx::TensorProto& tensor, std::string_view what) {
  if (tensor.has_segment()) {
    throw UnsupportedError(fmt::format(
        "{}: a sequence, an optional or a tensor in segments; only plain tensors are read", what));
  }
  TensorDesc desc;
  desc.type = data_type_from_onnx(tensor.data_type(), what);
  try {
    desc.shape =
        Shape(std::span<const int64_t>(tensor.dims().data(), static_cast<size_t>(tensor.dims_size())));
  } catch (const GraphError& error) {
    throw ParseError(fmt::format("{}: {}", what, error.what()));
  }
  return desc;
}

bool holds(const TensorDesc& desc, std::span<const std::byte> bytes) {
  if (bytes.size() != desc.bytes()) return false;
  return desc.type != DataType::boolean ||
         std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte <= std::byte{1}; });
}

Tensor to_tensor(const onnx::TensorProto& tensor, std::string_view what,
                 std::optional<std::span<const std::byte>> raw) {
  const TensorDesc desc = desc_of(tensor, what);
  if (!raw && tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    throw UnsupportedError(
        fmt::format("{}: its data lie in another file; only a model's tensors can do that", what));
  }
  if (!raw && tensor.has_raw_data() &&
      (!tensor.raw_data().empty() || typed_elements(tensor, desc.type) == 0)) {
    raw = std::as_bytes(std::span(tensor.raw_data()));
  }
  // The count is checked before the memory is asked for: dimensions cost the file nothing.
  if (raw && raw->size() != desc.bytes()) wrong_count(desc, what, raw->size(), "bytes");
  if (!raw && typed_elements(tensor, desc.type) != desc.shape.elements()) {
    wrong_count(desc, what, static_cast<size_t>(typed_elements(tensor, desc.type)), "elements");
  }
  Tensor result(desc);
  if (!raw) {
    fill_typed(result, tensor, what);
  } else if (desc.type == DataType::boolean) {
    std::transform(raw->begin(), raw->end(), result.data<std::byte>(),
                   [](std::byte byte) { return std::byte{byte != std::byte{0}}; });
  } else if (!raw->empty()) {
    std::memcpy(result.data<std::byte>(), raw->data(), raw->size());
  }
  return result;
}

Tensor read_tensor_pb(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::span<const std::byte> bytes = file.bytes();
  const std::string what = fmt::format("'{}'", path.string());
  onnx::TensorProto tensor;
  if (bytes.size() > INT_MAX || !tensor.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !tensor.has_data_type()) {
    throw ParseError(fmt::format("{} is not a serialized TensorProto (it has {} bytes)", what, bytes.size()));
  }
  return to_tensor(tensor, what);
}

void write_tensor_pb(const std::filesystem::path& path, const TensorView& tensor, std::string_view name) {
  onnx::TensorProto proto;
  for (const int64_t dim : tensor.desc.shape.dims()) proto.add_dims(dim);
  proto.set_data_type(data_type_to_onnx(tensor.desc.type));
  if (!name.empty()) proto.set_name(std::string(name));
  if (tensor.desc.bytes() > INT_MAX / 2) {
    throw IoError(
        fmt::format("cannot write '{}': a TensorProto of {} bytes", path.string(), tensor.desc.bytes()));
  }
  const Tensor rows = with_layout(tensor, Layout::nchw);
  proto.set_raw_data(rows.data<std::byte>(), rows.desc().bytes());
  write_file(path, proto.SerializeAsString());
}

}  // namespace raceline
