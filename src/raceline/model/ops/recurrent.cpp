// LSTM and GRU behind convolutions (readers of text lines): unrolled, one group of nodes a step. The products
// with the inputs of all steps are one layer. Source: https://onnx.ai/onnx/operators/onnx__LSTM.html and GRU.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/node_import.h"
#include "raceline/model/number.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

/// Nodes of a whole model that unrolling may lead to.
constexpr size_t most_nodes = 100'000;
constexpr size_t nodes_a_step = 16;

// Operands of both ops.
constexpr size_t lengths_operand = 4;
constexpr size_t hidden_operand = 5;
constexpr size_t cell_operand = 6;
constexpr size_t peepholes_operand = 7;

struct Recurrence {
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 0, gates = 0;
  bool first_is_reverse = false;
};

/// What one direction gives.
struct Track {
  ValueId all = absent;  ///< [steps, 1, batch, hidden]
  ValueId hidden = absent, cell = absent;
};

class Unroller {
 public:
  Unroller(NodeImport& node, int64_t gates) : node_(node) {
    node.only("layout", 0, "batch first is not supported");
    x_ = node.operand(0);
    const Shape x = node.shape(x_), w = node.shape(node.operand(1)), r = node.shape(node.operand(2));
    if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3) node.fail("its first three operands have rank 3");
    const std::string direction = node.attribute("direction", "forward");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
      node.refuse(fmt::format("'{}' is not known", direction.substr(0, 40)), "direction");
    }
    size_ = {.steps = x[0],
             .batch = x[1],
             .inputs = x[2],
             .hidden = r[2],
             .directions = direction == "bidirectional" ? 2 : 1,
             .gates = gates,
             .first_is_reverse = direction == "reverse"};
    const int64_t rows = gates * size_.hidden;
    want(1, Shape{size_.directions, rows, size_.inputs});
    want(2, Shape{size_.directions, rows, size_.hidden});
    if (node.has(3)) want(3, Shape{size_.directions, 2 * rows});
    for (const size_t operand : {hidden_operand, cell_operand}) {
      if (node.has(operand)) want(operand, Shape{size_.directions, size_.batch, size_.hidden});
    }
    if (size_.steps == 0 || size_.batch == 0 || size_.hidden == 0) node.refuse("it has no elements");
    if (node.attribute("hidden_size", size_.hidden) != size_.hidden) {
      node.fail(fmt::format("hidden_size is not {}", size_.hidden));
    }
    if (node.has(peepholes_operand)) node.refuse("peepholes are not supported");
    check_lengths();
    if (static_cast<size_t>(size_.steps) >
        (most_nodes - std::min(most_nodes, node.nodes())) / nodes_a_step / 2) {
      node.refuse(fmt::format("{} steps make more than {} layers", size_.steps, most_nodes));
    }
  }

  template <class Step>
  void run(Step&& step) {
    const ValueId rows = node_.reshape("rows", x_, {size_.steps * size_.batch, size_.inputs});
    std::vector<Track> tracks;
    for (int64_t direction = 0; direction < size_.directions; ++direction) {
      tracks.push_back(unroll(rows, direction, step));
    }
    give(tracks);
  }

  NodeImport& node() { return node_; }
  const Recurrence& size() const { return size_; }
  ValueId columns(ValueId value, int64_t gate, int64_t gates = 1) {
    return part(value, 1, gate * size_.hidden, gates * size_.hidden);
  }
  ValueId gate_rows(ValueId value, int64_t gate, int64_t gates) {
    return part(value, 0, gate * size_.hidden, gates * size_.hidden);
  }
  ValueId product(ValueId a, ValueId b, ValueId bias) {
    GemmParams params;
    params.trans_b = true;
    std::vector<ValueId> operands{a, b};
    if (bias != absent) operands.push_back(bias);
    return node_.add("product", OpKind::gemm, params, std::move(operands));
  }

 private:
  void want(size_t operand, const Shape& shape) const {
    const Shape& given = node_.shape(node_.operand(operand));
    if (given == shape) return;
    node_.fail(fmt::format("operand {} is {}; {} wanted", operand, given.to_string(), shape.to_string()));
  }

  void check_lengths() const {
    if (!node_.has(lengths_operand)) return;
    for (const int64_t length : node_.integers(lengths_operand)) {
      if (length != size_.steps) node_.refuse("sequences of different lengths are not supported");
    }
  }

  ValueId part(ValueId value, size_t axis, int64_t start, int64_t size) {
    const Shape& shape = node_.shape(value);
    const auto rank = static_cast<size_t>(shape.rank());
    SliceParams params{std::vector<int64_t>(rank, 0),
                       {shape.dims().begin(), shape.dims().end()},
                       std::vector<int64_t>(rank, 1)};
    params.start[axis] = start;
    params.size[axis] = size;
    return node_.add("part", OpKind::slice, std::move(params), {value});
  }

  /// What an operand holds for a direction.
  ValueId of_direction(size_t operand, int64_t direction) {
    const ValueId value = part(node_.operand(operand), 0, direction, 1);
    const Shape& shape = node_.shape(value);
    return node_.reshape("own", value, {shape.dims().begin() + 1, shape.dims().end()});
  }
  ValueId initial(size_t operand, int64_t direction) {
    if (node_.has(operand)) return of_direction(operand, direction);
    return node_.constant("zero", filled(node_.desc(x_).type, {size_.batch, size_.hidden}, 0));
  }

  template <class Step>
  Track unroll(ValueId rows, int64_t direction, Step&& step) {
    const ValueId weights = of_direction(1, direction), recurrent = of_direction(2, direction);
    ValueId input_bias = absent, bias = absent;
    if (node_.has(3)) {
      const ValueId both = of_direction(3, direction);
      input_bias = gate_rows(both, 0, size_.gates);
      bias = gate_rows(both, size_.gates, size_.gates);
    }
    const ValueId inputs = product(rows, weights, input_bias);
    Track track;
    track.hidden = initial(hidden_operand, direction);
    if (size_.gates == 4) track.cell = initial(cell_operand, direction);
    std::vector<ValueId> all(static_cast<size_t>(size_.steps));
    const bool reverse = size_.first_is_reverse || direction == 1;
    for (int64_t index = 0; index < size_.steps; ++index) {
      const int64_t at = reverse ? size_.steps - 1 - index : index;
      step(*this, part(inputs, 0, at * size_.batch, size_.batch), recurrent, bias, track);
      all[static_cast<size_t>(at)] = track.hidden;
    }
    const ValueId stacked =
        all.size() == 1 ? all[0] : node_.add("all", OpKind::concat, ConcatParams{0}, std::move(all));
    track.all = node_.reshape("steps", stacked, {size_.steps, 1, size_.batch, size_.hidden});
    return track;
  }

  void give(const std::vector<Track>& tracks) {
    const auto give_output = [&](size_t output, int64_t axis, auto&& value_of) {
      if (!node_.wants(output)) return;
      std::vector<ValueId> values;
      for (const Track& track : tracks) values.push_back(value_of(track));
      if (values.size() == 1) {
        return node_.result(OpKind::identity, NoParams{}, std::move(values), {}, output);
      }
      node_.result(OpKind::concat, ConcatParams{axis}, std::move(values), {}, output);
    };
    const auto last = [&](ValueId value) {
      return node_.reshape("last", value, {1, size_.batch, size_.hidden});
    };
    give_output(0, 1, [](const Track& track) { return track.all; });
    give_output(1, 0, [&](const Track& track) { return last(track.hidden); });
    if (size_.gates == 4) give_output(2, 0, [&](const Track& track) { return last(track.cell); });
  }

  NodeImport& node_;
  ValueId x_ = absent;
  Recurrence size_;
};

}  // namespace

