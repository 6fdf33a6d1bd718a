// Notes on the nodes of an ONNX file, which viewers such as Netron show beside the node.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace raceline {

/// Keys and values, in the order in which they are shown. Keys begin with "raceline.".
using OnnxProperties = std::vector<std::pair<std::string, std::string>>;

/// What is to be said of a node: the one of this name or, where no node has it, the one that gives this
/// tensor.
struct OnnxNodeNote {
  std::string node;
  std::string output;
  OnnxProperties properties;
};

struct OnnxNotes {
  OnnxProperties model;
  std::vector<OnnxNodeNote> nodes;
};

/// Copies a model with notes in the metadata_props of its nodes and of itself; older notes of ours are
/// replaced. All else is copied byte by byte, weights straight from the mapped file. NodeProto has
/// metadata_props since IR version 10; readers of older versions pass over them. Gives the notes that found
/// no node, by their place in `notes.nodes`. `copy` may be the model itself. Throws IoError, ParseError, and
/// UnsupportedError for a copy in another folder than the external data it refers to.
std::vector<size_t> write_onnx_notes(const std::filesystem::path& model, const std::filesystem::path& copy,
                                     const OnnxNotes& notes);

}  // namespace raceline
