// From the declared inputs of a model and what the user gave to their shapes. Private to this room.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "raceline/model/onnx_reader.h"

namespace raceline {

/// The shape of each input. A bound shape also gives its symbols a value for the other inputs. Throws
/// GraphError for a name that the model does not have, a rank or dimension that contradicts the model, a
/// dimension that stays open, and an input of `need_values` that is not bound by value.
std::vector<Shape> bind_shapes(std::span<const OnnxInput> inputs, const Bindings& bindings,
                               std::span<const std::string> need_values);

/// Whether the shapes, those of some inputs, agree with the model and with what the bindings give.
bool shapes_fit(std::span<const OnnxInput> inputs, const Bindings& bindings,
                const std::map<std::string, Shape>& shapes);

}  // namespace raceline
