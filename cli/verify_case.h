// One case of `raceline verify`: a model with inputs and wanted outputs, run by one or more plans.
#pragma once
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cli/compare.h"
#include "cli/workbench.h"

namespace raceline::cli {

/// How the models are run.
struct VerifyMode {
  std::filesystem::path plan;  ///< a plan file
  PrimitiveFilter only;        ///< these primitives wherever they can
  /// One run for each primitive that can compute some layer or conversion. Where it cannot, fast primitives
  /// of the libraries fill in: the reference computes the wanted outputs, once, and what nobody else can.
  bool each_primitive = false;
};

struct VerifyResult {
  enum class State { passed, failed, refused } state = State::passed;
  std::string name;
  int runs = 0;                  ///< data sets times plans
  std::set<std::string> unused;  ///< reorders and gathering primitives whose neighbours no plan has: no run
  std::set<std::string> fallbacks;  ///< of --only: primitives that compute what it cannot
  std::vector<std::string> why;     ///< one line each failure or the refusal
  double largest_error = 0;         ///< largest difference over the largest wanted value, of float outputs
};

/// Told before each of a case's many runs: how many are done, of how many, and the primitive.
using OnRun = std::function<void(size_t done, size_t all, const std::string& primitive)>;

/// A model file, or a folder with model.onnx and test_data_set_* as in the ONNX backend tests. Without stored
/// outputs the reference primitives give the wanted ones, on the inputs of `options`. Ends early, with what
/// was found by then, when the program is interrupted.
VerifyResult verify_case(const std::filesystem::path& path, const ModelOptions& options,
                         const VerifyMode& mode, const Tolerance& tolerance, const Workbench& bench,
                         const OnRun& on_run);

}  // namespace raceline::cli
