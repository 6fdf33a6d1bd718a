// A bound plan as a list of ops over blocks of memory: what runs when, and what lies where.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "raceline/runtime/bound_plan.h"
#include "raceline/runtime/memory_plan.h"

namespace raceline {

/// A value in one interface, held in a block. Constants have one copy, cpu:nchw.
struct Copy {
  ValueId value = absent;
  Interface interface;
  TensorDesc desc;
  int32_t block = 0;
  int32_t last_use = 0;  ///< index of the last op that reads it, or makes it; ops.size() for graph outputs
};

/// One thing to do.
struct Op {
  enum class Kind : uint8_t { step, conversion, output } kind = Kind::step;
  size_t index = 0;              ///< in BoundPlan::steps or conversions, or the graph's outputs
  std::vector<int32_t> inputs;   ///< copies; absent for an operand that is not given
  std::vector<int32_t> outputs;  ///< copies; none for Kind::output, which copies its input to the caller
  bool view = false;             ///< nothing runs: the first output is the first input's memory
  DeviceId device = {};          ///< whose queue it runs on
};

/// A piece of memory that one or more copies share, one after the other or as views of each other.
struct Block {
  enum class Home : uint8_t { arena, input, output, constant } home = Home::arena;
  int32_t index = 0;  ///< of the graph's input or output, or the constant's ValueId
  DeviceId device = {};
  Lifetime lifetime;
  int32_t parent = absent;  ///< the block that this one is a part of; then its home and lifetime mean nothing
  size_t offset = 0;        ///< in the parent, in bytes
};

/// Names the order of ops in plans that use several devices: what was timed in another is timed anew.
inline constexpr int order_revision = 1;

struct Schedule {
  std::vector<Op> ops;
  std::vector<Copy> copies;
  std::vector<Block> blocks;

  /// The block that is part of no other and holds this one, and where in it.
  std::pair<int32_t, size_t> root_of(int32_t block) const;
};

/// Conversions run just before their result is first used, those that graph outputs need right after their
/// producer; but what can run on the device that is at work comes before what another is needed for, and
/// copies to another come last of it. Throws PlanError when a primitive's view does not have the size of what
/// it views.
Schedule make_schedule(const BoundPlan& plan, const Graph& graph);

}  // namespace raceline
