// Works on the wire format, because protobuf's classes would hold every weight twice and, in the versions
// that systems bring, do not know the metadata_props of a node.
#include "raceline/model/onnx_notes.h"

#include <algorithm>
#include <deque>
#include <map>
#include <span>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/model/onnx_fields.h"
#include "raceline/model/onnx_file.h"
#include "raceline/model/wire.h"

namespace raceline {
namespace {

using Bytes = std::span<const std::byte>;

using namespace onnx_field;
constexpr std::string_view our_prefix = "raceline.";

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
bool is(const WireField& field, uint32_t number) {
  return field.number == number && field.type == WireType::bytes;
}

/// A file as a list of parts: most lie in the mapped model, some are made.
class Parts {
 public:
  void add(Bytes part) {
    if (!parts_.empty() && parts_.back().data() + parts_.back().size() == text_of(part).data()) {
      parts_.back() = {parts_.back().data(), parts_.back().size() + part.size()};
    } else {
      parts_.push_back(text_of(part));
    }
    bytes_ += part.size();
  }
  void add(std::string made) {
    parts_.emplace_back(made_.emplace_back(std::move(made)));
    bytes_ += parts_.back().size();
  }
  void add(Parts&& others) {
    for (const std::string_view part : others.parts_) parts_.push_back(part);
    bytes_ += others.bytes_;
    kept_.push_back(std::move(others.made_));
    for (std::deque<std::string>& made : others.kept_) kept_.push_back(std::move(made));
  }
  size_t bytes() const { return bytes_; }
  std::span<const std::string_view> list() const { return parts_; }

 private:
  std::vector<std::string_view> parts_;
  std::deque<std::string> made_;
  std::deque<std::deque<std::string>> kept_;  ///< moving a deque leaves its elements where they are
  size_t bytes_ = 0;
};

class Annotator {
 public:
  Annotator(Bytes file, const OnnxNotes& notes) : file_(file), notes_(notes), found_(notes.nodes.size()) {}

  Parts copy_model() {
    match_nodes();
    Parts out;
    WireReader reader(file_, file_);
    while (const auto field = reader.next()) {
      if (is(*field, model_graph)) {
        Parts graph = copy_graph(field->body);
        std::string head;
        append_varint(head, uint64_t{model_graph} << 3 | static_cast<uint64_t>(WireType::bytes));
        append_varint(head, graph.bytes());
        out.add(std::move(head));
        out.add(std::move(graph));
      } else if (!is(*field, model_metadata) || !is_ours(field->body)) {
        out.add(field->whole);
      }
    }
    std::string metadata;
    append_properties(metadata, model_metadata, notes_.model);
    out.add(std::move(metadata));
    return out;
  }

  std::vector<size_t> not_found() const {
    std::vector<size_t> places;
    for (size_t index = 0; index < found_.size(); ++index) {
      if (!found_[index]) places.push_back(index);
    }
    return places;
  }

 private:
  /// Calls `visit(index, body)` for each node of the graph.
  template <class Visit>
  void for_each_node(const Visit& visit) const {
    size_t index = 0;
    WireReader model(file_, file_);
    while (const auto part = model.next()) {
      if (!is(*part, model_graph)) continue;
      WireReader graph(file_, part->body);
      while (const auto node = graph.next()) {
        if (is(*node, graph_node)) visit(index++, node->body);
      }
    }
  }

  void match_nodes() {
    std::map<std::string_view, size_t> names, outputs;
    for_each_node([&](size_t index, Bytes node) {
      WireReader reader(file_, node);
      while (const auto field = reader.next()) {
        if (is(*field, node_name)) names.emplace(text_of(field->body), index);
        if (is(*field, node_output)) outputs.emplace(text_of(field->body), index);
      }
    });
    for (size_t note = 0; note < notes_.nodes.size(); ++note) {
      const auto look = [&](const std::map<std::string_view, size_t>& table, const std::string& text) {
        const auto found = table.find(text);
        if (text.empty() || found == table.end() || found_[note]) return;
        by_node_[found->second].push_back(note);
        found_[note] = true;
      };
      look(names, notes_.nodes[note].node);
      look(outputs, notes_.nodes[note].output);
    }
  }

  Parts copy_graph(Bytes message) {
    Parts out;
    WireReader reader(file_, message);
    while (const auto field = reader.next()) {
      if (!is(*field, graph_node)) {
        out.add(field->whole);
        continue;
      }
      const std::vector<size_t>& notes = by_node_[nodes_++];
      if (notes.empty() && !has_ours(field->body)) {
        out.add(field->whole);
      } else {
        out.add(copy_node(field->body, notes));
      }
    }
    return out;
  }

  std::string copy_node(Bytes message, const std::vector<size_t>& notes) const {
    std::string body;
    WireReader reader(file_, message);
    while (const auto field = reader.next()) {
      if (!is(*field, node_metadata) || !is_ours(field->body)) body += text_of(field->whole);
    }
    for (const size_t note : notes) append_properties(body, node_metadata, notes_.nodes[note].properties);
    std::string out;
    append_bytes_field(out, graph_node, bytes_of(body));
    return out;
  }

  bool has_ours(Bytes node) const {
    WireReader reader(file_, node);
    while (const auto field = reader.next()) {
      if (is(*field, node_metadata) && is_ours(field->body)) return true;
    }
    return false;
  }

  bool is_ours(Bytes entry) const {
    WireReader reader(file_, entry);
    while (const auto field = reader.next()) {
      if (is(*field, entry_key) && starts_with(text_of(field->body), our_prefix)) return true;
    }
    return false;
  }

  static void append_properties(std::string& out, uint32_t number, const OnnxProperties& properties) {
    for (const auto& [key, value] : properties) {
      std::string entry;
      append_bytes_field(entry, entry_key, bytes_of(key));
      append_bytes_field(entry, entry_value, bytes_of(value));
      append_bytes_field(out, number, bytes_of(entry));
    }
  }

  Bytes file_;
  const OnnxNotes& notes_;
  std::vector<bool> found_;  ///< one a note
  std::map<size_t, std::vector<size_t>> by_node_;
  size_t nodes_ = 0;
};

bool has_external_data(const onnx::GraphProto& graph) {
  return std::any_of(graph.initializer().begin(), graph.initializer().end(), [](const auto& tensor) {
    return tensor.data_location() == onnx::TensorProto::EXTERNAL;
  });
}

}  // namespace

std::vector<size_t> write_onnx_notes(const std::filesystem::path& model, const std::filesystem::path& copy,
                                     const OnnxNotes& notes) {
  const OnnxFile file(model);  // so that only what is a model is copied
  std::error_code ignored;
  const auto folder = [&](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored).parent_path();
  };
  if (has_external_data(file.model().graph()) && folder(model) != folder(copy)) {
    throw UnsupportedError(
        fmt::format("'{}' has weights in other files of its folder; a copy to '{}' would not "
                    "find them: name a file in the model's folder",
                    model.string(), copy.string()));
  }
  Annotator annotator(file.bytes(), notes);
  const Parts parts = annotator.copy_model();
  write_file(copy, parts.list());
  return annotator.not_found();
}

}  // namespace raceline
