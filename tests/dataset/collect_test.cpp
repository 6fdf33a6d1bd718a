#include "raceline/dataset/collect.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/dataset/dataset.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/profile/sentinel.h"

namespace raceline {
namespace {

/// A worker of the guide's form whose answers depend on what it is given: see `body`.
class CollectTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "raceline-collect-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::create_directories(folder_ / "layer");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  CollectOptions options(const std::string& body, std::vector<std::string> before = {}) {
    write_file(folder_ / "toy_worker.py",
               std::string("import sys, os, time\nsys.path.insert(0, '") + RACELINE_SOURCE_DIR +
                   "/platforms')\n"
                   "from worker import Refusal, serve\n"
                   "class Toy:\n"
                   "    def facts(self):\n"
                   "        return {'platform': 'toy', 'accelerator': 'none', "
                   "'versions': {'toy': '1'}, 'modes': ['optimised']}\n"
                   "    def open(self, model, inputs, threads, mode, plan):\n"
                   "        self.size = max(array.shape[1] for array in inputs.values())\n"
                   "        " +
                   body +
                   "\n"
                   "        return ['y']\n"
                   "    def run(self):\n"
                   "        time.sleep(0.0002)\n"
                   "serve(Toy())\n");
    CollectOptions made;
    made.command = std::move(before);
    made.command.insert(made.command.end(), {"/usr/bin/python3", (folder_ / "toy_worker.py").string()});
    made.place.log = folder_ / "log";
    made.device = "here";
    made.most_rounds = made.rounds;  // so that samples can be counted
    made.round_gap_seconds = 0;
    made.budget_us = 1000;
    made.runs = 4;
    made.deadline_seconds = 20;
    made.sentinel_drift = 1e9;  // tests share the machine
    made.scratch = folder_ / "layer";
    made.lock.clear();
    return made;
  }

  static std::vector<CollectItem> items(const std::vector<int64_t>& sizes) {
    std::vector<CollectItem> list;
    for (const int64_t size : sizes) {
      list.push_back({"gemm 1x" + std::to_string(size) + " 3x" + std::to_string(size) + "* trans_b=1",
                      "train/log:0",
                      {}});
    }
    return list;
  }

  std::filesystem::path folder_;
};

TEST_F(CollectTest, MeasuresEveryItemInRoundsAndDoesNothingTwice) {
  SampleStore store = SampleStore::temporary();
  const CollectOptions asked = options("pass");
  const CollectReport first = collect(items({4, 5}), store, asked);
  EXPECT_EQ(first.samples, 6u);
  EXPECT_EQ(first.failed, 0u);
  EXPECT_TRUE(first.complete);
  const CollectReport again = collect(items({4, 5, 6}), store, asked);
  EXPECT_EQ(again.samples, 3u);
  EXPECT_EQ(again.from_store, 2u);
  const Dataset dataset = dataset_of(store);
  ASSERT_EQ(dataset.rows.size(), 3u);
  EXPECT_GE(dataset.rows[0].exe_us(PhaseModel::resperfnet), 200);
  EXPECT_EQ(dataset.rows[0].platform, "toy");
}

TEST_F(CollectTest, NoTwoRoundsOfAnItemShareAProcess) {
  SampleStore store = SampleStore::temporary();
  const std::filesystem::path log = folder_ / "opened";
  const CollectOptions asked =
      options("open('" + log.string() + "', 'a').write('%d %d\\n' % (self.size, os.getpid()))");
  collect(items({4, 5}), store, asked);
  std::map<std::string, std::set<std::string>> processes;
  std::ifstream lines(log);
  for (std::string layer, process; lines >> layer >> process;) processes[layer].insert(process);
  EXPECT_EQ(processes["4"].size(), 3u);
  EXPECT_EQ(processes["4"], processes["5"]) << "a process serves one round of many items";
}

TEST_F(CollectTest, EverySampleHasTheSentinelsTimeBesideIt) {
  SampleStore store = SampleStore::temporary();
  const CollectOptions asked = options("pass");
  collect(items({4, 5}), store, asked);
  EXPECT_EQ(store.sentinel_times("here", Sentinel::revision(), 1).size(), 6u);
  for (const PlatformSample& sample : store.samples()) {
    EXPECT_GT(sample.sentinel_us, 0);
    EXPECT_FALSE(sample.disturbed);
  }
}

