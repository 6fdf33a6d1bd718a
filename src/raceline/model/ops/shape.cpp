// Ops that change the shape of a tensor, or tell it.
#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

void result_reshape(NodeImport& node, ValueId x, std::vector<int64_t> dims) {
  node.result(OpKind::reshape, ReshapeParams{std::move(dims)}, {x});
}

/// Axes given by an attribute before opset 13 and by an operand since; absent where there are none.
std::optional<std::vector<int64_t>> given_axes(const NodeImport& node) {
  if (node.has(1)) return node.integers(size_t{1});
  return node.integers("axes");
}

/// Replaces 0 by the input's dimension (unless zeros are meant) and -1 by what is left.
std::vector<int64_t> resolved(const NodeImport& node, const Shape& from, std::vector<int64_t> dims,
                              bool zeros) {
  int64_t known = 1;
  int64_t* open = nullptr;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    int64_t& dim = dims[axis];
    if (dim == 0 && !zeros) {
      if (static_cast<int>(axis) >= from.rank()) {
        node.fail(fmt::format("shape [{}]: dimension {} of input {} does not exist", fmt::join(dims, ", "),
                              axis, from.to_string()));
      }
      dim = from[static_cast<int>(axis)];
    }
    const bool second = dim == -1 && open != nullptr;
    if (dim < -1 || second || (dim >= 0 && __builtin_mul_overflow(known, dim, &known))) {
      node.fail(fmt::format("shape [{}] is none", fmt::join(dims, ", ")));
    }
    if (dim == -1) open = &dim;
  }
  if (open == nullptr) return dims;
  if (known == 0 || from.elements() % known != 0) {
    node.fail(fmt::format("input {} cannot be reshaped to [{}]", from.to_string(), fmt::join(dims, ", ")));
  }
  *open = from.elements() / known;
  return dims;
}

/// Repeats one axis after the other, for tensors of too many axes to do it at once.
void result_tiled_by_axis(NodeImport& node, ValueId x, const std::vector<int64_t>& repeats,
                          const std::vector<int64_t>& dims) {
  const Shape shape = node.shape(x);
  int64_t before = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t repeat = repeats[static_cast<size_t>(axis)];
    const int64_t behind = shape.elements(axis, shape.rank());
    if (repeat != 1) {
      x = node.reshape(fmt::format("split_{}", axis), x, {before, 1, behind});
      x = node.add(fmt::format("repeat_{}", axis), OpKind::expand, ExpandParams{{before, repeat, behind}},
                   {x});
    }
    before *= dims[static_cast<size_t>(axis)];
  }
  result_reshape(node, x, dims);
}

/// N, C, H, W and the square blocks that are moved between C and H, W.
struct Blocks {
  ValueId x;
  int64_t n, c, h, w, block;
};

Blocks read_blocks(NodeImport& node) {
  const int64_t block = node.attribute("blocksize", int64_t{0});
  constexpr int64_t largest_block = 1 << 20;
  if (block < 1 || block > largest_block) node.fail(fmt::format("attribute 'blocksize' is {}", block));
  const ValueId x = node.operand(0);
  const Shape& shape = node.shape(x);
  if (shape.rank() != 4) node.fail(fmt::format("its input is {}; rank 4 wanted", shape.to_string()));
  return {x, shape[0], shape[1], shape[2], shape[3], block};
}

void result_blocks(NodeImport& node, const Blocks& b, std::vector<int64_t> apart, std::vector<int64_t> perm,
                   std::vector<int64_t> together) {
  const ValueId split = node.reshape("split", b.x, std::move(apart));
  const ValueId moved = node.add_main(OpKind::transpose, TransposeParams{std::move(perm)}, {split});
  result_reshape(node, moved, std::move(together));
}

}  // namespace

void import_reshape(NodeImport& node) {
  constexpr int64_t first_with_operand = 5;
  const bool zeros = node.attribute("allowzero", int64_t{0}) != 0;
  const ValueId x = node.operand(0);
  std::optional<std::vector<int64_t>> dims = node.integers("shape");
  if (node.opset() >= first_with_operand) dims = node.integers(size_t{1});
  if (!dims) node.fail("attribute 'shape' is missing");
  result_reshape(node, x, resolved(node, node.shape(x), std::move(*dims), zeros));
}

void import_flatten(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{1});
  const ValueId x = node.operand(0);
  const Shape& shape = node.shape(x);
  const auto axis = static_cast<int>(node.axis(stated, shape.rank(), true));
  result_reshape(node, x, {shape.elements(0, axis), shape.elements(axis, shape.rank())});
}

void import_squeeze(NodeImport& node) {
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  auto axes = given_axes(node);
  if (axes) axes = node.axes(std::move(*axes), shape.rank());
  std::vector<int64_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool named = axes && std::find(axes->begin(), axes->end(), axis) != axes->end();
    if (named && shape[axis] != 1) {
      node.fail(fmt::format("axis {} of {} cannot be squeezed", axis, shape.to_string()));
    }
    if (axes ? !named : shape[axis] != 1) dims.push_back(shape[axis]);
  }
  result_reshape(node, x, std::move(dims));
}

