// The element types a tensor may have.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace raceline {

enum class DataType : uint8_t { f32, f64, f16, bf16, i8, u8, i16, u16, i32, u32, i64, u64, boolean };

size_t size_of(DataType type);
/// "f32", "i64", "bool".
std::string_view to_string(DataType type);
/// Throws ParseError.
DataType parse_data_type(std::string_view text);
bool is_float(DataType type);

/// The DataType of a C++ type: data_type_of<float> is DataType::f32.
template <class T>
inline constexpr DataType data_type_of = [] { static_assert(sizeof(T) == 0, "no such element type"); }();
template <>
inline constexpr DataType data_type_of<float> = DataType::f32;
template <>
inline constexpr DataType data_type_of<double> = DataType::f64;
template <>
inline constexpr DataType data_type_of<int8_t> = DataType::i8;
template <>
inline constexpr DataType data_type_of<uint8_t> = DataType::u8;
template <>
inline constexpr DataType data_type_of<int16_t> = DataType::i16;
template <>
inline constexpr DataType data_type_of<uint16_t> = DataType::u16;
template <>
inline constexpr DataType data_type_of<int32_t> = DataType::i32;
template <>
inline constexpr DataType data_type_of<uint32_t> = DataType::u32;
template <>
inline constexpr DataType data_type_of<int64_t> = DataType::i64;
template <>
inline constexpr DataType data_type_of<uint64_t> = DataType::u64;
template <>
inline constexpr DataType data_type_of<bool> = DataType::boolean;

}  // namespace raceline