TEST_F(CollectTest, WhatACrowdedMachineMeasuredGetsTwoMoreRoundsOnceItIsCalm) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("self.run = lambda: time.sleep(0.1)");  // rounds agree
  Sitting earlier{.platform = "another", .device = "here"};
  earlier = store.begin(earlier);
  for (int round = 0; round < 40; ++round) {
    store.append({.sitting = earlier.id,
                  .layer = "unary 8 kind=relu",
                  .round = round,
                  .steps = {"compute"},
                  .samples_us = {1},
                  .sentinel = Sentinel::revision(),
                  .sentinel_threads = 1,
                  .sentinel_us = 1});
  }
  double slowness = 1;
  asked.clock = [&, now = steady_clock()] { return slowness * now(); };
  asked.sentinel_drift = 0.03;
  asked.most_repeats = 1;
  asked.most_rounds = 6;
  const auto toy = [&] {
    const std::vector<DatasetRow> rows = dataset_of(store).rows;
    return *std::ranges::find(rows, "toy", &DatasetRow::platform);
  };
  const CollectReport first = collect(items({4}), store, asked);
  EXPECT_EQ(first.samples, 3u);
  EXPECT_EQ(first.disturbed, 3u);
  EXPECT_TRUE(toy().disturbed);
  EXPECT_EQ(collect(items({4}), store, asked).samples, 0u) << "it would still be as it was";
  slowness = 1e-6;
  const CollectReport calm = collect(items({4}), store, asked);
  EXPECT_EQ(calm.samples, 2u);
  EXPECT_EQ(calm.disturbed, 0u);
  EXPECT_FALSE(toy().disturbed);
  EXPECT_EQ(collect(items({4}), store, asked).samples, 0u);
}

TEST_F(CollectTest, RepetitionsThatAreDueComeBeforeTheTwoMoreRoundsOfACrowdedMachine) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("self.run = lambda: time.sleep(0.1)");
  double slowness = 1;
  asked.clock = [&, now = steady_clock()] { return slowness * now(); };
  asked.sentinel_drift = 1;
  asked.most_rounds = 6;
  asked.most_repeats = 0;
  collect(items({9}), store, asked);  // learns what is calm
  slowness = 1000;
  collect(items({4}), store, asked);
  slowness = 1;
  asked.repeat_rows = 1;
  asked.repeat_after_seconds = 0;
  const size_t before = store.samples().size();
  EXPECT_EQ(collect(items({4}), store, asked).samples, 5u);
  ASSERT_EQ(store.samples().size(), before + 5);
  std::map<int, std::vector<int>> rounds;  // by repeat, in the order taken of a sitting
  for (const PlatformSample& sample : store.samples()) {
    if (!sample.disturbed && sample.layer == items({4})[0].name)
      rounds[sample.repeat].push_back(sample.round);
  }
  EXPECT_EQ(rounds[1], (std::vector<int>{0, 1, 2})) << "of the sitting's samples these come first";
  EXPECT_EQ(rounds[0], (std::vector<int>{3, 4}));
}

TEST_F(CollectTest, ItemsWhoseFastestRoundNoOtherConfirmsGetMoreRounds) {
  SampleStore store = SampleStore::temporary();
  const std::string rounds = (folder_ / "rounds").string();
  CollectOptions asked = options("open('" + rounds +
                                 "', 'a').write('x')\n"
                                 "        first = len(open('" +
                                 rounds +
                                 "').read()) == 1\n"
                                 "        self.run = lambda: time.sleep(0.03 if first else 0.1)");
  asked.most_rounds = 6;
  EXPECT_EQ(collect(items({4}), store, asked).samples, 6u);
  EXPECT_TRUE(dataset_of(store).rows.at(0).outlier);
  EXPECT_EQ(collect(items({4}), store, asked).samples, 0u);
}

