// One case of `raceline verify`: a model with inputs and wanted outputs, run by one or more plans.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/compare.h"
#include "cli/workbench.h"

namespace raceline::cli {

/// How the models are run.
struct VerifyMode {
  std::filesystem::path plan;   ///< a plan file
  PrimitiveFilter only;         ///< these primitives wherever they can
  bool each_primitive = false;  ///< one run for each primitive that can compute some layer
};

struct VerifyResult {
  enum class State { passed, failed, refused } state = State::passed;
  std::string name;
  int runs = 0;                  ///< data sets times plans
  std::vector<std::string> why;  ///< one line each failure or the refusal
  double largest_error = 0;      ///< largest difference over the largest wanted value, of float outputs
};

/// A model file, or a folder with model.onnx and test_data_set_* as in the ONNX backend tests. Without stored
/// outputs the reference primitives give the wanted ones, on the inputs of `options`.
VerifyResult verify_case(const std::filesystem::path& path, const ModelOptions& options,
                         const VerifyMode& mode, const Tolerance& tolerance, const Workbench& bench);

}  // namespace raceline::cli
