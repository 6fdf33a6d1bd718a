// raceline: finds the racing line through a neural network. One table of subcommands, one place for errors.
#include <cstdlib>
#include <exception>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/train_arguments.h"
#include "cli/versions.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/profile/sentinel.h"

namespace raceline::cli {
namespace {

constexpr Command commands[] = {
    {"tune", "Measure, search, race: the fastest plan for a model on this machine",
     "raceline tune squeezenet.onnx -o squeezenet.plan", setup_tune},
    {"run", "Run a model once, with or without a plan",
     "raceline run squeezenet.onnx --plan squeezenet.plan --input data=cat.npy --output-dir out", setup_run},
    {"bench", "Time a model: load, pack, first run, then percentiles",
     "raceline bench squeezenet.onnx --plan squeezenet.plan", setup_bench},
    {"verify", "Compare with the reference or with stored outputs",
     "raceline verify squeezenet.onnx --plan squeezenet.plan", setup_verify},
    {"explain", "Why a plan is as it is, layer by layer",
     "raceline explain squeezenet.onnx --plan squeezenet.plan", setup_explain},
    {"diff", "Two plans layer by layer; exit status 1 when they differ",
     "raceline diff before.plan after.plan", setup_diff},
    {"profile", "Measure every primitive of every layer into the store", "raceline profile squeezenet.onnx",
     setup_profile},
    {"search", "Search the measured costs, or a problem file",
     "raceline search --problem problem.json --json", setup_search},
    {"inspect", "Layers of a model, or facts about the machine", "raceline inspect --machine", setup_inspect},
    {"primitives", "Who can compute a layer, and who cannot and why",
     "raceline primitives --layer 'conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1'",
     setup_primitives},
    {"store", "Look at, export, import and merge measured costs", "raceline store info", setup_store},
    {"zoo", "Known networks as ONNX files with seeded weights",
     "raceline zoo write squeezenet -o squeezenet.onnx", setup_zoo},
    {"paper", "A paper's tables and figures, made again on this machine", "raceline paper qs-dnn -o qs-dnn",
     setup_paper},
    {"platforms", "Which frameworks can be measured here", "raceline platforms", setup_platforms},
    {"collect", "Measure layers on a platform, for a dataset",
     "raceline collect --platform onnxruntime --layers conv,dense --samples 500 --store samples.db -o "
     "data.csv",
     setup_collect},
    {"dataset", "Tables of measured layers: import, export, split, look at",
     "raceline dataset import --format justus conv_GTX1080Ti.csv.gz -o conv.csv", setup_dataset},
    {"train", "Fit a predictor to a dataset", train_example, setup_train},
    {"evaluate", "How good a predictor is on rows that it was not trained on",
     "raceline evaluate openvino.predictor divided.csv.gz --json", setup_evaluate},
    {"calibrate", "Let a predictor learn from networks that were measured whole",
     "raceline calibrate openvino.predictor openvino.csv.gz -o openvino.predictor", setup_calibrate},
    {"predict", "How long a network takes on a platform, without running it there",
     "raceline predict squeezenet.onnx --predictor openvino.predictor --batch 1,2,4", setup_predict},
    {"advise", "Which platform runs a network fastest, by their predictors",
     "raceline advise squeezenet.onnx --predictors openvino.predictor onnxruntime.predictor", setup_advise},
    {"worker", "Be measured: answer the requests of docs/platforms.md on stdin", "ssh board raceline worker",
     setup_worker},
    {"completions", "A script for bash, zsh or fish that completes commands, options and names",
     "raceline completions bash > ~/.local/share/bash-completion/completions/raceline", setup_completions},
};

constexpr double usual_patience_seconds = 20;

/// Seconds that measuring may wait for a crowded machine, of RACELINE_PATIENCE: see docs/measuring.md.
double patience_seconds() {
  const char* text = std::getenv("RACELINE_PATIENCE");
  return text == nullptr ? usual_patience_seconds : parse_double(text, "RACELINE_PATIENCE");
}

int program(int argc, char** argv) {
  CLI::App app(
      "raceline finds the racing line through a neural network: the fastest primitive for each layer,\n"
      "measured on this machine.",
      "raceline");
  app.set_version_flag(
      "--version", [] { return version_text(); }, "Versions of Raceline and of every library");
  app.require_subcommand(1);
  app.footer("Each command: raceline <command> --help");
  std::function<int()> run;
  for (const Command& command : commands) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.what));
    sub->footer(example_text(command.example));
    sub->final_callback([&run, body = command.setup(*sub)] { run = body; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version arrive here too, with status 0.
    return app.exit(error) == 0 ? done : wrong_use;
  }
  catch_interrupts();
  try {
    set_patience(patience_seconds());
    return run();
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "raceline: out of memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "raceline: {}\n", printable(error.what()));
  }
  return wrong_use;
}

}  // namespace
}  // namespace raceline::cli

int main(int argc, char** argv) {
  return raceline::cli::program(argc, argv);
}
