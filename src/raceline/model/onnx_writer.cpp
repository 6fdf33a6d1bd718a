#include "raceline/model/onnx_writer.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/model/onnx_fields.h"
#include "raceline/model/tensor_proto.h"
#include "raceline/model/wire.h"

namespace raceline {
namespace {

using namespace onnx_field;

constexpr size_t alignment = 8;

struct Initializer {
  std::string name;
  TensorDesc desc;
  Tensor data;
  std::function<Tensor()> make;  ///< instead of data
};

uint64_t tag(uint32_t field, WireType type) {
  return uint64_t{field} << 3 | static_cast<uint64_t>(type);
}

/// The version of the file format that came with an opset. Source: onnx/docs/Versioning.md.
int64_t ir_version_for(int64_t opset) {
  struct Row {
    int64_t opset, ir;
  };
  constexpr Row first_opsets[] = {{21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}, {9, 4}};
  for (const Row& row : first_opsets) {
    if (opset >= row.opset) return row.ir;
  }
  return 3;
}

void set_dims(onnx::TypeProto::Tensor& type, const std::vector<std::string>& dims) {
  onnx::TensorShapeProto& shape = *type.mutable_shape();
  for (const std::string& dim : dims) {
    auto& entry = *shape.add_dim();
    if (dim == "?") continue;
    if (!dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos) {
      entry.set_dim_value(std::stoll(dim));
    } else {
      entry.set_dim_param(dim);
    }
  }
}

std::vector<std::string> dim_texts(const Shape& shape) {
  std::vector<std::string> dims;
  for (const int64_t dim : shape.dims()) dims.push_back(fmt::format("{}", dim));
  return dims;
}

void set_info(onnx::ValueInfoProto& info, std::string_view name, const std::vector<std::string>& dims,
              DataType type) {
  info.set_name(std::string(name));
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(data_type_to_onnx(type));
  set_dims(tensor, dims);
}

/// Sets the field and the type of an attribute.
struct SetValue {
  onnx::AttributeProto& attribute;

