// What the primitives of oneDNN share: descriptors of tensors, names, thread counts. Private to this folder.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dnnl.hpp>

#include "raceline/graph/layer_desc.h"
#include "raceline/primitive/primitive.h"

namespace raceline::onednn {

/// A row of a table of implementations: what the library calls it, and its part of our primitive's name.
struct Implementation {
  std::string_view offered;         ///< impl_info_str() of a primitive descriptor: "jit:avx512_core"
  std::string_view algorithm;       ///< PrimitiveInfo::algorithm
  std::string_view implementation;  ///< PrimitiveInfo::implementation; may be empty
  std::span<const Layout> layouts;  ///< in which it has been seen; one primitive each
};

/// The info of one primitive of this library.
PrimitiveInfo make_info(OpKind op, const Implementation& row, Layout input, Layout output);

/// "oneDNN 2.6.3", of the library that is loaded.
std::string library_version();

/// Whether this machine has an instruction set: "sse41", "avx", "avx2", "avx512_core"; true for any other
/// text.
bool has_instructions(std::string_view name);

/// The extents as the library wants them; a scalar is one element.
dnnl::memory::dims dims_of(const Shape& shape);
/// The extents after so many ones that there are `rank` of them.
dnnl::memory::dims dims_of(const Shape& shape, int rank);
/// f32 in row-major order.
dnnl::memory::desc plain_desc(const dnnl::memory::dims& dims);
/// f32 of the shape in the layout. Blocked layouts are padded with zeros, as ours are.
dnnl::memory::desc memory_desc(const Shape& shape, Layout layout);

/// Operands of the op itself: without the residual.
size_t own_operands(const LayerDesc& layer);
/// Whether operand `index` is the op's own and given.
bool has_operand(const LayerDesc& layer, size_t index);

/// Limits that hold for every op: f32, nothing empty, layouts that exist, and sizes below 2 GiB, as generated
/// code addresses with 32 bits. `layouts` are the primitive's for this layer.
Support check_tensors(const LayerDesc& layer, const LayerLayouts& layouts);
/// Whether strides, pads and the like are in the range that the library's 32-bit kernels can hold.
Support check_parameters(std::initializer_list<std::span<const int64_t>> values);

/// An elementwise function in the library's terms.
struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha = 0, beta = 0;
  friend bool operator==(const Eltwise&, const Eltwise&) = default;
};
/// Absent when the library has no such function, or no exact one.
std::optional<Eltwise> eltwise_of(const UnaryParams& params);

/// Sets libgomp's team size for the calling thread until the end of the scope: the library asks for it when
/// it makes a descriptor and again when it runs, and both must agree.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
  bool changed_;
};

}  // namespace raceline::onednn
