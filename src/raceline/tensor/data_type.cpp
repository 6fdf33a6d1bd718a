#include "raceline/tensor/data_type.h"

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

struct TypeRow {
  std::string_view name;
  size_t bytes;
};
constexpr TypeRow rows[] = {{"f32", 4}, {"f64", 8}, {"f16", 2}, {"bf16", 2}, {"i8", 1},
                            {"u8", 1},  {"i16", 2}, {"u16", 2}, {"i32", 4},  {"u32", 4},
                            {"i64", 8}, {"u64", 8}, {"bool", 1}};

}  // namespace

size_t size_of(DataType type) {
  return rows[static_cast<size_t>(type)].bytes;
}

std::string_view to_string(DataType type) {
  return rows[static_cast<size_t>(type)].name;
}

DataType parse_data_type(std::string_view text) {
  for (size_t index = 0; index < std::size(rows); ++index) {
    if (rows[index].name == text) return static_cast<DataType>(index);
  }
  throw ParseError(fmt::format("'{}' is no data type; wanted f32, i64, i32, bool, ...", text.substr(0, 40)));
}

bool is_float(DataType type) {
  return type == DataType::f32 || type == DataType::f64 || type == DataType::f16 || type == DataType::bf16;
}

}  // namespace raceline
