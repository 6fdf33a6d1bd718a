// The costs of a store as rows to train on.
#include "raceline/dataset/cost_rows.h"

#include <cmath>

#include <gtest/gtest.h>

#include "raceline/dataset/splits.h"

namespace raceline {
namespace {

constexpr const char* conv = "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1 +relu";
constexpr const char* jit = "conv2d.onednn.jit.nhwc@cpu";

CostRow cost(const std::string& primitive, const std::string& revision, double us,
             const std::string& taken_at) {
  CostRow row;
  row.key = {conv, primitive, revision, "machine", 1, true, "session"};
  for (int sample = 0; sample < 11; ++sample) row.samples_us.push_back(us + sample);
  row.taken_at = taken_at;
  return row;
}

bool has_note(const Dataset& dataset, const std::string& part) {
  for (const std::string& note : dataset.notes) {
    if (note.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST(CostRows, AreCostsByPrimitiveThatATrainerTakes) {
  CostStore store = CostStore::temporary();
  store.save(cost(jit, "r1", 100, "2026-11-22T16:30:00Z"));
  const Dataset dataset = dataset_of(store);
  ASSERT_EQ(dataset.rows.size(), 1u);
  const DatasetRow& row = dataset.rows[0];
  EXPECT_EQ(row.layer, conv);
  EXPECT_EQ(row.type, "conv");
  EXPECT_EQ(row.platform, "raceline");
  EXPECT_EQ(row.accelerator, "machine");
  EXPECT_EQ(row.mode, "pinned");
  EXPECT_EQ(row.threads, 1);
  EXPECT_EQ(row.primitive, jit);
  EXPECT_EQ(row.set, set_train);
  EXPECT_EQ(row.rounds, 11);
  for (const PhaseModel model : {PhaseModel::perfnetrt, PhaseModel::resperfnet})
    EXPECT_DOUBLE_EQ(row.exe_us(model), 101) << "the 10th percentile";
  EXPECT_DOUBLE_EQ(row.median[0].exe_us, 105);
  EXPECT_TRUE(std::isnan(row.p10[0].pre_us));
  EXPECT_FALSE(row.outlier);
  // A file of it says the same.
  const Dataset again = parse_dataset(to_csv(dataset));
  ASSERT_EQ(again.rows.size(), 1u);
  EXPECT_EQ(again.rows[0].primitive, jit);
  EXPECT_DOUBLE_EQ(again.rows[0].exe_us(PhaseModel::resperfnet), 101);
  EXPECT_TRUE(has_note(again, "1 layers by 1 primitives"));
}

TEST(CostRows, OfSeveralRevisionsTheLastMeasuredCounts) {
  CostStore store = CostStore::temporary();
  store.save(cost(jit, "r2", 100, "2026-11-22T16:30:00Z"));
  store.save(cost(jit, "r1", 200, "2026-11-23T16:30:00Z"));
  const Dataset dataset = dataset_of(store);
  ASSERT_EQ(dataset.rows.size(), 1u);
  EXPECT_DOUBLE_EQ(dataset.rows[0].exe_us(PhaseModel::resperfnet), 201);
  EXPECT_TRUE(has_note(dataset, "left out: 1 costs of earlier revisions"));
}

TEST(CostRows, FailuresAreCountedAndOtherConditionsAreOtherRows) {
  CostStore store = CostStore::temporary();
  CostRow failed = cost("conv2d.native.direct.nchw@cpu", "r1", 1, "2026-11-22T16:30:00Z");
  failed.state = CostState::failed;
  failed.samples_us.clear();
  store.save(failed);
  store.mark_started({conv, "conv2d.blis.gemm.im2col.nchw@cpu", "r1", "machine", 1, true, "session"});
  CostRow threads = cost(jit, "r1", 60, "2026-11-22T16:30:00Z");
  threads.key.threads = 2;
  store.save(threads);
  CostRow cold = cost(jit, "r1", 120, "2026-11-22T16:30:00Z");
  cold.key.cache = "session-dram";
  store.save(cold);
  store.save(cost(jit, "r1", 100, "2026-11-22T16:30:00Z"));
  const Dataset dataset = dataset_of(store);
  EXPECT_EQ(dataset.rows.size(), 3u);
  EXPECT_TRUE(has_note(dataset, "left out: 2 costs that failed"));
  EXPECT_TRUE(has_note(dataset, "2 threads"));
}

TEST(CostRows, LayersOfANetworkLeaveWithTheirFusedForms) {
  CostStore store = CostStore::temporary();
  store.save(cost(jit, "r1", 100, "2026-11-22T16:30:00Z"));
  Dataset dataset = dataset_of(store);
  const std::string plain = "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1";
  EXPECT_EQ(remove_layers(dataset, std::vector{plain}), 1u);
  EXPECT_TRUE(dataset.rows.empty());
}

}  // namespace
}  // namespace raceline
