// What is promised of nets, where libtorch is there to train them.
#include <map>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/model/onnx_reader.h"
#include "tests/train/toy_platform.h"

namespace raceline::train {
namespace {

class Nets : public testing::Test {
 protected:
  void SetUp() override {
    for (const Trainer& each : trainers()) {
      if (each.model == "perfnet" && each.fit == nullptr) GTEST_SKIP() << each.absent;
    }
  }
};

TrainOptions quick(const std::string& model) {
  return {.model = model, .settings = {{"epochs", "2"}}};
}

/// How often each op occurs in the net of a trained predictor.
std::map<OpKind, int> ops_of(const Predictor& predictor) {
  const auto& model = dynamic_cast<const NetModel&>(*predictor.parts[0].model);
  const std::filesystem::path path = testing::TempDir() + "raceline_net.onnx";
  write_file(path, model.onnx);
  std::map<OpKind, int> counts;
  const Graph graph = OnnxModel::load(path).build({.batch = 3}, {});
  for (const Node& node : graph.nodes()) ++counts[node.op];
  std::filesystem::remove(path);
  return counts;
}

TEST_F(Nets, ResPerfNetHasTheLayersOfItsFigure) {
  std::map<OpKind, int> ops = ops_of(trained(toy_dataset(60), quick("resperfnet")));
  EXPECT_EQ(ops[OpKind::conv2d], 15);
  EXPECT_EQ(ops[OpKind::binary], 6);
  EXPECT_EQ(ops[OpKind::gemm], 4);
}

TEST_F(Nets, PerfNetAndJustusHaveFiveDenseLayers) {
  for (const std::string model : {"perfnet", "justus"})
    EXPECT_EQ(ops_of(trained(toy_dataset(60), quick(model)))[OpKind::gemm], 5) << model;
}

TEST_F(Nets, TheSameSeedGivesTheSameBytesAlsoSideBySide) {
  const Dataset dataset = toy_dataset(120);
  TrainOptions options = quick("resperfnet");
  options.phases = {Phase::pre, Phase::exe, Phase::post};
  const std::string alone = trained(dataset, options).to_text();
  options.jobs = 3;
  EXPECT_EQ(trained(dataset, options).to_text(), alone);
  options.seed = 2;
  EXPECT_NE(trained(dataset, options).to_text(), alone);
}

TEST_F(Nets, BothReadingsOfMapleAreThere) {
  const Dataset dataset = toy_dataset(120);
  TrainOptions options = quick("perfnet");
  const std::string by_row = trained(dataset, options).to_text();
  options.settings["loss"] = "maple-batch";
  EXPECT_NE(trained(dataset, options).to_text(), by_row);
  options.settings["loss"] = "mapple";
  EXPECT_THROW(trained(dataset, options), Error);
}

TEST_F(Nets, TheEpochThatIsBestOnValidationRowsIsKept) {
  // A rate that is never halved throws the net about: the last epoch is not the best.
  const Dataset dataset = toy_dataset(400);
  TrainOptions options{.model = "perfnet", .settings = {{"epochs", "60"}, {"halve", "0"}, {"scalar", "100"}}};
  options.engine = some_engine();
  double best = 1e30, last = 0;
  const Predictor predictor = train(
      dataset, options,
      [&](const std::string&, const FitProgress& progress) {
        last = progress.validation_error;
        best = std::min(best, last);
      },
      [] { return false; });
  EXPECT_LT(best, last);
  EXPECT_LT(test_mape(predictor, dataset), 1.5 * best);
}

TEST_F(Nets, WatchingTestRowsChangesNothingAndKeepsTheirErrors) {
  const Dataset dataset = toy_dataset(120);
  const std::string before = trained(dataset, quick("perfnet")).to_text();
  TrainOptions options = quick("perfnet");
  options.checkpoint = testing::TempDir();
  options.watch = true;
  EXPECT_EQ(trained(dataset, options).to_text(), before);
  const std::filesystem::path path = options.checkpoint / "conv exe.part.epochs.csv";
  const std::string watched = read_file(path);
  EXPECT_TRUE(watched.starts_with("epoch,rate,training_percent,validation_percent,test_percent,")) << watched;
  EXPECT_EQ(watched.find(",,"), std::string::npos) << watched;
  options.watch = false;
  trained(dataset, options);
  const std::string unwatched = read_file(path);
  EXPECT_NE(unwatched.find(",,"), std::string::npos) << unwatched;
  std::filesystem::remove(path);
}

TEST_F(Nets, AreWhatAnotherPlatformIsLearntFrom) {
  const Dataset dataset = toy_dataset(60);
  const Predictor source = trained(dataset, quick("perfnet"));
  TrainOptions options = quick("transfer");
  options.settings = {};
  options.from = std::span(&source, 1);
  const Predictor predictor = trained(dataset, options);
  ASSERT_FALSE(predictor.parts.empty());
  for (const PredictorPart& part : predictor.parts) EXPECT_EQ(part.model->name(), "transfer");
  EXPECT_TRUE(std::isfinite(test_mape(predictor, dataset)));
}

TEST_F(Nets, AnEngineThatComputesSomethingElseIsRefused) {
  class Wrong : public NetRunner {
   public:
    void run(const Features&, std::span<double> results) override {
      std::fill(results.begin(), results.end(), 0.123);
    }
  };
  for (const std::string model : {"perfnet", "resperfnet", "resperfnet+"}) {
    TrainOptions options = quick(model);
    options.engine = [](const std::string&, size_t) { return std::make_unique<Wrong>(); };
    try {
      trained(toy_dataset(60), options);
      ADD_FAILURE() << model;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("from libtorch's"), std::string::npos) << error.what();
    }
  }
}

TEST_F(Nets, SettingsThatCannotBeAreRefused) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"epochs", "0"}, {"batch", "-1"}, {"rate", "0"}, {"l2", "-1"}, {"epsilon", "0"}, {"loss", "x"}}) {
    EXPECT_THROW(trained(toy_dataset(60), {.model = "perfnet", .settings = {{name, value}}}), Error) << name;
  }
}

}  // namespace
}  // namespace raceline::train
