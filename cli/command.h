// A subcommand of the program: how it is described and how it runs.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace raceline::cli {

/// Exit statuses: 0 done, 1 the answer is no, 2 wrong use or bad input, 130 interrupted.
inline constexpr int done = 0, answer_is_no = 1, wrong_use = 2, interrupted = 130;

/// A row of the table in main.cpp. setup adds the options and says what to run, which gives the exit status.
struct Command {
  std::string_view name;
  std::string_view what;
  std::string_view example;  ///< shown by --help
  std::function<int()> (*setup)(CLI::App& app);
};

/// What --help shows below the options of a command.
inline std::string example_text(std::string_view example) {
  return "Example:\n  " + std::string(example);
}

std::function<int()> setup_advise(CLI::App& app);
std::function<int()> setup_bench(CLI::App& app);
std::function<int()> setup_calibrate(CLI::App& app);
std::function<int()> setup_collect(CLI::App& app);
std::function<int()> setup_completions(CLI::App& app);
std::function<int()> setup_dataset(CLI::App& app);
std::function<int()> setup_diff(CLI::App& app);
std::function<int()> setup_evaluate(CLI::App& app);
std::function<int()> setup_explain(CLI::App& app);
std::function<int()> setup_inspect(CLI::App& app);
std::function<int()> setup_paper(CLI::App& app);
std::function<int()> setup_platforms(CLI::App& app);
std::function<int()> setup_predict(CLI::App& app);
std::function<int()> setup_primitives(CLI::App& app);
std::function<int()> setup_profile(CLI::App& app);
std::function<int()> setup_run(CLI::App& app);
std::function<int()> setup_search(CLI::App& app);
std::function<int()> setup_store(CLI::App& app);
std::function<int()> setup_train(CLI::App& app);
std::function<int()> setup_tune(CLI::App& app);
std::function<int()> setup_verify(CLI::App& app);
std::function<int()> setup_worker(CLI::App& app);
std::function<int()> setup_zoo(CLI::App& app);

}  // namespace raceline::cli