TEST_F(CollectTest, WhatGoesWrongIsMarkedAndTheRunGoesOn) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options(
      "if self.size == 4: raise Refusal('unsupported', 'not four')\n"
      "        if self.size == 5: os.kill(os.getpid(), 9)\n"
      "        if self.size == 6: raise MemoryError('six is too large')\n"
      "        if self.size == 7: time.sleep(60)\n"
      "        if self.size == 8: server.replies.write(b'rubbish\\n'); server.replies.flush()\n"
      "        if self.size == 9: raise RuntimeError('std::bad_alloc')");
  // The toy reaches its server to talk nonsense.
  std::string script = read_file(folder_ / "toy_worker.py");
  script.replace(script.find("class Toy"), 0,
                 "import worker\nclass Spy(worker.Server):\n    def __init__(self, *a):\n"
                 "        super().__init__(*a)\n        global server\n        server = self\n"
                 "worker.Server = Spy\n");
  write_file(folder_ / "toy_worker.py", script);
  asked.deadline_seconds = 3;
  const CollectReport report = collect(items({3, 4, 5, 6, 7, 8, 9, 10}), store, asked);
  EXPECT_EQ(report.samples, 6u) << "3 and 10 in three rounds each";
  EXPECT_EQ(report.failed, 6u);
  EXPECT_EQ(report.restarts, 3u);
  std::map<std::string, std::string> troubles;
  for (const PlatformSample& sample : store.samples()) {
    if (!sample.trouble.empty()) troubles[sample.layer.substr(5, 3)] = sample.trouble;
  }
  const std::map<std::string, std::string> wanted{{"1x4", "unsupported"}, {"1x5", "ended"},
                                                  {"1x6", "memory"},      {"1x7", "timeout"},
                                                  {"1x8", "garbage"},     {"1x9", "memory"}};
  EXPECT_EQ(troubles, wanted);
  EXPECT_EQ(collect(items({3, 4, 5, 6, 10}), store, asked).samples, 0u) << "failures are not tried again";
}

TEST_F(CollectTest, AWorkerBehindAnotherCommandWorksTheSame) {
  // What ssh does: a command that starts the worker and passes its input and output on.
  SampleStore store = SampleStore::temporary();
  write_file(folder_ / "board", "#!/bin/sh\nhost=$1; shift\ncat | \"$@\" | cat\n");
  std::filesystem::permissions(folder_ / "board", std::filesystem::perms::owner_all);
  CollectOptions asked = options("pass", {(folder_ / "board").string(), "host"});
  EXPECT_EQ(collect(items({4}), store, asked).samples, 3u);
}

TEST_F(CollectTest, RepetitionsComeWhenTheyAreDue) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("pass");
  asked.repeat_rows = 2;
  asked.repeat_after_seconds = 3600;
  const CollectReport early = collect(items({4, 5, 6}), store, asked);
  EXPECT_EQ(early.samples, 9u);
  EXPECT_EQ(early.repeats_not_due, 2u);
  asked.repeat_after_seconds = 0;
  EXPECT_EQ(collect(items({4, 5, 6}), store, asked).samples, 6u);
  EXPECT_EQ(noise_floors(dataset_of(store))[0].rows, 2u);
  EXPECT_EQ(collect(items({4, 5, 6}), store, asked).samples, 0u);
}

TEST_F(CollectTest, RepetitionsThatAreDueComeBeforeItemsThatAreNew) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("pass");
  asked.repeat_rows = 3;
  asked.repeat_after_seconds = 0;
  collect(items({4}), store, options("pass"));
  std::vector<std::string> order;
  asked.progress = [&](size_t, size_t, const std::string& now) { order.push_back(now); };
  const std::vector<CollectItem> all = items({5, 6, 4});
  EXPECT_EQ(collect(all, store, asked).samples, 15u);
  ASSERT_EQ(order.size(), 16u);  // the item of the store is passed once
  EXPECT_EQ(order[0], all[2].name);
  EXPECT_EQ(order[3], all[0].name);
  EXPECT_EQ(collect(all, store, asked).samples, 0u) << "all are repeated";
}

