// What kind of layer a layer is: what a predictor is trained for, and what tables have a row for.
#pragma once
#include <string>
#include <string_view>

#include "raceline/graph/layer_desc.h"

namespace raceline {

/// "conv", "depthwise", "grouped_conv", "dense", "max_pool", "average_pool", "global_pool", "batch_norm",
/// "lrn", "softmax", "prelu", "add", "mul", "concat", ...; functions of one operand are "activation", and all
/// others have the name of their op.
std::string layer_type(const LayerDesc& layer);

/// The same of the key of a layer; "model" for a whole model, "pair" for two layers. Throws ParseError.
std::string type_of_name(std::string_view name);

/// The name of a whole model among the names of layers: "model squeezenet batch=4".
std::string model_name(std::string_view net, int64_t batch);
bool is_model(std::string_view name);
/// Whether it is the name of a LayerPair, and how such names begin.
bool is_pair(std::string_view name);
inline constexpr std::string_view pair_prefix = "pair ";
/// Whether it is of one layer: neither of a model nor of a pair.
bool is_layer(std::string_view name);

}  // namespace raceline
