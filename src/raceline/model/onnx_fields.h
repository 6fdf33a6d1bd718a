// Field numbers of onnx.proto, for what is read and written by wire format. Private to this room.
#pragma once
#include <cstdint>

namespace raceline::onnx_field {

inline constexpr uint32_t model_graph = 7;
inline constexpr uint32_t model_metadata = 14;
inline constexpr uint32_t graph_node = 1;
inline constexpr uint32_t graph_initializer = 5;
inline constexpr uint32_t node_output = 2;
inline constexpr uint32_t node_name = 3;
inline constexpr uint32_t node_attribute = 5;
inline constexpr uint32_t node_overload = 8;
inline constexpr uint32_t node_metadata = 9;
inline constexpr uint32_t attribute_tensor = 5;
inline constexpr uint32_t tensor_dims = 1;
inline constexpr uint32_t tensor_data_type = 2;
inline constexpr uint32_t tensor_name = 8;
inline constexpr uint32_t tensor_raw_data = 9;
inline constexpr uint32_t entry_key = 1;
inline constexpr uint32_t entry_value = 2;
inline constexpr uint32_t function_default = 11;
inline constexpr uint32_t function_overload = 13;

}  // namespace raceline::onnx_field