void import_lstm(NodeImport& node) {
  node.only("input_forget", 0, "coupled gates are not supported");
  Unroller(node, 4).run([&](Unroller& unroller, ValueId inputs, ValueId weights, ValueId bias, Track& track) {
    const ValueId gates =
        node.binary("sum", BinaryKind::add, inputs, unroller.product(track.hidden, weights, bias));
    // The gates stand in the order input, output, forget, cell.
    const ValueId open = node.unary("open", UnaryKind::sigmoid, unroller.columns(gates, 0, 3));
    const ValueId fresh = node.unary("new", UnaryKind::tanh, unroller.columns(gates, 3));
    const ValueId taken = node.binary("taken", BinaryKind::mul, unroller.columns(open, 0), fresh);
    const ValueId kept = node.binary("kept", BinaryKind::mul, unroller.columns(open, 2), track.cell);
    track.cell = node.binary("cell", BinaryKind::add, kept, taken);
    track.hidden = node.binary("hidden", BinaryKind::mul, unroller.columns(open, 1),
                               node.unary("shown", UnaryKind::tanh, track.cell));
  });
}

void import_gru(NodeImport& node) {
  const bool reset_after = node.attribute("linear_before_reset", int64_t{0}) != 0;
  Unroller(node, 3).run([&](Unroller& unroller, ValueId inputs, ValueId weights, ValueId bias, Track& track) {
    // The gates stand in the order update, reset, hidden.
    ValueId gates = absent, update = absent, fresh = absent;
    const auto open = [&](ValueId recurrent) {
      gates = node.unary("open", UnaryKind::sigmoid,
                         node.binary("sum", BinaryKind::add, unroller.columns(inputs, 0, 2), recurrent));
      update = unroller.columns(gates, 0);
      return unroller.columns(gates, 1);
    };
    if (reset_after) {
      const ValueId recurrent = unroller.product(track.hidden, weights, bias);
      const ValueId reset = open(unroller.columns(recurrent, 0, 2));
      fresh = node.binary("reset", BinaryKind::mul, reset, unroller.columns(recurrent, 2));
    } else {
      const auto rows = [&](ValueId value, int64_t gate, int64_t count) {
        return value == absent ? absent : unroller.gate_rows(value, gate, count);
      };
      const ValueId reset = open(unroller.product(track.hidden, rows(weights, 0, 2), rows(bias, 0, 2)));
      fresh = unroller.product(node.binary("reset", BinaryKind::mul, reset, track.hidden),
                               rows(weights, 2, 1), rows(bias, 2, 1));
    }
    fresh = node.unary("new", UnaryKind::tanh,
                       node.binary("sum", BinaryKind::add, unroller.columns(inputs, 2), fresh));
    const ValueId kept = node.binary("kept", BinaryKind::mul, update,
                                     node.binary("change", BinaryKind::sub, track.hidden, fresh));
    track.hidden = node.binary("hidden", BinaryKind::add, fresh, kept);
  });
}

}  // namespace raceline
