#include "raceline/graph/ops/rules.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"

namespace raceline::rules {

void refuse(const std::string& text) {
  throw GraphError(text);
}

const TensorDesc& operand(Operands operands, size_t index, std::string_view what) {
  if (index >= operands.size() || operands[index] == nullptr)
    refuse(fmt::format("operand {} ({}) is missing", index, what));
  return *operands[index];
}

const TensorDesc* optional_operand(Operands operands, size_t index) {
  return index < operands.size() ? operands[index] : nullptr;
}

int rank_of(Operands operands, size_t index) {
  const TensorDesc* desc = optional_operand(operands, index);
  return desc == nullptr ? 0 : desc->shape.rank();
}

void want_rank(const TensorDesc& desc, std::string_view what, int least, int most) {
  if (desc.shape.rank() >= least && desc.shape.rank() <= most) return;
  const std::string wanted = least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
  refuse(fmt::format("{} is {}; {} dimensions wanted", what, desc.to_string(), wanted));
}

void want_float(const TensorDesc& desc, std::string_view what) {
  if (!is_float(desc.type))
    refuse(fmt::format("{} is {}; a floating-point type wanted", what, desc.to_string()));
}

void want_number(const TensorDesc& desc, std::string_view what) {
  if (desc.type == DataType::boolean) refuse(fmt::format("{} is {}; numbers wanted", what, desc.to_string()));
}

void want_same_type(const TensorDesc& desc, std::string_view what, const TensorDesc& other) {
  if (desc.type == other.type) return;
  refuse(fmt::format("{} is {}; type {} wanted, as of {}", what, desc.to_string(), to_string(other.type),
                     other.to_string()));
}

void want_shape(const TensorDesc& desc, std::string_view what, const Shape& shape) {
  if (desc.shape != shape)
    refuse(fmt::format("{} is {}; {} wanted", what, desc.to_string(), shape.to_string()));
}

void want_not_nan(double value, std::string_view what) {
  if (std::isnan(value)) refuse(fmt::format("{} is not a number", what));
}

void want_axis(int64_t axis, int rank) {
  if (axis < 0 || axis >= rank) refuse(fmt::format("axis {} of a tensor of {} dimensions", axis, rank));
}

void want_indices(const TensorDesc& desc, std::string_view what) {
  if (desc.type == DataType::i32 || desc.type == DataType::i64) return;
  refuse(fmt::format("{} are {}; type i32 or i64 wanted", what, desc.to_string()));
}

void want_values(std::span<const int64_t> values, std::string_view what, int count, int64_t least,
                 int64_t most) {
  if (values.size() != static_cast<size_t>(count)) {
    refuse(fmt::format("{} has {} values; {} wanted, one for each axis", what, values.size(), count));
  }
  for (const int64_t value : values) {
    if (value < least || value > most) {
      refuse(fmt::format("{}={}: each must be from {} to {}", what, fmt::join(values, "x"), least, most));
    }
  }
}

void fill(std::vector<int64_t>& values, int count, int64_t value) {
  if (values.empty()) values.assign(static_cast<size_t>(std::max(count, 0)), value);
}

int spatial_rank(Operands operands) {
  return std::max(rank_of(operands, 0) - 2, 0);
}

int64_t product(int64_t a, int64_t b, std::string_view what) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) refuse(fmt::format("{}: {} times {} is too large", what, a, b));
  return result;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> dims(static_cast<size_t>(rank));
  for (int back = 1; back <= rank; ++back) {
    const int64_t from_a = back <= a.rank() ? a[a.rank() - back] : 1;
    const int64_t from_b = back <= b.rank() ? b[b.rank() - back] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) {
      refuse(fmt::format("shapes {} and {} do not broadcast: {} against {}", a.to_string(), b.to_string(),
                         from_a, from_b));
    }
    dims[static_cast<size_t>(rank - back)] = from_a == 1 ? from_b : from_a;
  }
  return Shape(dims);
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int back = 1; back <= from.rank(); ++back) {
    const int64_t dim = from[from.rank() - back];
    if (dim != 1 && dim != to[to.rank() - back]) return false;
  }
  return true;
}

}  // namespace raceline::rules
