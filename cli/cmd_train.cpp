// raceline train: hands over to raceline-train, which alone links what training needs.
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/predictors.h"
#include "cli/train_arguments.h"
#include "cli/train_program.h"
#include "raceline/base/error.h"
#include "raceline/predict/shipped.h"

namespace raceline::cli {
namespace {

[[noreturn]] void hand_over(TrainArguments arguments) {
  for (auto& source : arguments.from) source = find_predictor(source.string(), predictors_folder());
  const std::filesystem::path program = train_program();
  std::vector<std::string> words = arguments.words();
  words.insert(words.begin(), program.string());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  for (const auto& [name, value] : train_environment()) ::setenv(name.c_str(), value.c_str(), 0);
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