void import_unsqueeze(NodeImport& node) {
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  auto given = given_axes(node);
  if (!given) node.fail("its axes are missing");
  const int64_t rank = shape.rank() + static_cast<int64_t>(given->size());
  if (rank > Shape::max_rank) node.refuse(fmt::format("a tensor of rank {}", rank));
  const std::vector<int64_t> axes = node.axes(std::move(*given), rank);
  std::vector<int64_t> dims;
  int from = 0;
  for (int64_t axis = 0; axis < rank; ++axis) {
    const bool added = std::find(axes.begin(), axes.end(), axis) != axes.end();
    dims.push_back(added ? 1 : shape[from++]);
  }
  result_reshape(node, x, std::move(dims));
}

void import_transpose(NodeImport& node) {
  auto perm = node.integers("perm");
  const ValueId x = node.operand(0);
  if (!perm || perm->empty()) {
    perm.emplace(static_cast<size_t>(node.shape(x).rank()));
    std::iota(perm->rbegin(), perm->rend(), 0);
  }
  node.result(OpKind::transpose, TransposeParams{std::move(*perm)}, {x});
}

void import_expand(NodeImport& node) {
  const ValueId x = node.operand(0);
  const Shape& shape = node.shape(x);
  // Both sides broadcast: the shape given may have ones, or fewer dimensions, where the input has more.
  std::vector<int64_t> dims = node.integers(size_t{1});
  const auto rank = std::max(dims.size(), static_cast<size_t>(shape.rank()));
  dims.insert(dims.begin(), rank - dims.size(), 1);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    int64_t& dim = dims[rank - static_cast<size_t>(shape.rank()) + static_cast<size_t>(axis)];
    if (dim == 1) dim = shape[axis];
  }
  node.result(OpKind::expand, ExpandParams{std::move(dims)}, {x});
}

void import_tile(NodeImport& node) {
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  const std::vector<int64_t> repeats = node.integers(size_t{1});
  if (repeats.size() != static_cast<size_t>(shape.rank())) {
    node.fail(fmt::format("{} repeats for input {}", repeats.size(), shape.to_string()));
  }
  // Each repeated axis gets an axis of extent 1 before it, which is expanded and merged with it.
  std::vector<int64_t> apart;
  std::vector<int64_t> expanded;
  std::vector<int64_t> together;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t repeat = repeats[static_cast<size_t>(axis)];
    int64_t extent = 0;
    if (repeat < 0 || __builtin_mul_overflow(repeat, shape[axis], &extent)) {
      node.fail(fmt::format("axis {} repeated {} times", axis, repeat));
    }
    if (repeat != 1) {
      apart.push_back(1);
      expanded.push_back(repeat);
    }
    apart.push_back(shape[axis]);
    expanded.push_back(shape[axis]);
    together.push_back(extent);
  }
  if (apart.size() > static_cast<size_t>(Shape::max_rank))
    return result_tiled_by_axis(node, x, repeats, together);
  const ValueId split = node.reshape("split", x, apart);
  const ValueId repeated = node.add_main(OpKind::expand, ExpandParams{expanded}, {split});
  result_reshape(node, repeated, together);
}

void import_shape(NodeImport& node) {
  const int64_t start = node.attribute("start", int64_t{0});
  const bool has_end = node.has_attribute("end");
  const int64_t stated_end = node.attribute("end", int64_t{0});
  const ValueId x = node.operand(0);
  const int64_t rank = node.shape(x).rank();
  const auto clamped = [&](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const int64_t first = clamped(start);
  const int64_t end = has_end ? clamped(stated_end) : rank;
  node.result(OpKind::shape_of, ShapeOfParams{first, std::max(first, end)}, {x});
}

void import_size(NodeImport& node) {
  const int64_t elements = node.shape(node.operand(0)).elements();
  node.result(Tensor::of<int64_t>({}, std::span(&elements, 1)));
}

void import_depth_to_space(NodeImport& node) {
  const std::string mode = node.attribute("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    node.refuse(fmt::format("'{}' is not known", mode.substr(0, 40)), "mode");
  const Blocks b = read_blocks(node);
  const int64_t rest = b.c / (b.block * b.block);
  if (rest * b.block * b.block != b.c) {
    node.fail(fmt::format("{} channels in blocks of {}x{}", b.c, b.block, b.block));
  }
  const std::vector<int64_t> together{b.n, rest, b.h * b.block, b.w * b.block};
  if (mode == "DCR") {
    return result_blocks(node, b, {b.n, b.block, b.block, rest, b.h, b.w}, {0, 3, 4, 1, 5, 2}, together);
  }
  result_blocks(node, b, {b.n, rest, b.block, b.block, b.h, b.w}, {0, 1, 4, 2, 5, 3}, together);
}

void import_space_to_depth(NodeImport& node) {
  const Blocks b = read_blocks(node);
  const int64_t rows = b.h / b.block;
  const int64_t columns = b.w / b.block;
  if (rows * b.block != b.h || columns * b.block != b.w) {
    node.fail(fmt::format("an image of {}x{} in blocks of {}x{}", b.h, b.w, b.block, b.block));
  }
  result_blocks(node, b, {b.n, b.c, rows, b.block, columns, b.block}, {0, 3, 5, 1, 2, 4},
                {b.n, b.c * b.block * b.block, rows, columns});
}

}  // namespace raceline
