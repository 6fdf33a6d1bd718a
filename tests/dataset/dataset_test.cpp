#include "raceline/dataset/dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/gzip.h"
#include "raceline/base/random.h"
#include "raceline/base/text.h"
#include "raceline/dataset/splits.h"

namespace raceline {
namespace {

constexpr const char* conv = "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1";
constexpr const char* dense = "gemm 1x512 1000x512* 1000* trans_b=1";

PlatformSample sample(const Sitting& sitting, const std::string& layer, int round, double us,
                      int repeat = 0) {
  return {.sitting = sitting.id,
          .layer = layer,
          .repeat = repeat,
          .round = round,
          .origin = "train/prior:net",
          .steps = {"copy_in", "compute"},
          .samples_us = {1, us, 1, us + 2, 1, us + 1},
          .taken_at = "2026-11-22T16:30:00Z"};
}

Sitting sitting() {
  return {.platform = "toy",
          .accelerator = "cpu",
          .mode = "optimised",
          .threads = 1,
          .device = "d",
          .versions = "toy 1"};
}

DatasetRow row(const std::string& layer, const std::string& group = "", const std::string& set = "train") {
  DatasetRow row;
  row.layer = layer;
  row.type = "dense";
  row.platform = "toy";
  row.set = set;
  row.group = group;
  for (auto* statistic : {&row.p10, &row.median}) statistic->fill({1, 2, 3});
  return row;
}

std::string dense_of(int64_t inputs, int64_t outputs) {
  return "gemm 1x" + std::to_string(inputs) + " " + std::to_string(outputs) + "x" + std::to_string(inputs) +
         "* trans_b=1";
}

TEST(Datasets, JudgeRoundsByAllThatIsKnownOfTheirMachine) {
  SampleStore store = SampleStore::temporary();
  const Sitting measured = store.begin(sitting());
  const auto add = [&](const std::string& layer, int round, double sentinel_us, bool was_disturbed) {
    PlatformSample each = sample(measured, layer, round, 100);
    each.disturbed = was_disturbed;
    if (sentinel_us > 0) {
      each.sentinel = "1";
      each.sentinel_threads = 1;
      each.sentinel_us = sentinel_us;
    }
    store.append(each);
  };
  const std::string early = dense_of(1, 1), later = dense_of(2, 2), unwatched = dense_of(3, 3);
  for (int round = 0; round < 3; ++round) add(early, round, 150, false);  // by nothing better
  for (int round = 3; round < 40; ++round) add(later, round, 100, true);
  for (int round = 40; round < 43; ++round) add(unwatched, round, 0, true);
  std::map<std::string, bool> disturbed;
  for (const DatasetRow& row : dataset_of(store).rows) disturbed[row.layer] = row.disturbed;
  EXPECT_EQ(disturbed, (std::map<std::string, bool>{{early, true}, {later, false}, {unwatched, true}}));
}

TEST(Datasets, RowsAreMadeOfRoundsWhicheverSittingsTheyComeFrom) {
  SampleStore store = SampleStore::temporary();
  const Sitting first = store.begin(sitting()), second = store.begin(sitting());
  Sitting newer = sitting();
  newer.versions = "toy 2";
  const Sitting other = store.begin(newer);
  store.append(sample(first, conv, 0, 100));
  store.append(sample(second, conv, 0, 104));
  store.append(sample(second, conv, 1, 102));
  store.append(sample(other, conv, 0, 50));
  PlatformSample failed = sample(first, dense, 1, 1);
  failed.trouble = "memory";
  store.append(failed);
  const Dataset dataset = dataset_of(store);
  ASSERT_EQ(dataset.rows.size(), 1u);
  EXPECT_EQ(dataset.rows[0].rounds, 3);
  EXPECT_EQ(dataset.rows[0].runs, 9);
  EXPECT_EQ(dataset.rows[0].type, "conv");
  EXPECT_EQ(dataset.rows[0].group, "prior:net");
  EXPECT_NEAR(dataset.rows[0].exe_us(PhaseModel::resperfnet), 101.4, 1e-9);
  EXPECT_EQ(dataset.rows[0].median[1].pre_us, 1);
  // What was left out is said.
  EXPECT_NE(join(dataset.notes, "\n").find("1 samples that failed: memory"), std::string::npos);
  EXPECT_NE(join(dataset.notes, "\n").find("1 rows of fewer than 3 rounds"), std::string::npos);
}

TEST(Datasets, ReadBackWhatTheyWrote) {
  SampleStore store = SampleStore::temporary();
  const Sitting first = store.begin(sitting());
  for (int round = 0; round < 3; ++round) store.append(sample(first, conv, round, 100 + round));
  const Dataset dataset = dataset_of(store);
  const Dataset again = parse_dataset(to_csv(dataset));
  EXPECT_EQ(again.notes, dataset.notes);
  EXPECT_EQ(to_csv(again), to_csv(dataset));
  EXPECT_EQ(again.rows[0].p10[1].exe_us, dataset.rows[0].p10[1].exe_us);
}

TEST(Datasets, SayOnWhichMachinesAPlatformWasMeasured) {
  SampleStore store = SampleStore::temporary();
  for (const char* device : {"one", "two"}) {
    Sitting each = sitting();
    each.device = device;
    store.append(sample(store.begin(each), dense, 0, 7));
  }
  const Dataset dataset = parse_dataset(to_csv(dataset_of(store, {.least_rounds = 1})));
  EXPECT_EQ(machines_of(dataset, "toy", "cpu", "optimised", 1), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(machines_of(dataset, "toy", "cpu", "unoptimised", 1).empty());
}

TEST(Datasets, HostileCsvIsRefusedWithItsPlace) {
  const std::string good = to_csv({.notes = {"a note"}, .rows = {row(dense)}});
  ASSERT_EQ(parse_dataset(good).rows.size(), 1u);
  const auto refused = [](const std::string& csv, const std::string& words) {
    try {
      parse_dataset(csv);
      ADD_FAILURE() << "not refused: " << words;
    } catch (const ParseError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  refused("", "wanted 'layer'");
  refused(with("resperfnet_exe_us", "resperfnet_us"), "line 3, column");
  refused(with(",taken_at", ""), "column 'taken_at' is missing");
  refused(with("gemm 1x512", "gemm 1x-512"), "line 4, column 1: layer");
  refused(with(",dense,", ",conv,"), "type: 'conv'");
  refused(with(",1,2,3,1,2,3,1,2,3", ",1,-2,3,1,2,3,1,2,3"), "no time in microseconds");
  refused(with(",1,2,3,1,2,3,1,2,3", ",1,nan,3,1,2,3,1,2,3"), "no time in microseconds");
  refused(with(",1,2,3,1,2,3,1,2,3", ",1,1e300,3,1,2,3,1,2,3"), "no time in microseconds");
  refused(with(",1,2,3,1,2,3,1,2,3", ",1,,3,1,2,3,1,2,3"), "perfnetrt_exe_us: no time");
  refused(with(",toy,", ",\"toy,"), "the quote is not closed");
  refused(good + "one,field\n", "2 fields, wanted 27");
  // Whatever bytes change: a value or a ParseError.
  Random random(20261129);
  for (int edit = 0; edit < 3000; ++edit) {
    std::string changed = good;
    changed[static_cast<size_t>(random.below(static_cast<int64_t>(changed.size())))] =
        static_cast<char>(random.below(256));
    try {
      (void)parse_dataset(changed);
    } catch (const Error&) {
    }
  }
}

TEST(Datasets, TheNoiseFloorIsHowFarRepetitionsAreOff) {
  Dataset dataset{
      .notes = {},
      .rows = {row(dense_of(8, 8)), row(dense_of(8, 8)), row(dense_of(9, 9)), row(dense_of(9, 9))}};
  dataset.rows[0].p10[1].exe_us = 100;
  dataset.rows[1].p10[1].exe_us = 102;
  dataset.rows[2].p10[1].exe_us = 1000;
  dataset.rows[3].p10[1].exe_us = 960;
  dataset.rows[1].repeat = dataset.rows[3].repeat = 1;
  double all = 0, slow = 0;
  for (const NoiseFloor& floor : noise_floors(dataset)) {
    if (floor.phase != "exe") continue;
    if (floor.above == "all") all = floor.mape_percent;
    if (floor.above == "> 200 us") slow = floor.mape_percent;
  }
  EXPECT_NEAR(all, 3, 1e-9);
  EXPECT_NEAR(slow, 4, 1e-9);
  // A repetition is of the same accelerator, threads and primitive; and phases are those of the definition.
  dataset.rows[2].threads = 4;
  dataset.rows[3].accelerator = "gpu";
  const std::vector<NoiseFloor> floors = noise_floors(dataset);
  EXPECT_TRUE(
      std::all_of(floors.begin(), floors.end(), [](const NoiseFloor& each) { return each.rows == 1; }));
  dataset.rows[0].p10[0].exe_us = 100;
  dataset.rows[1].p10[0].exe_us = 150;
  for (const NoiseFloor& floor : noise_floors(dataset, PhaseModel::perfnetrt)) {
    if (floor.phase == "exe") {
      EXPECT_NEAR(floor.mape_percent, 50, 1e-9);
    }
  }
}

TEST(Datasets, PublicRowsBecomeLayers) {
  const std::string header =
      "run,batchsize,matsize,kernelsize,channels_in,channels_out,strides,padding,activation_fct,use_bias,"
      "optimizer,"
      "time_median_ms,time_min_ms,time_max_ms,time_std_ms\n";
  const Dataset conv_rows = import_public(
      PublicFormat::justus,
      header + "0,1,32,4,21,22,2,1,1,1,0,0.240259,0.17,0.28,0.03\n0,1,32,4,21,22,2,1,1,1,2,1,1,1,1\n", "GPU");
  ASSERT_EQ(conv_rows.rows.size(), 1u) << "a training step is no forward pass";
  EXPECT_EQ(conv_rows.rows[0].layer,
            "conv2d 1x21x32x32 22x21x4x4* 22* stride=2x2 pads_begin=1x1 pads_end=1x1 +relu");
  EXPECT_DOUBLE_EQ(conv_rows.rows[0].exe_us(PhaseModel::perfnetrt), 240.259);
  EXPECT_TRUE(std::isnan(conv_rows.rows[0].p10[0].pre_us));
  EXPECT_EQ(parse_dataset(to_csv(conv_rows)).rows.size(), 1u);
  const Dataset trt =
      import_public(PublicFormat::trt,
                    "conv_type,batch,in_c,in_h,in_w,out_c,kernel,stride,elmt_fused,latency_ms\n"
                    "Depthwise,1,8,16,16,8,3,1,0,0.5\nRegular,1,8,16,16,8,3,1,1,0.25\n",
                    "V100");
  EXPECT_EQ(trt.rows[0].type, "depthwise");
  EXPECT_EQ(trt.rows[1].layer,
            "conv2d 1x8x16x16 8x8x3x3* 8* 1x8x16x16 pads_begin=1x1 pads_end=1x1 +add +relu");
  EXPECT_EQ(trt.rows[1].group, "in_h:16");
  for (const char* bad : {"0,0,32,4,21,22,2,1,1,1,0,1,1,1,1\n", "0,1,32,4,21,22,2,1,9,1,0,1,1,1,1\n",
                          "0,1,32,4,21,22,2,1,1,1,0,-1,1,1,1\n", "0,1\n"}) {
    EXPECT_THROW(import_public(PublicFormat::justus, header + bad, "GPU"), ParseError) << bad;
  }
  const Dataset impossible =
      import_public(PublicFormat::justus, header + "0,1,2,4,21,22,2,0,1,1,0,1,1,1,1\n", "GPU");
  EXPECT_TRUE(impossible.rows.empty()) << "a kernel larger than its image";
  ASSERT_EQ(impossible.notes.size(), 2u);
  EXPECT_NE(impossible.notes[1].find("1 rows whose layers cannot be; the first: line 2"), std::string::npos)
      << impossible.notes[1];
}

TEST(Splits, KeepLayersAndGroupsTogetherAndSharesAsAsked) {
  Dataset dataset;
  for (int64_t layer = 1; layer <= 200; ++layer) {
    for (int copy = 0; copy < 3; ++copy) {
      dataset.rows.push_back(
          row(dense_of(layer, 7) + (copy == 2 ? " +relu" : ""), "g" + std::to_string(layer / 10)));
    }
  }
  for (const bool by_group : {false, true}) {
    Dataset divided = dataset;
    split(divided, {.by_group = by_group, .seed = 5});
    EXPECT_EQ(divided.rows.size(), dataset.rows.size());
    std::map<std::string, std::set<std::string>> sets;
    std::map<std::string, size_t> counts;
    for (const DatasetRow& each : divided.rows) {
      sets[by_group ? each.group : each.layer.substr(0, each.layer.find(" +"))].insert(each.set);
      ++counts[each.set];
    }
    for (const auto& [unit, of] : sets) EXPECT_EQ(of.size(), 1u) << unit;
    EXPECT_NEAR(static_cast<double>(counts["test"]), 120, by_group ? 60 : 1);
    EXPECT_NEAR(static_cast<double>(counts["validation"]), 48, by_group ? 60 : 3);
    // The order of the rows means nothing.
    Dataset reversed = dataset;
    std::reverse(reversed.rows.begin(), reversed.rows.end());
    split(reversed, {.by_group = by_group, .seed = 5});
    std::reverse(reversed.rows.begin(), reversed.rows.end());
    for (size_t at = 0; at < divided.rows.size(); ++at)
      EXPECT_EQ(reversed.rows[at].set, divided.rows[at].set);
  }
  EXPECT_THROW(split(dataset, {.test = 1.5}), Error);
}

TEST(Splits, FrozenSetsAreNeverTrainedOn) {
  Dataset dataset{.notes = {},
                  .rows = {row(dense_of(3, 3), "", "test-networks"), row(dense_of(3, 3) + " +relu"),
                           row(dense_of(4, 4))}};
  split(dataset, {.test = 0, .validation = 0});
  ASSERT_EQ(dataset.rows.size(), 2u);
  EXPECT_EQ(dataset.rows[0].set, "test-networks");
  EXPECT_EQ(dataset.rows[1].set, "train");
}

TEST(Splits, PairsAndWholeNetworksStayWhatTheyAre) {
  Dataset dataset{.notes = {}, .rows = {row(dense_of(3, 3), "", set_pairs), row(dense_of(4, 4))}};
  dataset.rows.push_back(row("model lenet5 batch=1", "lenet5", set_models));
  split(dataset, {.test = 0.9, .validation = 0});
  ASSERT_EQ(dataset.rows.size(), 3u);
  EXPECT_EQ(dataset.rows[0].set, set_pairs);
  EXPECT_EQ(dataset.rows[1].set, set_test);
  EXPECT_EQ(dataset.rows[2].set, set_models);
}

TEST(Splits, LayersOfGivenNetworksLeaveTrainingOnly) {
  Dataset dataset{.notes = {},
                  .rows = {row(dense_of(3, 3)), row(dense_of(3, 3), "", "test"), row(dense_of(4, 4))}};
  EXPECT_EQ(remove_layers(dataset, std::vector<std::string>{dense_of(3, 3) + " +relu"}), 1u);
  EXPECT_EQ(dataset.rows.size(), 2u);
  EXPECT_EQ(dataset.rows[0].set, "test");
}

TEST(Splits, LayersOfGivenNetworksLeaveTrainingAtAnyBatch) {
  const std::string at_eight = "conv2d 8x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1 +relu";
  const std::string another = "conv2d 8x64x56x56 64x64x3x3* 64*";
  const std::string transposed = "gemm 512x8 1000x512* 1000* trans_a=1 trans_b=1";
  Dataset dataset{.notes = {}, .rows = {row(at_eight), row(another), row(transposed)}};
  EXPECT_EQ(remove_layers(dataset,
                          std::vector<std::string>{conv, "gemm 512x1 1000x512* 1000* trans_a=1 trans_b=1"}),
            1u);
  ASSERT_EQ(dataset.rows.size(), 2u);
  EXPECT_EQ(dataset.rows[0].layer, another);
  EXPECT_EQ(batchless_key(transposed), transposed);
}

TEST(Splits, LayersThatDifferInTheBatchAloneAreOneWhereTheirParametersRepeatIt) {
  const auto expect_one = [](const std::string& at_two, const std::string& at_four) {
    EXPECT_EQ(batchless_key(at_two), batchless_key(at_four));
  };
  expect_one("reshape 2x1024x1x1 dims=2x1024", "reshape 4x1024x1x1 dims=4x1024");
  expect_one("reshape 24x49x32 dims=2x12x49x32", "reshape 48x49x32 dims=4x12x49x32");
  expect_one("slice 2x17x43x43 start=0x3x0x0 size=2x5x43x43",
             "slice 4x17x43x43 start=0x3x0x0 size=4x5x43x43");
  expect_one("resize 2x7x22x22 mode=linear sizes=2x7x44x44", "resize 4x7x22x22 mode=linear sizes=4x7x44x44");
  expect_one("expand 1x1x768* dims=2x1x768", "expand 1x1x768* dims=4x1x768");
  EXPECT_NE(batchless_key("slice 2x17x43x43 start=0x3x0x0 size=2x5x43x43"),
            batchless_key("slice 2x17x43x43 start=0x3x0x0 size=2x6x43x43"));
}

TEST(Gzip, PackedTextReadsBackAndDamageIsRefused) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "raceline-gzip-test.gz";
  std::string text;
  for (int line = 0; line < 50000; ++line) text += "line " + std::to_string(line) + "\n";
  const std::string packed = gzip(text);
  const auto read = [&](const std::string& bytes, size_t most = 1 << 24) {
    write_file(file, bytes);
    return read_maybe_gzip(file, most);
  };
  EXPECT_EQ(read(packed), text);
  EXPECT_EQ(read(packed + packed), text + text);
  EXPECT_EQ(read("plain"), "plain");
  EXPECT_THROW(read(packed, 1000), IoError);
  EXPECT_THROW(read(packed.substr(0, packed.size() / 2)), IoError);
  EXPECT_THROW(read(packed.substr(0, 10)), IoError);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace raceline
