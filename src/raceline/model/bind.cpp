#include "raceline/model/bind.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

/// A declared dimension that is a number; absent for a symbol and for "?".
std::optional<int64_t> fixed(const std::string& dim) {
  if (dim.empty() || std::isdigit(static_cast<unsigned char>(dim[0])) == 0) return std::nullopt;
  try {
    return parse_int(dim, "dimension");
  } catch (const ParseError&) {
    return std::nullopt;  // a symbol such as "2n"
  }
}

bool named_like_a_batch(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "n" || name == "b" || name == "batch" || name == "batch_size" || name == "batchsize";
}

std::string declared(const OnnxInput& input) {
  return input.ranked ? fmt::format("[{}]", fmt::join(input.dims, ", ")) : "of unknown rank";
}

void check_name(std::string_view name, std::string_view what, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const auto near = nearest(name, known);
  throw GraphError(fmt::format("the model has no {} '{}'{}", what, name,
                               near.empty() ? "" : fmt::format("; it has {}", fmt::join(near, ", "))));
}

class Binder {
 public:
  Binder(std::span<const OnnxInput> inputs, const Bindings& bindings)
      : inputs_(inputs), bindings_(bindings), symbols_(bindings.dims) {}

  std::vector<Shape> bind(std::span<const std::string> need_values) {
    check_names();
    for (const OnnxInput& input : inputs_) take_given(input);
    check_values(need_values);
    std::vector<Shape> shapes;
    for (const OnnxInput& input : inputs_) shapes.push_back(resolve(input));
    return shapes;
  }

 private:
  void check_names() const {
    std::vector<std::string> names;
    std::vector<std::string> symbols;
    for (const OnnxInput& input : inputs_) {
      names.push_back(input.name);
      for (const std::string& dim : input.dims) {
        if (!fixed(dim) && dim != "?") symbols.push_back(dim);
      }
    }
    for (const auto& [name, shape] : bindings_.shapes) check_name(name, "input", names);
    for (const auto& [name, value] : bindings_.values) check_name(name, "input", names);
    for (const auto& [name, dim] : bindings_.dims) {
      check_name(name, "symbolic dimension", symbols);
      if (dim < 0) throw GraphError(fmt::format("dimension '{}' cannot be {}", name, dim));
    }
  }

  const Shape* given(const OnnxInput& input) const {
    if (const auto value = bindings_.values.find(input.name); value != bindings_.values.end()) {
      return &value->second.desc.shape;
    }
    const auto shape = bindings_.shapes.find(input.name);
    return shape == bindings_.shapes.end() ? nullptr : &shape->second;
  }

  /// Checks a bound shape against the declared one and learns what its symbols stand for.
  void take_given(const OnnxInput& input) {
    const auto value = bindings_.values.find(input.name);
    if (value != bindings_.values.end() && value->second.desc.type != input.type) {
      throw GraphError(fmt::format("input '{}' is {}; a value of type {} is given", input.name,
                                   to_string(input.type), to_string(value->second.desc.type)));
    }
    const Shape* shape = given(input);
    if (shape == nullptr || !input.ranked) return;
    const auto contradiction = [&](std::string_view why) {
      throw GraphError(fmt::format("input '{}' is {}; {} is given: {}", input.name, declared(input),
                                   shape->to_string(), why));
    };
    if (input.dims.size() != static_cast<size_t>(shape->rank())) {
      contradiction(fmt::format("{} dimensions wanted", input.dims.size()));
    }
    for (int axis = 0; axis < shape->rank(); ++axis) {
      const std::string& dim = input.dims[static_cast<size_t>(axis)];
      const int64_t bound = (*shape)[axis];
      if (const auto number = fixed(dim)) {
        if (*number != bound) contradiction(fmt::format("dimension {} is {}, not {}", axis, *number, bound));
      } else if (dim != "?") {
        const auto [symbol, is_new] = symbols_.emplace(dim, bound);
        if (!is_new && symbol->second != bound) {
          contradiction(fmt::format("dimension {} is '{}', which is {} already", axis, dim, symbol->second));
        }
      }
    }
  }

  void check_values(std::span<const std::string> need_values) const {
    std::vector<std::string> missing;
    for (const std::string& name : need_values) {
      if (!bindings_.values.contains(name)) missing.push_back(fmt::format("'{}'", name));
    }
    if (missing.empty()) return;
    throw GraphError(
        fmt::format("the value of input {} decides shapes of this model and must be given "
                    "(--input NAME=FILE.npy)",
                    join(missing, ", ")));
  }

  Shape resolve(const OnnxInput& input) const {
    if (const Shape* shape = given(input)) return *shape;
    if (!input.ranked) {
      throw GraphError(
          fmt::format("input '{}' is declared without a shape: give one with --shape {}=1x3x224x224",
                      input.name, input.name));
    }
    std::vector<int64_t> dims;
    for (size_t axis = 0; axis < input.dims.size(); ++axis) {
      const std::string& dim = input.dims[axis];
      if (const auto number = fixed(dim)) {
        dims.push_back(*number);
      } else if (const auto symbol = symbols_.find(dim); symbol != symbols_.end()) {
        dims.push_back(symbol->second);
      } else if (axis == 0 || named_like_a_batch(dim)) {
        dims.push_back(bindings_.batch > 0 ? bindings_.batch : 1);
      } else {
        throw GraphError(
            fmt::format("input '{}' is {}: dimension {} ('{}') is open; give a shape with "
                        "--shape {}=1x3x224x224",
                        input.name, declared(input), axis, dim, input.name));
      }
    }
    try {
      return Shape(dims);
    } catch (const GraphError& error) {
      throw GraphError(fmt::format("input '{}': {}", input.name, error.what()));
    }
  }

  std::span<const OnnxInput> inputs_;
  const Bindings& bindings_;
  std::map<std::string, int64_t> symbols_;
};

}  // namespace

std::vector<Shape> bind_shapes(std::span<const OnnxInput> inputs, const Bindings& bindings,
                               std::span<const std::string> need_values) {
  return Binder(inputs, bindings).bind(need_values);
}

bool shapes_fit(std::span<const OnnxInput> inputs, const Bindings& bindings,
                const std::map<std::string, Shape>& shapes) {
  for (const auto& [name, shape] : shapes) {
    const auto input = std::find_if(inputs.begin(), inputs.end(), [&, &wanted = name](const OnnxInput& each) {
      return each.name == wanted;
    });
    if (input == inputs.end()) return false;
    if (const auto given = bindings.shapes.find(name); given != bindings.shapes.end()) {
      if (given->second != shape) return false;
      continue;
    }
    if (bindings.values.contains(name)) return false;  // it is a constant, and an input of no plan's graph
    if (!input->ranked) continue;
    if (input->dims.size() != static_cast<size_t>(shape.rank())) return false;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const std::string& dim = input->dims[static_cast<size_t>(axis)];
      const auto symbol = bindings.dims.find(dim);
      int64_t wanted = shape[axis];
      if (const auto number = fixed(dim)) {
        wanted = *number;
      } else if (symbol != bindings.dims.end()) {
        wanted = symbol->second;
      } else if (bindings.batch > 0 && (axis == 0 || named_like_a_batch(dim))) {
        wanted = bindings.batch;
      }
      if (wanted != shape[axis]) return false;
    }
  }
  return true;
}

}  // namespace raceline
