// raceline._native: what the Python package needs of the C++ library. Whatever C++ throws is a
// raceline.Error.
#include "module.h"

#include <utility>

#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/version.h"

namespace raceline::python {

Bench& bench() {
  static Bench bench;
  return bench;
}

}  // namespace raceline::python

PYBIND11_MODULE(_native, module) {
  namespace py = pybind11;
  static const py::exception<raceline::Error> error(module, "Error", PyExc_RuntimeError);
  error.attr("__module__") = "raceline";
  error.doc() = "What was wrong: the text names the thing, what was given and what was wanted.";
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(std::move(thrown));
    } catch (const py::error_already_set&) {
      throw;
    } catch (const py::builtin_exception&) {
      throw;
    } catch (const std::bad_alloc&) {
      PyErr_SetString(error.ptr(), "out of memory");
    } catch (const std::exception& what) {
      PyErr_SetString(error.ptr(), raceline::printable(what.what()).c_str());
    }
  });
  module.attr("version") = raceline::version;
  raceline::python::add_prediction(module);
  raceline::python::add_model(module);
}
