// The table of ONNX ops that the reader understands. Private to this room.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace raceline {

class NodeImport;

/// An ONNX op in a range of opsets, and the function that puts internal nodes in its place.
struct OnnxOp {
  std::string_view name;
  int64_t first_opset, last_opset;  ///< both included
  std::string_view attributes;      ///< all that the function understands, or that change nothing; by blanks
  void (*import)(NodeImport&);
  int kind = 0;         ///< for a function that serves several ops: which one
  uint32_t values = 0;  ///< bit i: the value of operand i must be known when the graph is built
};

/// The newest opset of the standard operators that the table knows.
inline constexpr int64_t newest_opset = 26;

std::span<const OnnxOp> onnx_ops();
/// nullptr when the table has no row for this opset.
const OnnxOp* find_onnx_op(std::string_view name, int64_t opset);
/// Why find_onnx_op() found nothing: the op is unknown, or known in other opsets.
std::string why_unknown(std::string_view name, int64_t opset);

}  // namespace raceline
