// Models that run on NumPy arrays: runtime/network's Network, which binds itself to the shapes it is given.
#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "module.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"

namespace raceline::python {
namespace {

struct NumpyType {
  DataType type;
  const char* name;
};
constexpr std::array<NumpyType, 13> numpy_types{
    {{DataType::f32, "float32"},
     {DataType::f64, "float64"},
     {DataType::f16, "float16"},
     {DataType::bf16, "uint16"},  // its bits: NumPy has no such type
     {DataType::i8, "int8"},
     {DataType::u8, "uint8"},
     {DataType::i16, "int16"},
     {DataType::u16, "uint16"},
     {DataType::i32, "int32"},
     {DataType::u32, "uint32"},
     {DataType::i64, "int64"},
     {DataType::u64, "uint64"},
     {DataType::boolean, "bool"}}};

std::string numpy_name(DataType type) {
  return std::find_if(numpy_types.begin(), numpy_types.end(),
                      [&](const NumpyType& each) { return each.type == type; })
      ->name;
}

/// Names in a model may hold anything; Python's text may not.
std::vector<std::string> printable_names(std::vector<std::string> names) {
  std::transform(names.begin(), names.end(), names.begin(), printable);
  return names;
}

/// The array as models read them: itself where its elements are one row-major piece, else a copy.
py::array row_major(const OnnxInput& input, const py::object& given) {
  py::array array = py::array::ensure(given, py::array::c_style);
  const std::string wanted = numpy_name(input.type);
  if (!array) {
    PyErr_Clear();
    throw Error(fmt::format("input '{}': wanted an array of {}, given {}", input.name, wanted,
                            std::string(py::str(py::type::handle_of(given).attr("__name__")))));
  }
  const std::string type = py::str(array.dtype());
  if (type != wanted) throw Error(fmt::format("input '{}': wanted {}, given {}", input.name, wanted, type));
  if (array.ndim() > Shape::max_rank) {
    throw Error(fmt::format("input '{}': given {} dimensions, at most {} are possible", input.name,
                            array.ndim(), Shape::max_rank));
  }
  return array;
}

/// Inputs are never written: a TensorView has no const form.
TensorView view_of(const OnnxInput& input, const py::array& array) {
  const std::vector<int64_t> dims(array.shape(), array.shape() + array.ndim());
  return {{input.type, Shape(dims), Layout::nchw}, {{}, const_cast<void*>(array.data()), 0}};
}

/// An array on the tensor's memory, which it takes.
py::array array_of(Tensor&& tensor) {
  auto kept = std::make_unique<Tensor>(std::move(tensor));
  const TensorDesc desc = kept->desc();
  const void* data = kept->bytes().data();
  const py::capsule owner(kept.release(), [](void* owned) {
    const std::unique_ptr<Tensor> released(static_cast<Tensor*>(owned));
  });
  return {py::dtype(numpy_name(desc.type)),
          std::vector<int64_t>(desc.shape.dims().begin(), desc.shape.dims().end()), data, owner};
}

/// What run() belongs to: one call at a time, in whatever thread.
class RunnableModel {
 public:
  RunnableModel(const ModelSource& source, const std::string& plans, int threads, const std::string& cache)
      : file_(source), cpu_(Machine::detect()) {
    const py::gil_scoped_release others_go_on;
    cli::Workbench& work = bench().work;
    NetworkOptions options{.session = {.threads = threads, .release_constants = true}};
    if (!cache.empty()) options.session.packed = &cache_.emplace(cache);
    if (!plans.empty()) {
      options.plans = PlanSet::from_json(plans);
      options.planner = cli::library_planner(work);
    }
    network_.emplace(OnnxModel::load(file_.path()), work.registry, cpu_, work.evaluator, std::move(options));
  }

  std::vector<OnnxInput> inputs() const {
    const auto inputs = network_->model().inputs();
    return {inputs.begin(), inputs.end()};
  }
  std::vector<std::string> outputs() const { return printable_names(network_->model().outputs()); }

  std::vector<py::array> run(const std::vector<py::object>& given) {
    const auto infos = network_->model().inputs();
    if (given.size() != infos.size())
      throw Error(fmt::format("{} inputs are given, the model has {}", given.size(), infos.size()));
    std::vector<py::array> arrays;
    std::vector<TensorView> views;
    for (size_t index = 0; index < infos.size(); ++index) {
      arrays.push_back(row_major(infos[index], given[index]));
      views.push_back(view_of(infos[index], arrays.back()));
    }
    std::vector<py::array> results;
    for (Tensor& each : run(views)) results.push_back(array_of(std::move(each)));
    return results;
  }

 private:
  std::vector<Tensor> run(std::span<const TensorView> views) {
    const py::gil_scoped_release others_go_on;
    const std::lock_guard turn(turn_);
    return network_->run(views);
  }

  ModelFile file_;
  CpuDevice cpu_;
  std::optional<PackedDirectory> cache_;
  std::optional<Network> network_;
  std::mutex turn_;  ///< taken without the GIL
};

}  // namespace

void add_model(py::module_& module) {
  py::class_<OnnxInput>(module, "Input", "An input of a model.")
      .def_property_readonly("name", [](const OnnxInput& input) { return printable(input.name); })
      .def_property_readonly("dtype",
                             [](const OnnxInput& input) { return py::dtype(numpy_name(input.type)); })
      .def_property_readonly(
          "dims", [](const OnnxInput& input) { return printable_names(input.dims); },
          "Each a number, a symbol, or '?'.")
      .def("__repr__", [](const OnnxInput& input) {
        return printable(
            fmt::format("<Input {} {} [{}]>", input.name, numpy_name(input.type), join(input.dims, ", ")));
      });
  py::class_<RunnableModel>(module, "Model")
      .def(py::init<const ModelSource&, const std::string&, int, const std::string&>())
      .def_property_readonly("inputs", &RunnableModel::inputs)
      .def_property_readonly("outputs", &RunnableModel::outputs)
      .def("run", py::overload_cast<const std::vector<py::object>&>(&RunnableModel::run));
}

}  // namespace raceline::python
