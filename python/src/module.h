// What the parts of the native module share. Private to it.
#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include <pybind11/pybind11.h>

#include "cli/workbench.h"
#include "raceline/base/memory_file.h"

namespace raceline::python {

namespace py = pybind11;

/// A model as Python gives it: what is in an ONNX file, or the path of one.
using ModelSource = std::variant<py::bytes, std::string>;

/// It as a file. Made with the GIL; the bytes must live as long.
class ModelFile {
 public:
  explicit ModelFile(const ModelSource& source) {
    if (const auto* bytes = std::get_if<py::bytes>(&source)) {
      memory_.emplace(std::string_view(*bytes));
    } else {
      path_ = std::get<std::string>(source);
    }
  }
  std::filesystem::path path() const { return memory_ ? memory_->path() : path_; }

 private:
  std::optional<MemoryFile> memory_;
  std::filesystem::path path_;
};

/// Machine and primitives of this process, made when they are first needed. One call uses them at a time.
struct Bench {
  cli::Workbench work;
  std::mutex turn;
};
Bench& bench();

void add_prediction(py::module_& module);
void add_model(py::module_& module);

}  // namespace raceline::python
