#include "raceline/profile/operands.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "raceline/base/hash.h"
#include "raceline/base/random.h"
#include "raceline/graph/density.h"
#include "raceline/tensor/half.h"

namespace raceline {
namespace {

/// How the elements of an operand are drawn.
struct Draw {
  enum class Kind : uint8_t {
    normal,    ///< mean 0, standard deviation `scale`
    positive,  ///< uniform in [low, high)
    grid,      ///< multiples of a half in [-2, 2]: equal elements occur
    integer,   ///< uniform in [low, high), whole
  } kind = Kind::normal;
  double scale = 1, low = 0, high = 0;
};

/// Near enough to a normal deviate, from one draw: the sum of four uniform ones (Irwin and Hall), of variance
/// 1. An exact one takes twenty times as long, and a layer of VGG has 10^8 weights.
float nearly_normal(Random& random) {
  const uint64_t bits = random.next();
  const auto sum =
      static_cast<int32_t>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
  return static_cast<float>(sum - 2 * 0xffff) * (1.7320508f / 65536.0f);
}

double draw_one(const Draw& draw, Random& random) {
  switch (draw.kind) {
    case Draw::Kind::normal:
      return draw.scale * nearly_normal(random);
    case Draw::Kind::positive:
      return random.uniform(draw.low, draw.high);
    case Draw::Kind::grid:
      return 0.5 * static_cast<double>(random.below(9) - 4);
    case Draw::Kind::integer:
      break;
  }
  return draw.low + static_cast<double>(random.below(static_cast<int64_t>(draw.high - draw.low)));
}

template <class T>
void fill(Tensor& tensor, const Draw& draw, Random& random) {
  T* data = tensor.data<T>();
  const int64_t count = tensor.desc().stored_elements();
  if (draw.kind == Draw::Kind::normal) {
    const auto scale = static_cast<float>(draw.scale);
    for (int64_t i = 0; i < count; ++i) data[i] = static_cast<T>(scale * nearly_normal(random));
    return;
  }
  for (int64_t i = 0; i < count; ++i) data[i] = static_cast<T>(draw_one(draw, random));
}

void fill(Tensor& tensor, Draw draw, Random& random) {
  const DataType type = tensor.desc().type;
  if (!is_float(type) && draw.kind != Draw::Kind::integer) {
    const bool is_signed =
        type == DataType::i8 || type == DataType::i16 || type == DataType::i32 || type == DataType::i64;
    const bool must_be_positive = draw.kind == Draw::Kind::positive;
    draw = {.kind = Draw::Kind::integer, .low = must_be_positive ? 1.0 : is_signed ? -8.0 : 0.0, .high = 9};
    if (type == DataType::boolean) draw = {.kind = Draw::Kind::integer, .low = 0, .high = 2};
  }
  switch (type) {
    case DataType::f32:
      return fill<float>(tensor, draw, random);
    case DataType::f64:
      return fill<double>(tensor, draw, random);
    case DataType::f16:
      return fill<Half>(tensor, draw, random);
    case DataType::bf16:
      return fill<BFloat16>(tensor, draw, random);
    case DataType::i8:
      return fill<int8_t>(tensor, draw, random);
    case DataType::u8:
      return fill<uint8_t>(tensor, draw, random);
    case DataType::i16:
      return fill<int16_t>(tensor, draw, random);
    case DataType::u16:
      return fill<uint16_t>(tensor, draw, random);
    case DataType::i32:
      return fill<int32_t>(tensor, draw, random);
    case DataType::u32:
      return fill<uint32_t>(tensor, draw, random);
    case DataType::i64:
      return fill<int64_t>(tensor, draw, random);
    case DataType::u64:
      return fill<uint64_t>(tensor, draw, random);
    case DataType::boolean:
      return fill<bool>(tensor, draw, random);
  }
}

/// He et al. 2015: outputs of a layer keep the variance of its inputs through a ReLU.
Draw he(double fan_in) {
  return {.scale = std::sqrt(2.0 / std::max(1.0, fan_in))};
}

Draw draw_for_unary(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::log:
    case UnaryKind::sqrt:
    case UnaryKind::reciprocal:
      return {.kind = Draw::Kind::positive, .low = 0.1, .high = 4};
    case UnaryKind::asin:
    case UnaryKind::acos:
    case UnaryKind::tan:
    case UnaryKind::atanh:
      return {.kind = Draw::Kind::positive, .low = -0.9, .high = 0.9};
    case UnaryKind::acosh:
      return {.kind = Draw::Kind::positive, .low = 1.1, .high = 4};
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::round:
    case UnaryKind::hard_swish:
    case UnaryKind::hard_sigmoid:
      return {.scale = 3};
    default:
      return {};
  }
}

Draw draw_for_binary(BinaryKind kind, size_t operand) {
  switch (kind) {
    case BinaryKind::div:
    case BinaryKind::remainder:
    case BinaryKind::modulo:
      if (operand == 1) return {.kind = Draw::Kind::positive, .low = 0.5, .high = 4};
      return {};
    case BinaryKind::pow:
      return {.kind = Draw::Kind::positive, .low = 0.5, .high = 3};
    case BinaryKind::equal:
    case BinaryKind::less:
    case BinaryKind::greater:
    case BinaryKind::less_equal:
    case BinaryKind::greater_equal:
      return {.kind = Draw::Kind::grid};
    default:
      return {};
  }
}

/// The extent of the smallest axis that the indices of a layer point into.
int64_t smallest_indexed(const LayerDesc& layer) {
  const Shape& data = layer.inputs[0].desc.shape;
  const auto along = [&](int64_t axis) { return data[static_cast<int>(axis)]; };
  if (layer.op == OpKind::gather || layer.op == OpKind::gather_elements)
    return along(layer.as<GatherParams>().axis);
  if (layer.op == OpKind::scatter_elements) return along(layer.as<ScatterParams>().axis);
  const Shape& indices = layer.inputs[1].desc.shape;
  const int64_t first = layer.op == OpKind::gather_nd ? layer.as<GatherNdParams>().batch_dims : 0;
  int64_t smallest = along(first);
  for (int64_t axis = first; axis < first + indices[indices.rank() - 1]; ++axis)
    smallest = std::min(smallest, along(axis));
  return smallest;
}

/// Indices into an axis, from either end.
Draw draw_indices(int64_t extent) {
  return {.kind = Draw::Kind::integer,
          .low = -static_cast<double>(extent),
          .high = static_cast<double>(std::max<int64_t>(1, extent))};
}

Draw draw_for(const LayerDesc& layer, size_t operand) {
  const Shape& shape = layer.inputs[operand].desc.shape;
  const Draw bias{.scale = 0.5};
  switch (layer.op) {
    case OpKind::conv2d:
    case OpKind::conv2d_max_pool:
    case OpKind::conv3d:
      if (operand == 1) return he(static_cast<double>(shape.elements(1, shape.rank())));
      return operand == 2 ? bias : Draw{};
    case OpKind::conv_transpose:
      if (operand == 1)
        return he(static_cast<double>(shape.elements()) /
                  static_cast<double>(std::max<int64_t>(1, shape[1])));
      return operand == 2 ? bias : Draw{};
    case OpKind::gemm:
      if (operand == 1) return he(static_cast<double>(shape[layer.as<GemmParams>().trans_b ? 1 : 0]));
      return operand == 2 ? bias : Draw{};
    case OpKind::matmul:
      if (operand == 1) return he(static_cast<double>(shape[std::max(0, shape.rank() - 2)]));
      return {};
    case OpKind::batch_norm:
      // x, scale, bias, mean, variance.
      if (operand == 1 || operand == 4) return {.kind = Draw::Kind::positive, .low = 0.5, .high = 1.5};
      return operand == 0 ? Draw{} : bias;
    case OpKind::unary:
      return draw_for_unary(layer.as<UnaryParams>().kind);
    case OpKind::binary:
      return draw_for_binary(layer.as<BinaryParams>().kind, operand);
    case OpKind::cast:
      // A negative number does not fit an unsigned type, and a cast of what does not fit is unspecified.
      return {.kind = Draw::Kind::positive, .low = 0, .high = 9};
    case OpKind::reduce:
      // The logarithm of a sum wants a positive one.
      if (layer.as<ReduceParams>().kind != ReduceKind::log_sum) return {};
      return {.kind = Draw::Kind::positive, .low = 0.1, .high = 2};
    case OpKind::non_zero:
      return {.kind = Draw::Kind::grid};
    case OpKind::gather:
    case OpKind::gather_elements:
    case OpKind::gather_nd:
    case OpKind::scatter_elements:
    case OpKind::scatter_nd:
      return operand == 1 ? draw_indices(smallest_indexed(layer)) : Draw{};
    case OpKind::grid_sample:
      // Places a little beyond both ends, too.
      return operand == 1 ? Draw{.kind = Draw::Kind::positive, .low = -1.3, .high = 1.3} : Draw{};
    case OpKind::roi_align: {
      const auto extent =
          static_cast<double>(std::max(layer.inputs[0].desc.shape[2], layer.inputs[0].desc.shape[3]));
      if (operand == 1) return {.kind = Draw::Kind::positive, .low = -1, .high = extent + 1};
      if (operand == 2)
        return {.kind = Draw::Kind::integer, .high = static_cast<double>(layer.inputs[0].desc.shape[0])};
      return {};
    }
    default:
      return {};
  }
}

void clear_element(Tensor& tensor, int64_t index) {
  const size_t size = size_of(tensor.desc().type);
  std::fill_n(tensor.data<std::byte>() + static_cast<size_t>(index) * size, size, std::byte{0});
}

/// Calls take(i) for random members of [0, count), and leave(i) for the others, such that `left` are taken:
/// Knuth's selection sampling, each stays with the chance that is left for it.
template <class Take, class Leave>
void select(int64_t count, int64_t left, Random& random, const Take& take, const Leave& leave) {
  for (int64_t i = 0; i < count; ++i) {
    if (random.below(count - i) < left) {
      --left;
      take(i);
    } else {
      leave(i);
    }
  }
}

/// Zeroes random elements until at most 2^-density of them are left.
void thin_out(Tensor& tensor, uint8_t density, Random& random) {
  const int64_t count = tensor.desc().stored_elements();
  select(
      count, count >> std::min<int>(density, no_density), random, [](int64_t) {},
      [&](int64_t i) { clear_element(tensor, i); });
}

/// Zeroes random blocks until at most 2^-block_density of the elements lie in those that are left, and then
/// random elements of these until at most 2^-density are left.
void thin_out_blocks(Tensor& tensor, const WeightGrid& grid, Density density, Random& random) {
  const int64_t in_group = (grid.outputs + density_block - 1) / density_block;
  const int64_t blocks = grid.groups * in_group * grid.inputs;
  const auto for_each = [&](int64_t block, const auto& body) {
    const int64_t row = block / grid.inputs, output = row % in_group * density_block;
    const int64_t first =
        row / in_group * grid.group_step + output * grid.output_step + block % grid.inputs * grid.input_step;
    for (int64_t o = 0; o < std::min(density_block, grid.outputs - output); ++o)
      body(first + o * grid.output_step);
  };
  int64_t room = grid.elements() >> std::min<int>(density.blocks, no_density);
  std::vector<int64_t> kept;
  select(
      blocks, blocks >> std::min<int>(density.blocks, no_density), random,
      [&](int64_t block) {
        // Blocks at the end of a group may be smaller: as many stay as there is room for.
        const size_t before = kept.size();
        for_each(block, [&](int64_t element) { kept.push_back(element); });
        room -= static_cast<int64_t>(kept.size() - before);
        if (room >= 0) return;
        while (kept.size() > before) {
          clear_element(tensor, kept.back());
          kept.pop_back();
          ++room;
        }
      },
      [&](int64_t block) { for_each(block, [&](int64_t element) { clear_element(tensor, element); }); });
  const auto elements = static_cast<int64_t>(kept.size());
  const int64_t left = std::min(elements, grid.elements() >> std::min<int>(density.elements, no_density));
  select(
      elements, left, random, [](int64_t) {},
      [&](int64_t i) { clear_element(tensor, kept[static_cast<size_t>(i)]); });
}

void thin_out(Tensor& tensor, const LayerDesc& layer, size_t operand, Random& random) {
  const OperandDesc& desc = layer.inputs[operand];
  const auto grid = operand == 1 ? WeightGrid::of(layer.op, layer.params, desc.desc.shape) : std::nullopt;
  if (grid && desc.block_density > 0) {
    thin_out_blocks(tensor, *grid, {desc.density, desc.block_density}, random);
  } else {
    thin_out(tensor, desc.density, random);
  }
}

}  // namespace

std::vector<Tensor> random_operands(const LayerDesc& layer, uint64_t seed) {
  std::vector<Tensor> operands(layer.inputs.size());
  for (size_t i = 0; i < operands.size(); ++i) {
    const OperandDesc& operand = layer.inputs[i];
    if (!operand.present) continue;
    Random random(hash_text(layer.key(), seed) + i);
    operands[i] = Tensor(operand.desc.with(Layout::nchw));
    const bool is_residual = layer.has_residual() && i == layer.residual();
    fill(operands[i], is_residual ? Draw{} : draw_for(layer, i), random);
    if (operand.constant && operand.density > 0) thin_out(operands[i], layer, i, random);
  }
  return operands;
}

}  // namespace raceline
