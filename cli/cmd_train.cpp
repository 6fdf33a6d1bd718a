// raceline train: hands over to raceline-train, which alone links what training needs.
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/predictors.h"
#include "cli/train_arguments.h"
#include "raceline/base/error.h"
#include "raceline/predict/shipped.h"

namespace raceline::cli {
namespace {

[[noreturn]] void hand_over(TrainArguments arguments) {
  for (auto& source : arguments.from) source = find_predictor(source.string(), predictors_folder());
  const std::filesystem::path program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "raceline-train";
  std::vector<std::string> words = arguments.words();
  words.insert(words.begin(), program.string());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // A training is one thread: libraries that wait in loops would halve it, and BLAS is faster alone on so
  // little.
  ::setenv("OPENBLAS_NUM_THREADS", "1", 0);
  ::setenv("OMP_NUM_THREADS", "1", 0);
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  ::execv(program.c_str(), argv.data());
  throw IoError(fmt::format("'{}' cannot be started: {}; it is built by the target raceline_train",
                            program.string(), std::strerror(errno)));
}

}  // namespace

std::function<int()> setup_train(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  arguments->add_to(app);
  return [arguments]() -> int { hand_over(*arguments); };
}

}  // namespace raceline::cli