TEST_F(CollectTest, ItStopsWhenAskedAndGoesOnLater) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("pass");
  int left = 30;
  asked.stop = [&] { return --left < 0; };
  const CollectReport stopped = collect(items({4, 5, 6, 7, 8, 9}), store, asked);
  EXPECT_FALSE(stopped.complete);
  EXPECT_LT(stopped.samples, 18u);
  asked.stop = {};
  EXPECT_EQ(collect(items({4, 5, 6, 7, 8, 9}), store, asked).samples, 18 - stopped.samples);
}

TEST_F(CollectTest, ShardsMergeIntoOneStore) {
  SampleStore all = SampleStore::temporary(), other = SampleStore::temporary();
  const CollectOptions asked = options("pass");
  collect(items({4}), all, asked);
  collect(items({5}), other, asked);
  EXPECT_EQ(all.merge(other), 3);
  EXPECT_EQ(all.merge(other), 0);
  EXPECT_EQ(dataset_of(all).rows.size(), 2u);
}

TEST_F(CollectTest, AWorkerThatComesBackWithOtherVersionsEndsTheCollection) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("open('" + (folder_ / "updated").string() + "', 'w').close()");
  std::string script = read_file(folder_ / "toy_worker.py");
  script.replace(script.find("'toy': '1'"), 10,
                 "'toy': str(os.path.exists('" + (folder_ / "updated").string() + "'))");
  write_file(folder_ / "toy_worker.py", script);
  EXPECT_THROW(collect(items({4}), store, asked), Error);
  EXPECT_EQ(store.samples().size(), 1u) << "what was measured before stays";
}

TEST_F(CollectTest, AFailureIsForgottenWhenItIsMeasuredAfterAll) {
  SampleStore store = SampleStore::temporary();
  const std::string path = (folder_ / "tries").string();
  CollectOptions asked = options("open('" + path +
                                 "', 'a').write('x')\n"
                                 "        if len(open('" +
                                 path + "').read()) == 1: raise Refusal('failed', 'once')");
  EXPECT_EQ(collect(items({4}), store, asked).failed, 1u);
  asked.retry_failed = true;
  asked.stop = [&] { return store.samples().size() == 2; };
  EXPECT_EQ(collect(items({4}), store, asked).samples, 1u);
  asked.retry_failed = false;
  asked.stop = {};
  collect(items({4}), store, asked);
  ASSERT_EQ(dataset_of(store).rows.size(), 1u);
}

TEST_F(CollectTest, AnUnknownModeAndAWorkerThatDoesNotStartAreRefused) {
  SampleStore store = SampleStore::temporary();
  CollectOptions asked = options("pass");
  asked.mode = "unoptimised";
  EXPECT_THROW(collect(items({4}), store, asked), Error);
  asked.command = {"/no/such/worker"};
  EXPECT_THROW(collect(items({4}), store, asked), ChildError);
}

TEST_F(CollectTest, LayersAreWrittenAsTheModelsThatTheReaderMakesThemFrom) {
  for (const char* key :
       {"conv2d 1x8x12x12 16x8x3x3* 16* stride=2x2 pads_begin=1x1 pads_end=1x1 +relu",
        "conv2d 1x8x12x12 8x1x3x3* group=8", "gemm 2x5 3x5* 3* trans_b=1",
        "max_pool 1x8x12x12 kernel=3x3 stride=2x2 pads_end=1x1 +relu",
        "average_pool 1x8x6x6 kernel=6x6 stride=1x1", "binary 1x8x6x6 1x8x6x6 kind=add",
        "unary 1x8 kind=clip beta=6", "lrn 1x8x6x6 size=3", "softmax 4x10 first_axis=1 end_axis=2",
        "concat 1x2x6x6 1x3x6x6 axis=1", "transpose 1x2x3x4 perm=0x2x3x1", "reshape 1x2x3x4 dims=1x24",
        "slice 1x8x6x6 start=0x2x0x0 size=1x4x6x6 step=1x1x1x1"}) {
    const LayerDesc layer = LayerDesc::parse(key);
    const LayerFiles files = write_layer_model(layer, 1, folder_ / "layer");
    const OnnxModel model = OnnxModel::load(files.model);
    EXPECT_EQ(files.inputs.size(), model.inputs().size()) << key;
  }
  EXPECT_NE(why_no_onnx(LayerDesc::parse("cum_sum 4 axis=0")), "");
}

}  // namespace
}  // namespace raceline
