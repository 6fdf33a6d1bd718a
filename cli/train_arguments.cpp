#include "cli/train_arguments.h"

namespace raceline::cli {

void TrainArguments::add_to(CLI::App& app) {
  app.add_option("data", data, "Dataset; its sets train and validation are used")->type_name("DATA.csv");
  app.add_option("-o,--output", output, "Predictor to write, packed if its name ends in .gz")
      ->type_name("PREDICTOR");
  app.add_option("--model", model,
                 "Which model; --models lists them. By default boosted, and transfer with --from");
  app.add_flag("--models", models, "List the models");
  app.add_option("--types", types, "Layer types; all that have rows if not given")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--phases", phases, "pre, exe, post")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--definition", definition, "Whose phases: perfnetrt or resperfnet")->capture_default_str();
  app.add_option("--platform", platform, "Which of several platforms in the dataset");
  app.add_option("--accelerator", accelerator, "Which of several accelerators");
  app.add_option("--mode", mode, "Which of several modes");
  app.add_option("--threads", threads, "Which of several numbers of threads")->check(CLI::PositiveNumber);
  app.add_option("--rows", rows, "At most so many rows of each type, drawn by the seed; 0: all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", seed, "Of the draw and of the fit")->capture_default_str();
  app.add_option("--jobs", jobs, "Parts fitted side by side, a thread each")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--set", settings, "A setting of the model")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_option("--from", from, "A predictor of another platform, to learn from; may be given again")
      ->type_name("PREDICTOR")
      ->allow_extra_args(false);
  app.add_flag("--json", json, "One JSON document: what was made, of how many rows, and what was left out");
  app.add_option("--checkpoint", checkpoint, "Folder where nets keep the errors of every epoch, as CSV")
      ->type_name("DIR");
  app.add_flag(
      "--watch", watch,
      "With --checkpoint: keep the errors of every epoch on test rows too, by which nothing is chosen");
}

std::vector<std::string> TrainArguments::words() const {
  std::vector<std::string> words;
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  const auto add_all = [&](const char* option, const auto& values) {
    for (const auto& value : values) add(option, std::filesystem::path(value).string());
  };
  if (models) words.emplace_back("--models");
  if (json) words.emplace_back("--json");
  if (watch) words.emplace_back("--watch");
  add("--output", output.string());
  add("--model", model);
  add_all("--types", types);
  add_all("--phases", phases);
  add("--definition", definition);
  add("--platform", platform);
  add("--accelerator", accelerator);
  add("--mode", mode);
  if (threads > 0) add("--threads", std::to_string(threads));
  add("--rows", std::to_string(rows));
  add("--seed", std::to_string(seed));
  add("--jobs", std::to_string(jobs));
  add_all("--set", settings);
  add_all("--from", from);
  add("--checkpoint", checkpoint.string());
  if (!data.empty()) words.insert(words.end(), {"--", data.string()});
  return words;
}

}  // namespace raceline::cli
