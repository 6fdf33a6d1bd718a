#include "raceline/tensor/tensor.h"

#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/system_memory.h"

namespace raceline {

int64_t TensorDesc::stored_elements() const {
  const int block = block_of(layout);
  if (block == 1) return shape.elements();
  return shape[0] * ((shape[1] + block - 1) / block * block) * shape[2] * shape[3];
}

std::string TensorDesc::to_string() const {
  if (type == DataType::f32) return shape.to_string();
  return fmt::format("{}:{}", shape.to_string(), raceline::to_string(type));
}

TensorDesc TensorDesc::parse(std::string_view text) {
  const size_t colon = text.find(':');
  TensorDesc desc;
  desc.shape = Shape::parse(text.substr(0, colon));
  if (colon != std::string_view::npos) desc.type = parse_data_type(text.substr(colon + 1));
  return desc;
}

int64_t element_offset(const TensorDesc& desc, int64_t n, int64_t c, int64_t h, int64_t w) {
  const int64_t channels = desc.shape[1];
  const int64_t height = desc.shape[2];
  const int64_t width = desc.shape[3];
  switch (desc.layout) {
    case Layout::nchw:
      return ((n * channels + c) * height + h) * width + w;
    case Layout::nhwc:
      return ((n * height + h) * width + w) * channels + c;
    case Layout::nchw8c:
    case Layout::nchw16c:
      break;
  }
  const int64_t block = block_of(desc.layout);
  const int64_t blocks = (channels + block - 1) / block;
  return (((n * blocks + c / block) * height + h) * width + w) * block + c % block;
}

void Tensor::Release::operator()(std::byte* memory) const {
  std::free(memory);
}

Tensor::Tensor(const TensorDesc& desc) : desc_(desc) {
  // Whole cache lines, so that a vector load at the end stays inside, and never zero bytes.
  const size_t bytes = desc.bytes() / 64 * 64 + 64;
  constexpr size_t small = size_t{1} << 28;  // the name is not made for nothing
  if (bytes > small) want_memory(bytes, fmt::format("a tensor {}", desc.to_string()));
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(64, bytes)));
  if (!data_)
    throw IoError(fmt::format("out of memory: a tensor {} needs {} bytes", desc.to_string(), bytes));
}

std::vector<TensorView> views_of(std::span<const Tensor> tensors) {
  std::vector<TensorView> views;
  views.reserve(tensors.size());
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

Tensor first_part(const TensorView& source, const Shape& shape) {
  const Shape& whole = source.desc.shape;
  const int rank = whole.rank();
  bool fits = shape.rank() == rank;
  for (int axis = 0; fits && axis < rank; ++axis) fits = shape[axis] >= 0 && shape[axis] <= whole[axis];
  if (!fits) {
    throw Error(
        fmt::format("a tensor of shape {} has no part of shape {}", whole.to_string(), shape.to_string()));
  }
  Tensor part({source.desc.type, shape});
  if (shape.elements() == 0) return part;
  // Rows of the last axis are contiguous in both.
  const size_t element = size_of(source.desc.type);
  const size_t row = rank == 0 ? element : static_cast<size_t>(shape[rank - 1]) * element;
  std::vector<int64_t> index(static_cast<size_t>(rank));
  const int64_t rows = rank == 0 ? 1 : shape.elements() / shape[rank - 1];
  for (int64_t done = 0; done < rows; ++done) {
    int64_t from = 0;
    for (int axis = 0; axis < rank; ++axis) from = from * whole[axis] + index[static_cast<size_t>(axis)];
    std::memcpy(part.data<std::byte>() + static_cast<size_t>(done) * row,
                source.data<std::byte>() + static_cast<size_t>(from) * element, row);
    for (int axis = rank - 2; axis >= 0; --axis) {
      if (++index[static_cast<size_t>(axis)] < shape[axis]) break;
      index[static_cast<size_t>(axis)] = 0;
    }
  }
  return part;
}

namespace {

/// Copies an image's channel at a time, whose elements are equally far apart in every layout.
template <size_t bytes>
void copy_channels(const TensorView& source, const Tensor& result) {
  const TensorDesc &from = source.desc, &to = result.desc();
  const auto from_stride = static_cast<size_t>(element_offset(from, 0, 0, 0, 1)) * bytes;
  const auto to_stride = static_cast<size_t>(element_offset(to, 0, 0, 0, 1)) * bytes;
  const auto size = static_cast<size_t>(from.shape[2] * from.shape[3]);
  for (int64_t n = 0; n < from.shape[0]; ++n) {
    for (int64_t c = 0; c < from.shape[1]; ++c) {
      const auto* read =
          source.data<std::byte>() + static_cast<size_t>(element_offset(from, n, c, 0, 0)) * bytes;
      auto* write = result.data<std::byte>() + static_cast<size_t>(element_offset(to, n, c, 0, 0)) * bytes;
      for (size_t i = 0; i < size; ++i) std::memcpy(write + i * to_stride, read + i * from_stride, bytes);
    }
  }
}

}  // namespace

Tensor with_layout(const TensorView& source, Layout layout) {
  Tensor result(source.desc.with(layout));
  if (source.desc.layout == layout) {
    std::memcpy(result.data<std::byte>(), source.data<std::byte>(), source.desc.bytes());
    return result;
  }
  std::memset(result.data<std::byte>(), 0, result.desc().bytes());
  switch (size_of(source.desc.type)) {
    case 1:
      copy_channels<1>(source, result);
      break;
    case 2:
      copy_channels<2>(source, result);
      break;
    case 4:
      copy_channels<4>(source, result);
      break;
    default:
      copy_channels<8>(source, result);
  }
  return result;
}

}  // namespace raceline
