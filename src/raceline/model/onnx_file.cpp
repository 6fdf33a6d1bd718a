#include "raceline/model/onnx_file.h"

#include <climits>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/onnx_fields.h"
#include "raceline/model/wire.h"

namespace raceline {
namespace {

using Bytes = std::span<const std::byte>;

using namespace onnx_field;

/// Where a tensor stands: (-1, index) for an initializer, (node, attribute) for an attribute's tensor.
using Place = std::pair<int, int>;

/// Copies a model without its large raw_data fields. Each level of messages is walked by a function of its
/// own, so that the depth is fixed whatever the file holds; subgraphs are copied as they are. Indices count
/// as protobuf counts them when it merges a message that is given in several parts.
class Skeleton {
 public:
  explicit Skeleton(Bytes file) : file_(file) {}

  std::string copy_model() {
    std::string out;
    WireReader reader(file_, file_);
    while (const auto field = reader.next()) {
      if (is(*field, model_graph)) {
        append(out, model_graph, copy_graph(field->body));
      } else {
        append(out, field->whole);
      }
    }
    return out;
  }
  const std::map<Place, Bytes>& raw() const { return raw_; }

 private:
  static bool is(const WireField& field, uint32_t number) {
    return field.number == number && field.type == WireType::bytes;
  }
  static void append(std::string& out, Bytes bytes) {
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  static void append(std::string& out, uint32_t number, const std::string& body) {
    append_bytes_field(out, number, std::as_bytes(std::span(body)));
  }

  std::string copy_graph(Bytes message) {
    std::string out;
    WireReader reader(file_, message);
    while (const auto field = reader.next()) {
      if (is(*field, graph_initializer)) {
        append(out, graph_initializer, copy_tensor(field->body, {-1, initializers_++}));
      } else if (is(*field, graph_node)) {
        append(out, graph_node, copy_node(field->body, nodes_++));
      } else {
        append(out, field->whole);
      }
    }
    return out;
  }

  std::string copy_node(Bytes message, int node) {
    std::string out;
    WireReader reader(file_, message);
    int attributes = 0;
    while (const auto field = reader.next()) {
      if (is(*field, node_attribute)) {
        append(out, node_attribute, copy_attribute(field->body, {node, attributes++}));
      } else {
        append(out, field->whole);
      }
    }
    return out;
  }

  std::string copy_attribute(Bytes message, Place place) {
    std::string out;
    WireReader reader(file_, message);
    while (const auto field = reader.next()) {
      if (is(*field, attribute_tensor)) {
        append(out, attribute_tensor, copy_tensor(field->body, place));
      } else {
        append(out, field->whole);
      }
    }
    return out;
  }

  std::string copy_tensor(Bytes message, Place place) {
    std::string out;
    WireReader reader(file_, message);
    while (const auto field = reader.next()) {
      if (!is(*field, tensor_raw_data)) {
        append(out, field->whole);
      } else if (field->body.size() >= OnnxFile::large_bytes) {
        raw_[place] = field->body;
      } else {  // of a field given twice the last one counts
        raw_.erase(place);
        append(out, field->whole);
      }
    }
    return out;
  }

  Bytes file_;
  std::map<Place, Bytes> raw_;
  int initializers_ = 0;
  int nodes_ = 0;
};

}  // namespace

OnnxFile::OnnxFile(const std::filesystem::path& path)
    : path_(path), file_(path), model_(std::make_unique<onnx::ModelProto>()) {
  const auto fail = [&](std::string_view what) {
    throw ParseError(fmt::format("'{}' is no ONNX model: {}", path.string(), what));
  };
  std::error_code ignored;
  written_ = std::filesystem::last_write_time(path, ignored);
  if (file_.bytes().empty()) fail("the file is empty");
  Skeleton skeleton(file_.bytes());
  std::string structure;
  try {
    structure = skeleton.copy_model();
  } catch (const ParseError& error) {
    fail(error.what());
  }
  if (structure.size() > INT_MAX) fail("it holds more than 2 GiB beside its weights");
  if (!model_->ParseFromArray(structure.data(), static_cast<int>(structure.size()))) {
    fail("its fields are not those of a ModelProto, or nested too deeply");
  }
  if (!model_->has_graph())
    fail(fmt::format("it holds no graph; the file ends at byte {}", file_.bytes().size()));
  for (const auto& [place, bytes] : skeleton.raw()) {
    const onnx::GraphProto& graph = model_->graph();
    const onnx::TensorProto& tensor = place.first < 0 ? graph.initializer(place.second)
                                                      : graph.node(place.first).attribute(place.second).t();
    raw_.emplace(&tensor, bytes);
  }
}

std::optional<std::span<const std::byte>> OnnxFile::left_in_file(const onnx::TensorProto& tensor) const {
  const auto found = raw_.find(&tensor);
  if (found == raw_.end()) return std::nullopt;
  return found->second;
}

void OnnxFile::inline_functions() {
  opsets_ = raceline::inline_functions(*model_);
}

int64_t OnnxFile::opset_of(const onnx::NodeProto& node, int64_t otherwise) const {
  const auto found = opsets_.find(&node);
  return found == opsets_.end() ? otherwise : found->second;
}

MappedFile OnnxFile::map_again() const {
  std::error_code ignored;
  MappedFile file(path_);
  if (file.bytes().size() != file_.bytes().size() ||
      std::filesystem::last_write_time(path_, ignored) != written_) {
    throw IoError(fmt::format("'{}' has changed since it was loaded", path_.string()));
  }
  return file;
}

}  // namespace raceline
