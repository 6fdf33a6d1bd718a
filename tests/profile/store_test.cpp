#include "raceline/profile/store.h"

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/profile/cost_table.h"
#include "store_rows.h"

namespace raceline {
namespace {

using test::expect_same;
using test::row;

using Store = test::StoreFolder;

std::string csv_header() {
  return "layer,primitive,revision,device,threads,pinned,cache,state,samples_us,error,why,taken_at";
}

TEST_F(Store, KeepsRowsAcrossOpening) {
  CostRow failed = row(2, 0);
  failed.state = CostState::failed;
  failed.why = "wrong, by \"much\"";
  failed.error = std::numeric_limits<double>::quiet_NaN();
  CostRow copy = row(1);
  copy.key.threads = 4;
  copy.key.pinned = true;
  {
    CostStore store = CostStore::open(path());
    store.save(failed);
    store.save(row(1));
    store.save(copy);
    store.mark_started(row(3).key);
  }
  const CostStore store = CostStore::open(path(), CostStore::Mode::read);
  const std::vector<CostRow> rows = store.rows();
  ASSERT_EQ(rows.size(), 4u);
  expect_same(rows[0], row(1));
  expect_same(rows[1], copy);
  expect_same(rows[2], failed);
  EXPECT_EQ(rows[3].state, CostState::started);
  EXPECT_EQ(rows[3].taken_at.size(), std::string("2026-11-22T16:30:00Z").size());
  expect_same(*store.find(copy.key), copy);
  EXPECT_FALSE(store.find(row(7).key).has_value());
}

TEST_F(Store, EveryPartOfTheKeyTellsRowsApart) {
  CostStore store = CostStore::temporary();
  const std::function<void(CostKey&)> changes[] = {
      [](CostKey&) {},
      [](CostKey& key) { key.layer += "x"; },
      [](CostKey& key) { key.primitive += "x"; },
      [](CostKey& key) { key.revision += "x"; },
      [](CostKey& key) { key.device += "x"; },
      [](CostKey& key) { key.threads = 2; },
      [](CostKey& key) { key.pinned = true; },
      [](CostKey& key) { key.cache = "cold"; },
  };
  for (const auto& change : changes) {
    CostRow one = row(1);
    change(one.key);
    store.save(one);
  }
  EXPECT_EQ(store.rows().size(), std::size(changes));
}

TEST_F(Store, AStartNeverHidesAResult) {
  CostStore store = CostStore::temporary();
  store.save(row(1));
  store.mark_started(row(1).key);
  expect_same(*store.find(row(1).key), row(1));
  CostRow failed = row(2, 0);
  failed.state = CostState::failed;
  store.save(failed);
  store.mark_started(failed.key);
  EXPECT_EQ(store.find(failed.key)->state, CostState::started);
  EXPECT_EQ(store.forget_failures(), 1);
  EXPECT_EQ(store.rows().size(), 1u);
}

TEST_F(Store, MergeKeepsTheLaterAndCountsChanges) {
  CostStore mine = CostStore::temporary(), theirs = CostStore::temporary();
  CostRow older = row(1), newer = row(1, 3);
  newer.taken_at = "2026-12-01T00:00:00Z";
  CostRow start = row(2, 0);
  start.state = CostState::started;
  start.taken_at = "2027-01-01T00:00:00Z";
  mine.save(older);
  mine.save(row(2));
  mine.save(row(3));
  theirs.save(newer);
  theirs.save(start);
  theirs.save(row(3));
  theirs.save(row(4));
  EXPECT_EQ(mine.merge(theirs), 2);
  expect_same(*mine.find(older.key), newer);
  expect_same(*mine.find(row(2).key), row(2));
  expect_same(*mine.find(row(4).key), row(4));
  EXPECT_EQ(mine.merge(theirs), 0);
  EXPECT_EQ(theirs.merge(theirs), 0);
  EXPECT_EQ(theirs.merge(mine), 1);
}

TEST_F(Store, RunsAreFoundByTheirWholeKeyInTheOrderGiven) {
  CostStore store = CostStore::temporary();
  const RunKey key{"graph", "plan", "race", "machine", 1, false};
  const std::vector<RunRow> rows{{"", "", "", "", {1, 2}, "2026-11-22T16:30:00Z"},
                                 {"b+c", "relu 1x2", "unary.x", "r1", {0.5, 1}, "2026-11-22T16:30:00Z"},
                                 {"a", "relu 1x3", "unary.x", "r1", {}, "2026-11-22T16:30:00Z"}};
  store.save_runs(key, rows);
  EXPECT_EQ(store.find_runs(key), rows);
  const std::function<void(RunKey&)> changes[] = {
      [](RunKey& other) { other.graph += "x"; },    [](RunKey& other) { other.plan += "x"; },
      [](RunKey& other) { other.protocol += "x"; }, [](RunKey& other) { other.device += "x"; },
      [](RunKey& other) { other.threads = 2; },     [](RunKey& other) { other.pinned = true; },
  };
  for (const auto& change : changes) {
    RunKey other = key;
    change(other);
    EXPECT_TRUE(store.find_runs(other).empty());
    store.save_runs(other, std::vector{rows[1]});
  }
  EXPECT_EQ(store.find_runs(key), rows);
  EXPECT_EQ(store.run_keys().size(), 1 + std::size(changes));
  store.save_runs(key, std::vector{rows[2]});
  EXPECT_EQ(store.find_runs(key).size(), 1u);
  EXPECT_TRUE(store.rows().empty()) << "a run is no cost of a layer";
}

TEST_F(Store, MergeTakesTheLaterRunsAsAWhole) {
  CostStore mine = CostStore::temporary(), theirs = CostStore::temporary();
  const RunKey first{"graph", "plan", "race", "machine", 1, false};
  RunKey second = first;
  second.plan = "other";
  const auto rows = [](const std::string& when, size_t count) {
    return std::vector<RunRow>(count, RunRow{"p", "l", "n", "r", {1}, when});
  };
  mine.save_runs(first, rows("2026-12-01T00:00:00Z", 3));
  mine.save_runs(second, rows("2026-11-01T00:00:00Z", 3));
  theirs.save_runs(first, rows("2026-11-30T00:00:00Z", 2));
  theirs.save_runs(second, rows("2026-11-30T00:00:00Z", 2));
  EXPECT_EQ(mine.merge(theirs), 2);
  EXPECT_EQ(mine.find_runs(first).size(), 3u);
  EXPECT_EQ(mine.find_runs(second).size(), 2u);
  EXPECT_EQ(mine.merge(mine), 0);
}

TEST_F(Store, CsvGoesRoundUnchanged) {
  CostStore store = CostStore::temporary();
  Random random(11);
  for (int i = 0; i < 50; ++i) {
    CostRow one = row(i, static_cast<int>(1 + random.below(5)));
    for (double& sample : one.samples_us) sample = std::exp(20 * random.normal());
    one.error = i % 7 == 0   ? std::numeric_limits<double>::quiet_NaN()
                : i % 5 == 0 ? std::numeric_limits<double>::infinity()
                             : 1e-7;
    one.why = i % 3 == 0 ? "line one,\r\nline \"two\"" : "";
    one.key.layer += i % 4 == 0 ? ",\"x\"\n" : "";
    store.save(one);
  }
  store.mark_started(row(100).key);
  const std::string csv = store.to_csv();
  CostStore copy = CostStore::temporary();
  EXPECT_EQ(copy.import_csv(csv), 51);
  EXPECT_EQ(copy.to_csv(), csv);
  const auto before = store.rows(), after = copy.rows();
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) expect_same(before[i], after[i]);
  EXPECT_EQ(copy.import_csv(csv), 0);
  // Line ends of other systems, and none at the end.
  std::string other = csv_header() + "\r\nl,p,r,d,1,0,session,measured,1.5;2,0,,2026-11-22T16:30:00.25Z";
  EXPECT_EQ(copy.import_csv(other), 1);
}

TEST_F(Store, BadCsvIsRefusedWithItsPlaceAndChangesNothing) {
  const std::string good = "l,p,r,d,1,0,session,measured,1.5;2,0,,2026-11-22T16:30:00Z\n";
  const auto with = [&](const std::string& line) { return csv_header() + "\n" + good + line; };
  const struct {
    std::string csv, place, what;
  } cases[] = {
      {"", "line 1, column 1", "wanted 'layer'"},
      {"layer,primitive\n", "line 1, column 7", "'revision' is missing"},
      {csv_header() + ",more\n", "line 1", "wanted no more"},
      {with("l,p,r\n"), "line 3, column 5", "3 fields"},
      {with("l,p,r,d,one,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 9", "threads: 'one'"},
      {with("l,p,r,d,-1,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 9", "threads: -1"},
      {with("l,p,r,d,99999999999,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3", "threads"},
      {with("l,p,r,d,1,2,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 11", "pinned"},
      {with("l,p,r,d,1,0,s,done,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 15", "state: 'done'"},
      {with("l,p,r,d,1,0,s,measured,,0,,2026-11-22T16:30:00Z\n"), "line 3", "no samples"},
      {with("l,p,r,d,1,0,s,measured,1;x,0,,2026-11-22T16:30:00Z\n"), "line 3, column 24", "'x'"},
      {with("l,p,r,d,1,0,s,measured,1;;2,0,,2026-11-22T16:30:00Z\n"), "line 3", "''"},
      {with("l,p,r,d,1,0,s,measured,-1,0,,2026-11-22T16:30:00Z\n"), "line 3", "-1 is no time"},
      {with("l,p,r,d,1,0,s,measured,inf,0,,2026-11-22T16:30:00Z\n"), "line 3", "inf is no time"},
      {with("l,p,r,d,1,0,s,measured,1,small,,2026-11-22T16:30:00Z\n"), "line 3", "error: 'small'"},
      {with("l,p,r,d,1,0,s,measured,1,0,,yesterday\n"), "line 3", "taken_at: 'yesterday'"},
      {with(",p,r,d,1,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 1", "layer: empty"},
      {with("\"l,p\n"), "line 3, column 1", "not closed"},
      {with("\"l\"x,p\n"), "line 3, column 4", "after a closing quote"},
      {with("l\"x,p\n"), "line 3, column 2", "quote inside"},
      {with("\"a\nb\",p,r\n"), "line 4", "3 fields"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.csv);
    CostStore store = CostStore::temporary();
    try {
      store.import_csv(one.csv);
      ADD_FAILURE() << "was taken";
    } catch (const ParseError& error) {
      EXPECT_NE(std::string(error.what()).find(one.place), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(one.what), std::string::npos) << error.what();
    }
    EXPECT_TRUE(store.rows().empty());
  }
}

TEST_F(Store, MangledCsvNeverCrashes) {
  CostStore store = CostStore::temporary();
  for (int i = 0; i < 4; ++i) store.save(row(i));
  const std::string csv = store.to_csv();
  Random random(5);
  int taken = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string mangled = csv;
    for (int64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(mangled.size())));
      switch (random.below(3)) {
        case 0:
          mangled[at] = "\",;\n\r-.x0\0"[random.below(10)];
          break;
        case 1:
          mangled.erase(at, static_cast<size_t>(1 + random.below(20)));
          break;
        default:
          mangled.resize(std::max<size_t>(at, 1));
      }
    }
    try {
      CostStore::temporary().import_csv(mangled);
      ++taken;
    } catch (const ParseError&) {
    }
  }
  EXPECT_LT(taken, 2000);
}

TEST(Percentile, InterpolatesBetweenNeighbours) {
  const std::vector<double> samples{5, 1, 4, 2, 3};
  EXPECT_EQ(percentile(samples, 0), 1);
  EXPECT_EQ(percentile(samples, 0.5), 3);
  EXPECT_EQ(percentile(samples, 1), 5);
  EXPECT_DOUBLE_EQ(percentile(samples, 0.1), 1.4);
  EXPECT_EQ(percentile(std::vector<double>{7}, 0.1), 7);
}

TEST(CostTable, APairHasACostOrAFailure) {
  CostTable table;
  table.set("l", "p", {.us = 3});
  EXPECT_EQ(table.find("l", "p")->us, 3);
  EXPECT_EQ(table.failure("l", "p"), "");
  table.set_failure("l", "p", "crashed");
  EXPECT_FALSE(table.find("l", "p").has_value());
  EXPECT_EQ(table.failure("l", "p"), "crashed");
  table.set("l", "p", {.us = 4});
  EXPECT_EQ(table.failure("l", "p"), "");
  EXPECT_EQ(table.size(), 1u);
  EXPECT_FALSE(table.find("p", "l").has_value());
}

}  // namespace
}  // namespace raceline
