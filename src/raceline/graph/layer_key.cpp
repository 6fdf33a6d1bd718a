// The key of a layer: one line of text that stands for it, and back.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/layer_desc.h"
#include "raceline/graph/params_text.h"

namespace raceline {
namespace {

/// No layer that a network could hold has a longer key; a file that claims one is refused before it costs
/// time.
constexpr size_t longest_key = size_t{1} << 20;

std::string operand_text(const OperandDesc& operand) {
  if (!operand.present) return "-";
  std::string text = operand.desc.to_string();
  if (operand.scale != 0 || operand.zero_point != 0) text += fmt::format("@{}", number(operand.scale));
  if (operand.zero_point != 0) text += fmt::format("@{}", operand.zero_point);
  if (operand.constant) text += '*';
  if (operand.constant && operand.density != 0) text += fmt::format("{}", operand.density);
  if (operand.constant && operand.block_density != 0) text += fmt::format("/{}", operand.block_density);
  return text;
}

int64_t parse_within(std::string_view text, std::string_view what, int64_t least, int64_t most) {
  const int64_t value = parse_int(text, what);
  if (value < least || value > most) {
    throw ParseError(fmt::format("{}: {} given; {} to {} wanted", what, value, least, most));
  }
  return value;
}

OperandDesc parse_operand(std::string_view text) {
  if (text == "-") return {.present = false};
  OperandDesc operand;
  if (const size_t star = text.find('*'); star != std::string_view::npos) {
    operand.constant = true;
    std::string_view density = text.substr(star + 1);
    if (const size_t slash = density.find('/'); slash != std::string_view::npos) {
      operand.block_density =
          static_cast<uint8_t>(parse_within(density.substr(slash + 1), "block density", 0, UINT8_MAX));
      density = density.substr(0, slash);
    }
    if (!density.empty())
      operand.density = static_cast<uint8_t>(parse_within(density, "density", 0, UINT8_MAX));
    text = text.substr(0, star);
  }
  const auto parts = split(text, '@');
  if (parts.size() > 3)
    throw ParseError(fmt::format("operand '{}' has more than scale and zero", text.substr(0, 80)));
  if (parts.size() > 1) {
    operand.scale = parse_float(parts[1], "scale");
    if (!std::isfinite(operand.scale)) throw ParseError(fmt::format("scale {} is not finite", parts[1]));
  }
  if (parts.size() > 2) {
    operand.zero_point = static_cast<int32_t>(parse_within(
        parts[2], "zero point", std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
  }
  operand.desc = TensorDesc::parse(parts[0]);
  return operand;
}

/// What normalising makes of parameters that nobody gave.
OpParams usual_params(OpKind op, std::span<const OperandDesc> inputs) {
  const OpInfo& info = op_info(op);
  std::vector<const TensorDesc*> operands;
  for (const OperandDesc& operand : inputs) operands.push_back(operand.present ? &operand.desc : nullptr);
  OpParams params = info.defaults;
  info.normalise(params, operands);
  return params;
}

/// The parts of a key behind the op, sorted by what they are.
struct Parts {
  std::vector<OperandDesc> inputs;
  std::vector<std::pair<std::string_view, std::string_view>> params;
  std::vector<EpilogueStep> epilogue;
  int outputs = 1;
};

void add_param(Parts& parts, std::string_view name, std::string_view value) {
  for (const auto& [other, _] : parts.params) {
    if (other == name) throw ParseError(fmt::format("parameter '{}' is given twice", name.substr(0, 40)));
  }
  // No op has as many; a longer list holds a name twice or one that no op has.
  if (parts.params.size() > 16) throw ParseError("more parameters than any op has");
  parts.params.emplace_back(name, value);
}

Parts sort_parts(std::span<const std::string_view> texts) {
  Parts parts;
  for (const std::string_view text : texts) {
    const size_t equals = text.find('=');
    if (text[0] == '+') {
      parts.epilogue.push_back(parse_epilogue_step(text.substr(1)));
    } else if (equals != std::string_view::npos) {
      add_param(parts, text.substr(0, equals), text.substr(equals + 1));
    } else {
      parts.inputs.push_back(parse_operand(text));
    }
  }
  std::erase_if(parts.params, [&](const auto& param) {
    if (param.first != "outputs") return false;
    parts.outputs = static_cast<int>(parse_within(param.second, "outputs", 1, 16));
    return true;
  });
  return parts;
}

}  // namespace

std::string LayerDesc::key() const {
  std::vector<OperandDesc> operands = inputs;
  std::vector<OperandDesc> residual;
  if (has_residual() && !operands.empty()) {
    residual.push_back(operands.back());
    operands.pop_back();
  }
  // The same layer has the same key, whether its optional operands were left out or are absent.
  while (!operands.empty() && !operands.back().present) operands.pop_back();
  const OpParams usual = usual_params(op, operands);
  operands.insert(operands.end(), residual.begin(), residual.end());
  std::string text(raceline::to_string(op));
  for (const OperandDesc& operand : operands) text += fmt::format(" {}", operand_text(operand));
  text += params_text(params, usual);
  if (outputs.size() != 1) text += fmt::format(" outputs={}", outputs.size());
  for (const EpilogueStep& step : epilogue) text += fmt::format(" +{}", raceline::to_string(step));
  return text;
}

LayerDesc LayerDesc::parse(std::string_view key) {
  if (key.size() > longest_key) throw ParseError(fmt::format("a layer's key of {} characters", key.size()));
  const auto fail = [&](std::string_view why) {
    throw ParseError(fmt::format("layer '{}{}': {}", key.substr(0, 120), key.size() > 120 ? "..." : "", why));
  };
  const std::vector<std::string_view> texts = words(key);
  if (texts.empty()) throw ParseError("a layer's key is empty; wanted op, operands and parameters");
  try {
    const OpKind op = parse_op(texts[0]);
    Parts parts = sort_parts(std::span(texts).subspan(1));
    OpParams params = usual_params(op, parts.inputs);
    for (const auto& [name, value] : parts.params) set_param(params, name, value);
    return make(op, std::move(params), std::move(parts.inputs), std::move(parts.epilogue), parts.outputs);
  } catch (const ParseError& error) {
    fail(error.what());
  } catch (const GraphError& error) {
    fail(error.what());
  }
  return {};
}

std::string to_string(const EpilogueStep& step) {
  if (step.kind == EpilogueStep::Kind::add) return "add";
  std::string name(to_string(step.unary.kind));
  switch (parameters_of(step.unary.kind)) {
    case 0:
      return name;
    case 1:
      return fmt::format("{}({})", name, number(step.unary.alpha));
    default:
      return fmt::format("{}({},{})", name, number(step.unary.alpha), number(step.unary.beta));
  }
}

EpilogueStep parse_epilogue_step(std::string_view text) {
  if (text == "add") return {EpilogueStep::Kind::add, {}};
  const size_t open = text.find('(');
  EpilogueStep step;
  step.unary.kind = parse_unary_kind(text.substr(0, open));
  std::vector<std::string_view> given;
  if (open != std::string_view::npos) {
    if (text.back() != ')') throw ParseError(fmt::format("'{}' wants a closing bracket", text.substr(0, 40)));
    given = split(text.substr(open + 1, text.size() - open - 2), ',');
  }
  const auto wanted = static_cast<size_t>(parameters_of(step.unary.kind));
  if (given.size() != wanted) {
    throw ParseError(
        fmt::format("'{}' has {} parameters; {} wanted", text.substr(0, 40), given.size(), wanted));
  }
  if (wanted > 0) step.unary.alpha = parse_float(given[0], "alpha");
  if (wanted > 1) step.unary.beta = parse_float(given[1], "beta");
  return step;
}

}  // namespace raceline
