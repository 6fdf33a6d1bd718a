// raceline zoo: known networks as ONNX files with seeded weights.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "raceline/base/text.h"
#include "raceline/model/zoo/zoo.h"

namespace raceline::cli {
namespace {

struct Options {
  std::string name;
  std::filesystem::path output;
  ZooOptions zoo;
  bool json = false;
};

int list(const Options& options) {
  Json nets = Json::array();
  std::vector<std::vector<std::string>> rows{{"name", "input", "parameters", "GFLOP", "what", "paper"}};
  for (const ZooNet& net : zoo()) {
    const ZooSize size = zoo_size(net);
    rows.push_back({std::string(net.name), net.input.to_string(),
                    fmt::format("{:.2f} M", size.parameters * 1e-6), fmt::format("{:.3f}", size.flops * 1e-9),
                    std::string(net.what), std::string(net.paper)});
    nets.push_back({{"name", net.name},
                    {"input", net.input.to_string()},
                    {"parameters", size.parameters},
                    {"flops", size.flops},
                    {"what", net.what},
                    {"paper", net.paper}});
  }
  if (options.json) {
    print_json(nets);
  } else {
    fmt::print("{}", align_table(rows));
  }
  return done;
}

}  // namespace

std::function<int()> setup_zoo(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto run = std::make_shared<std::function<int()>>();
  app.require_subcommand(1);
  CLI::App* show = app.add_subcommand("list", "The networks there are");
  show->footer(example_text("raceline zoo list"));
  show->add_flag("--json", options->json, "One JSON document");
  show->final_callback([=] { *run = [=] { return list(*options); }; });
  CLI::App* write = app.add_subcommand("write", "Write a network with He-initialised random weights");
  write->footer(example_text("raceline zoo write squeezenet -o squeezenet.onnx"));
  write->add_option("name", options->name, "Its name in the list")->required()->type_name("NET");
  write->add_option("-o,--output", options->output, "ONNX file")->required()->type_name("FILE");
  write->add_option("--batch", options->zoo.batch, "Images in a batch")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  write->add_option("--seed", options->zoo.seed, "Of the weights")->capture_default_str();
  write
      ->add_option("--sparsity", options->zoo.sparsity,
                   "Share of the weights of convolutions and dense layers that is zero, the smallest")
      ->check(CLI::Range(0.0, 0.9999))
      ->type_name("SHARE");
  write->add_flag("--sparse-blocks", options->zoo.sparse_blocks,
                  "With --sparsity: whole blocks of 16 output channels x 1 element are zero");
  write->final_callback([=] {
    *run = [=] {
      write_zoo(options->name, options->output, options->zoo);
      return done;
    };
  });
  return [run] { return (*run)(); };
}

}  // namespace raceline::cli
