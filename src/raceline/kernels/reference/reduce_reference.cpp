// Reductions: for each output element a pass over the elements behind it (two for the logarithm of a sum of
// exponentials, whose largest exponent is taken out so that nothing overflows). Floats are summed in double,
// integers modulo 2^64.
#include <cmath>
#include <limits>
#include <type_traits>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// Axes of a tensor to be stepped through, neighbours that lie next to each other in memory made one.
struct Axes {
  std::array<int64_t, Shape::max_rank> dims{};
  Strides strides{};
  size_t count = 0;

  void add(int64_t dim, int64_t stride) {
    if (count > 0 && strides[count - 1] == dim * stride) {
      dims[count - 1] *= dim;
      strides[count - 1] = stride;
      return;
    }
    dims[count] = dim;
    strides[count] = stride;
    ++count;
  }
  std::span<const int64_t> extents() const { return {dims.data(), count}; }
};

/// Calls visit(element) in the order of the axes, from `first` on.
template <class S, class Visitor>
void each(const Axes& axes, const S* x, Visitor& visit, size_t first = 0) {
  if (first == axes.count) return visit(*x);
  const int64_t count = axes.dims[first];
  const int64_t stride = axes.strides[first];
  if (first + 1 == axes.count) {
    for (int64_t i = 0; i < count; ++i) visit(x[i * stride]);
    return;
  }
  for (int64_t i = 0; i < count; ++i) each(axes, x + i * stride, visit, first + 1);
}

/// What a type is summed in.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double,
                                std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

template <class T>
Wide<T> lowest() {
  if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<double>::infinity();
  return static_cast<Wide<T>>(std::numeric_limits<T>::lowest());
}
template <class T>
Wide<T> highest() {
  if constexpr (std::is_floating_point_v<T>) return std::numeric_limits<double>::infinity();
  return static_cast<Wide<T>>(std::numeric_limits<T>::max());
}

/// The reduction of the elements behind x.
template <class T>
class Reducer {
 public:
  using S = Stored<T>;
  using W = Wide<T>;
  Reducer(const Axes& axes, int64_t count) : axes_(axes), count_(count) {}

  T reduce(ReduceKind kind, const S* x) const {
    switch (kind) {
      case ReduceKind::sum:
        return result(fold<BinaryKind::add>(x, 0, same));
      case ReduceKind::mean:
        return result(mean(fold<BinaryKind::add>(x, 0, same)));
      case ReduceKind::prod:
        return result(fold<BinaryKind::mul>(x, 1, same));
      case ReduceKind::max:
        return result(fold<BinaryKind::max>(x, lowest<T>(), same));
      case ReduceKind::min:
        return result(fold<BinaryKind::min>(x, highest<T>(), same));
      case ReduceKind::l1:
        return result(fold<BinaryKind::add>(x, 0, [](W v) { return apply_unary<W>({UnaryKind::abs}, v); }));
      case ReduceKind::sum_square:
        return result(fold<BinaryKind::add>(x, 0, square));
      case ReduceKind::l2:
        return saturate_cast<T>(std::sqrt(fold<BinaryKind::add, double>(x, 0, square_real)));
      case ReduceKind::log_sum:
        return saturate_cast<T>(std::log(fold<BinaryKind::add, double>(x, 0, real)));
      case ReduceKind::log_sum_exp:
        return saturate_cast<T>(log_sum_exp(x));
    }
    return T{};
  }

 private:
  static W same(W v) { return v; }
  static W square(W v) { return apply_binary<W>(BinaryKind::mul, v, v); }
  static double real(W v) { return static_cast<double>(v); }
  static double square_real(W v) { return static_cast<double>(v) * static_cast<double>(v); }
  static T result(W v) {
    if constexpr (std::is_same_v<T, bool>) return v != 0;
    return static_cast<T>(v);
  }
  W mean(W sum) const {
    if constexpr (std::is_floating_point_v<T>) return sum / static_cast<double>(count_);
    return apply_binary<W>(BinaryKind::div, sum, static_cast<W>(count_));
  }

  template <BinaryKind kind, class A = W, class F>
  A fold(const S* x, std::type_identity_t<A> first, F function) const {
    A all = first;
    auto take = [&](S element) {
      all = apply_binary<A>(kind, all, function(static_cast<W>(static_cast<T>(element))));
    };
    each(axes_, x, take);
    return all;
  }

  double log_sum_exp(const S* x) const {
    const double largest = fold<BinaryKind::max, double>(x, -std::numeric_limits<double>::infinity(), real);
    if (!std::isfinite(largest)) return largest;
    const auto shifted = [largest](W v) { return std::exp(static_cast<double>(v) - largest); };
    return largest + std::log(fold<BinaryKind::add, double>(x, 0, shifted));
  }

  const Axes& axes_;
  int64_t count_;
};

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const auto& params = layer.as<ReduceParams>();
  const Shape& shape = layer.inputs[0].desc.shape;
  const Strides strides = shape.strides();
  Axes inner;
  Axes outer;
  size_t next = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced = next < params.axes.size() && params.axes[next] == axis;
    if (reduced) ++next;
    (reduced ? inner : outer).add(shape[axis], strides[static_cast<size_t>(axis)]);
  }
  const int64_t count = layer.outputs[0].shape.elements();
  int64_t behind = 1;
  for (const int64_t dim : inner.extents()) behind *= dim;
  const Reducer<T> reducer(inner, behind);
  const Stored<T>* x = elements<T>(args.inputs[0]);
  Stored<T>* y = elements<T>(args.outputs[0]);
  StridedWalk walk(outer.extents(), outer.strides);
  for (int64_t i = 0; i < count; ++i, walk.next()) y[i] = reducer.reduce(params.kind, x + walk.offset());
}

Support supports(const LayerDesc& layer) {
  return layer.outputs[0].type == DataType::boolean ? Support::yes() : only_numbers(layer);
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_element(layer.outputs[0].type,
                      [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_reduce_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::reduce, "loop", {supports, run});
}

}  // namespace raceline
