// A tensor: what it is (TensorDesc), a look at one (TensorView), one that owns its memory (Tensor).
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "raceline/base/memory.h"
#include "raceline/tensor/layout.h"

namespace raceline {

/// What a tensor is, without its data. The shape is logical: N, C, H, W whatever the layout.
struct TensorDesc {
  DataType type = DataType::f32;
  Shape shape;
  Layout layout = Layout::nchw;

  /// Elements in memory, padded channels of a blocked layout included.
  int64_t stored_elements() const;
  size_t bytes() const { return static_cast<size_t>(stored_elements()) * size_of(type); }
  TensorDesc with(Layout other) const { return {type, shape, other}; }
  /// The shape, then ":type" when not f32: "1x64x56x56", "4:i64", "scalar:bool". The layout is not written.
  std::string to_string() const;
  /// Throws ParseError.
  static TensorDesc parse(std::string_view text);
  friend bool operator==(const TensorDesc&, const TensorDesc&) = default;
};

/// Position, in elements, of logical element (n, c, h, w) of a rank-4 tensor.
int64_t element_offset(const TensorDesc& desc, int64_t n, int64_t c, int64_t h, int64_t w);

/// A tensor that somebody else owns.
struct TensorView {
  TensorDesc desc;
  Memory memory;

  /// The elements; only for memory of the CPU.
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(memory.host());
  }
  explicit operator bool() const { return static_cast<bool>(memory); }
};

/// A tensor in host memory that owns it: aligned to 64 bytes, not initialised.
class Tensor {
 public:
  Tensor() = default;
  /// Throws IoError when memory is short.
  explicit Tensor(const TensorDesc& desc);

  /// A row-major tensor of the given elements.
  template <class T>
  static Tensor of(const Shape& shape, std::span<const T> elements);

  const TensorDesc& desc() const { return desc_; }
  TensorView view() const { return {desc_, {{}, data_.get(), 0}}; }
  std::span<std::byte> bytes() const { return {data_.get(), desc_.bytes()}; }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(data_.get());
  }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  struct Release {
    void operator()(std::byte* memory) const;
  };
  TensorDesc desc_;
  std::unique_ptr<std::byte, Release> data_;
};

template <class T>
Tensor Tensor::of(const Shape& shape, std::span<const T> elements) {
  Tensor tensor({data_type_of<T>, shape, Layout::nchw});
  for (size_t index = 0; index < elements.size(); ++index) tensor.data<T>()[index] = elements[index];
  return tensor;
}

/// A view of each.
std::vector<TensorView> views_of(std::span<const Tensor> tensors);

/// The elements with indices below those of `shape`, which has the rank of the source and is nowhere larger.
/// Row-major, any type. Throws Error for another shape.
Tensor first_part(const TensorView& source, const Shape& shape);

/// The same elements in another layout, by plain loops over logical positions. Any type and rank.
Tensor with_layout(const TensorView& source, Layout layout);

}  // namespace raceline