  void operator()(int64_t value) const {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  void operator()(float value) const {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  void operator()(const std::string& value) const {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    attribute.set_type(onnx::AttributeProto::FLOATS);
    for (const float value : values) attribute.add_floats(value);
  }
  void operator()(const TensorView& tensor) const {
    attribute.set_type(onnx::AttributeProto::TENSOR);
    onnx::TensorProto& proto = *attribute.mutable_t();
    for (const int64_t dim : tensor.desc.shape.dims()) proto.add_dims(dim);
    proto.set_data_type(data_type_to_onnx(tensor.desc.type));
    proto.set_raw_data(tensor.data<std::byte>(), tensor.desc.bytes());
  }
};

/// All of an initializer's TensorProto up to its data. The number of the element type is stretched to
/// `type_bytes`: that moves the data without changing the message.
std::string tensor_head(const Initializer& initializer, size_t type_bytes) {
  std::string head;
  for (const int64_t dim : initializer.desc.shape.dims()) {
    append_varint(head, tag(tensor_dims, WireType::varint));
    append_varint(head, static_cast<uint64_t>(dim));
  }
  append_bytes_field(head, tensor_name, std::as_bytes(std::span(initializer.name)));
  append_varint(head, tag(tensor_data_type, WireType::varint));
  append_varint(head, static_cast<uint64_t>(data_type_to_onnx(initializer.desc.type)), type_bytes);
  append_varint(head, tag(tensor_raw_data, WireType::bytes));
  append_varint(head, initializer.desc.bytes());
  return head;
}

/// Tag, length and head of an initializer that stands at `offset` in the file, such that its data are
/// aligned.
std::string initializer_head(const Initializer& initializer, size_t offset) {
  std::string field;
  for (size_t type_bytes = 1; type_bytes <= alignment + 1; ++type_bytes) {
    const std::string head = tensor_head(initializer, type_bytes);
    field.clear();
    append_varint(field, tag(graph_initializer, WireType::bytes));
    append_varint(field, head.size() + initializer.desc.bytes());
    field += head;
    if ((offset + field.size()) % alignment == 0) break;
  }
  return field;
}

/// A file written beside its target and renamed at the end; it vanishes if that is not reached.
class NewFile {
 public:
  explicit NewFile(const std::filesystem::path& path) : path_(path) {
    std::error_code ignored;
    const bool special =
        std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored);
    target_ = special ? path : std::filesystem::weakly_canonical(path, ignored);
    if (target_.empty()) target_ = path;
    scratch_ =
        special ? path : std::filesystem::path(fmt::format("{}.{}.partial", target_.string(), ::getpid()));
    errno = 0;
    file_.open(scratch_, std::ios::binary | std::ios::trunc);
    if (!file_) fail();
    open_ = true;
  }
  ~NewFile() {
    std::error_code ignored;
    if (open_ && scratch_ != path_) std::filesystem::remove(scratch_, ignored);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void append(std::string_view bytes) {
    errno = 0;
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file_) fail();
  }
  void finish() {
    errno = 0;
    file_.close();
    if (!file_) fail();
    if (scratch_ != path_) {
      std::error_code error;
      std::filesystem::rename(scratch_, target_, error);
      if (error) throw IoError(fmt::format("cannot write '{}': {}", path_.string(), error.message()));
    }
    open_ = false;
  }

 private:
  [[noreturn]] void fail() const {
    throw IoError(fmt::format("cannot write '{}': {}", path_.string(),
                              errno != 0 ? std::strerror(errno) : "the file cannot be written"));
  }
  std::filesystem::path path_, target_, scratch_;
  std::ofstream file_;
  bool open_ = false;
};

}  // namespace

struct OnnxWriter::State {
  onnx::ModelProto model;  ///< without the graph
  onnx::GraphProto graph;  ///< without the initializers
  std::vector<Initializer> initializers;
};

OnnxWriter::OnnxWriter(std::string_view graph_name, int64_t opset) : state_(std::make_unique<State>()) {
  state_->model.set_ir_version(ir_version_for(opset));
  state_->model.set_producer_name("raceline");
  state_->model.add_opset_import()->set_version(opset);
  state_->graph.set_name(std::string(graph_name));
}

OnnxWriter::~OnnxWriter() = default;
OnnxWriter::OnnxWriter(OnnxWriter&&) noexcept = default;
OnnxWriter& OnnxWriter::operator=(OnnxWriter&&) noexcept = default;

void OnnxWriter::input(std::string_view name, const Shape& shape, DataType type) {
  input(name, dim_texts(shape), type);
}

void OnnxWriter::input(std::string_view name, const std::vector<std::string>& dims, DataType type) {
  set_info(*state_->graph.add_input(), name, dims, type);
}

void OnnxWriter::output(std::string_view name, const Shape& shape, DataType type) {
  output(name, dim_texts(shape), type);
}

void OnnxWriter::output(std::string_view name, const std::vector<std::string>& dims, DataType type) {
  set_info(*state_->graph.add_output(), name, dims, type);
}

void OnnxWriter::initializer(std::string_view name, Tensor data) {
  const TensorDesc desc = data.desc();
  state_->initializers.push_back({std::string(name), desc, std::move(data), {}});
}

void OnnxWriter::initializer(std::string_view name, const TensorDesc& desc, std::function<Tensor()> make) {
  state_->initializers.push_back({std::string(name), desc, {}, std::move(make)});
}

void OnnxWriter::node(std::string_view op_type, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs, const std::vector<OnnxAttribute>& attributes,
                      std::string_view name) {
  onnx::NodeProto& node = *state_->graph.add_node();
  node.set_op_type(std::string(op_type));
  if (!name.empty()) node.set_name(std::string(name));
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  for (const OnnxAttribute& attribute : attributes) {
    onnx::AttributeProto& proto = *node.add_attribute();
    proto.set_name(attribute.name);
    std::visit(SetValue{proto}, attribute.value);
  }
}

void OnnxWriter::write(const std::filesystem::path& path) const {
  std::unique_ptr<NewFile> file;  // opened by the first bytes: a model that is too large leaves no file
  put_all(path.string(), [&](std::string_view bytes) {
    if (!file) file = std::make_unique<NewFile>(path);
    file->append(bytes);
  });
  file->finish();
}

std::string OnnxWriter::bytes() const {
  std::string all;
  put_all(state_->graph.name(), [&](std::string_view bytes) { all += bytes; });
  return all;
}

void OnnxWriter::put_all(std::string_view name, const std::function<void(std::string_view)>& put) const {
  const std::string model = state_->model.SerializeAsString();
  const std::string graph = state_->graph.SerializeAsString();
  // Where the data stand depends on how long the length of the graph is, and that on the padding before the
  // data.
  std::vector<std::string> heads;
  size_t graph_bytes = 0;
  size_t length_bytes = 0;
  do {
    ++length_bytes;
    heads.clear();
    const size_t graph_start = model.size() + varint_size(tag(model_graph, WireType::bytes)) + length_bytes;
    graph_bytes = graph.size();
    for (const Initializer& initializer : state_->initializers) {
      heads.push_back(initializer_head(initializer, graph_start + graph_bytes));
      graph_bytes += heads.back().size() + initializer.desc.bytes();
    }
  } while (varint_size(graph_bytes) > length_bytes);
  if (model.size() + graph_bytes > INT_MAX - 16) {
    throw UnsupportedError(
        fmt::format("'{}' would have {} bytes; an ONNX file may have 2 GiB", name, graph_bytes));
  }
  std::string start = model;
  append_varint(start, tag(model_graph, WireType::bytes));
  append_varint(start, graph_bytes, length_bytes);
  put(start + graph);
  for (size_t index = 0; index < heads.size(); ++index) {
    const Initializer& initializer = state_->initializers[index];
    put(heads[index]);
    const Tensor made = initializer.make ? initializer.make() : Tensor();
    const Tensor& data = initializer.make ? made : initializer.data;
    if (data.desc() != initializer.desc) {
      throw GraphError(fmt::format("initializer '{}' was announced as {} and is {}", initializer.name,
                                   initializer.desc.to_string(), data.desc().to_string()));
    }
    put({data.data<char>(), data.desc().bytes()});
  }
}

}  // namespace raceline
