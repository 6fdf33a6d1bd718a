// Parameters as text, for the keys of layers: "pads_begin=1x1", field by field over visit_fields.
#pragma once
#include <string>
#include <string_view>

#include "raceline/graph/op.h"

namespace raceline {

/// " name=value" for each field that differs from `defaults`, which holds the same alternative. A reorder's
/// interfaces are written always.
std::string params_text(const OpParams& params, const OpParams& defaults);

/// Sets one field. Throws ParseError for a field the op does not have or a value that is none.
void set_param(OpParams& params, std::string_view field, std::string_view value);

/// The whole text as a float, correctly rounded. Throws ParseError naming `what`.
float parse_float(std::string_view text, std::string_view what);

}  // namespace raceline
