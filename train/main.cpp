// raceline-train: fits a predictor to a dataset. `raceline train` starts it; nothing else of Raceline links
// the libraries that training needs.
#include <cmath>
#include <exception>
#include <new>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/train_arguments.h"
#include "raceline/base/error.h"
#include "raceline/base/gzip.h"
#include "raceline/base/hash.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/predict/net_engine.h"
#include "train/pipeline.h"

namespace raceline::train {
namespace {

using cli::done, cli::interrupted, cli::wrong_use;

int list_models(bool json) {
  std::vector<std::vector<std::string>> table{{"model", "what", ""}};
  cli::Json list = cli::Json::array();
  for (const ModelKind& kind : model_kinds()) {
    std::string absent = "no trainer";
    for (const Trainer& trainer : trainers()) {
      if (trainer.model == kind.name) absent = trainer.absent;
    }
    table.push_back({std::string(kind.name), std::string(kind.what), absent});
    list.push_back({{"model", kind.name}, {"what", kind.what}, {"absent", absent}});
  }
  if (json) {
    cli::print_json({{"models", list}});
  } else {
    fmt::print("{}", align_table(table));
  }
  return done;
}

/// Parts with their errors while they are fitted, on stderr.
class Reporter {
 public:
  void operator()(const std::string& part, const FitProgress& progress) {
    std::string now = part;
    if (!std::isnan(progress.training_error))
      now += fmt::format(", training {:.2f} %", progress.training_error);
    if (!std::isnan(progress.validation_error)) {
      now += fmt::format(", validation {:.2f} %", progress.validation_error);
    }
    if (progress.best > 0) now += fmt::format(", best {:.2f} % at {}", progress.best_error, progress.best);
    progress_.show(progress.done, progress.all, now);
  }

 private:
  cli::Progress progress_{"train"};
};

TrainOptions options_of(const cli::TrainArguments& arguments) {
  const char* usual = arguments.from.empty() ? "boosted" : "transfer";
  TrainOptions options{.model = arguments.model.empty() ? usual : arguments.model,
                       .platform = arguments.platform,
                       .accelerator = arguments.accelerator,
                       .mode = arguments.mode,
                       .threads = arguments.threads,
                       .types = arguments.types,
                       .phases = {},
                       .definition = parse_phase_model(arguments.definition),
                       .rows = arguments.rows,
                       .seed = arguments.seed,
                       .jobs = arguments.jobs,
                       .settings = {},
                       .from = {},
                       .engine = {},
                       .checkpoint = arguments.checkpoint,
                       .watch = arguments.watch,
                       .data_name = {}};
  for (const std::string& phase : arguments.phases) options.phases.push_back(parse_phase(phase));
  for (const std::string& text : arguments.settings) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) throw Error(fmt::format("--set '{}': wanted NAME=VALUE", text));
    options.settings[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return options;
}

/// What was made, and what is to be known of it.
void report(const Predictor& predictor, const cli::TrainArguments& arguments) {
  constexpr double level = 0.9;
  cli::Json parts = cli::Json::array();
  for (const PredictorPart& part : predictor.parts) {
    const double factor = part.conformal.factor(level);
    const std::string name = fmt::format("{}{}{} {}", part.type, part.primitive.empty() ? "" : " by ",
                                         part.primitive, to_string(part.phase));
    fmt::print(stderr, "{}: {} rows, {}\n", printable(name), part.rows,
               std::isinf(factor) ? "too few to say what holds 90 %"
                                  : fmt::format("a factor of {:.3f} holds 90 %", factor));
    parts.push_back({{"type", part.type},
                     {"primitive", part.primitive},
                     {"phase", to_string(part.phase)},
                     {"rows", part.rows},
                     {"interval_factor", factor}});
  }
  for (const std::string& note : predictor.notes) fmt::print(stderr, "{}\n", printable(note));
  fmt::print(stderr, "written to {}\n", arguments.output.string());
  if (!arguments.json) return;
  cli::print_json({{"predictor", arguments.output.string()},
                   {"model", predictor.model},
                   {"platform", predictor.platform},
                   {"accelerator", predictor.accelerator},
                   {"mode", predictor.mode},
                   {"threads", predictor.threads},
                   {"level_percent", 100 * level},
                   {"parts", parts},
                   {"notes", predictor.notes}});
}

int run(const cli::TrainArguments& arguments) {
  if (arguments.models) return list_models(arguments.json);
  if (arguments.data.empty() || arguments.output.empty()) throw Error("wanted DATA.csv and -o PREDICTOR");
  TrainOptions options = options_of(arguments);
  const PrimitiveRegistry registry = builtin_primitives();  // of the reference alone
  CpuDevice cpu(Machine::detect());
  options.engine = net_engine(registry, cpu);
  std::vector<Predictor> from;
  for (const std::filesystem::path& path : arguments.from)
    from.push_back(read_predictor(path, options.engine));
  options.from = from;
  const std::string text = read_maybe_gzip(arguments.data);
  options.data_name = fmt::format("{} {}", arguments.data.filename().string(), hex(hash_text(text)));
  const Dataset dataset = parse_dataset(text, arguments.data);
  Reporter reporter;
  const Predictor predictor = train(dataset, options, std::ref(reporter), cli::is_interrupted);
  if (cli::is_interrupted()) {
    fmt::print(stderr, "{}interrupted, nothing is written\n", cli::train_failed);
    return interrupted;
  }
  write_maybe_gzip(arguments.output, predictor.to_text());
  report(predictor, arguments);
  return done;
}

int program(int argc, char** argv) {
  CLI::App app("raceline-train fits a predictor to a dataset of measured layers.", "raceline-train");
  app.footer(cli::example_text(cli::train_example));
  cli::TrainArguments arguments;
  arguments.add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? done : wrong_use;
  }
  cli::catch_interrupts();
  try {
    return run(arguments);
  } catch (const IoError& error) {
    fmt::print(stderr, "{}{}\n", cli::train_failed, printable(error.what()));
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "{}not enough memory\n", cli::train_failed);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}{}\n", cli::train_refused, printable(error.what()));
  }
  return wrong_use;
}

}  // namespace
}  // namespace raceline::train

int main(int argc, char** argv) {
  return raceline::train::program(argc, argv);
}
