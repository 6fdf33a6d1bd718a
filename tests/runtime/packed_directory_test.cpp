// What is kept of one session serves the next, and nothing that is not exactly it ever does.
#include "raceline/runtime/packed_directory.h"

#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "raceline/base/error.h"
#include "raceline/kernels/builtin.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

class PackedDirectoryTest : public ::testing::Test {
 protected:
  PackedDirectoryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "raceline_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw IoError("no temporary folder " + name);
    folder_ = name;
  }
  ~PackedDirectoryTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::vector<std::filesystem::path> entries() const {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) paths.push_back(entry.path());
    return paths;
  }
  bool has(const PackedKey& key, std::span<const std::byte> wanted) const {
    PackedDirectory store(folder_);
    const auto found = store.find(key, wanted.size());
    if (!found) return false;
    EXPECT_EQ(found->bytes(), wanted.size());
    EXPECT_EQ(std::memcmp(found->memory().host(), wanted.data(), wanted.size()), 0);
    return true;
  }

  std::filesystem::path folder_;
  const PackedKey key_{"conv for a layer", "1+abc", 17};
  const std::vector<std::byte> packed_ = std::vector<std::byte>(20000, std::byte{5});
};

TEST_F(PackedDirectoryTest, FindsWhatWasKeptAndNothingElse) {
  PackedDirectory(folder_).keep(key_, packed_);
  EXPECT_TRUE(has(key_, packed_));
  EXPECT_FALSE(has({key_.packer, "2+abc", key_.data}, packed_));
  EXPECT_FALSE(has({key_.packer, key_.revision, 18}, packed_));
  EXPECT_FALSE(has({"conv for another layer", key_.revision, key_.data}, packed_));
  EXPECT_FALSE(has(key_, std::span(packed_).first(19999)));
}

TEST_F(PackedDirectoryTest, AnEntryOfAnotherKeyUnderThisNameIsNotTaken) {
  PackedDirectory(folder_).keep(key_, packed_);
  const auto mine = entries().at(0);
  const PackedKey other{"conv for another layer", "1+abc", 17};
  const std::vector<std::byte> others(20000, std::byte{6});
  PackedDirectory(folder_).keep(other, others);
  for (const auto& path : entries()) {
    if (path != mine) std::filesystem::rename(path, mine);
  }
  EXPECT_FALSE(has(key_, packed_));
}

TEST_F(PackedDirectoryTest, DamagedEntriesCountForNothingAndAreReplaced) {
  PackedDirectory(folder_).keep(key_, packed_);
  const auto path = entries().at(0);
  const std::string whole = read_file(path);
  std::vector<std::string> damaged{"", "garbage", whole.substr(0, whole.size() - 1), whole + "x",
                                   whole.substr(0, 4096)};
  for (const size_t place : {size_t{0}, size_t{30}, size_t{4095}, size_t{4096}, whole.size() - 1}) {
    damaged.push_back(whole);
    damaged.back()[place] ^= 1;
  }
  for (const std::string& content : damaged) {
    SCOPED_TRACE(content.size());
    write_file(path, content);
    EXPECT_FALSE(has(key_, packed_));
    PackedDirectory(folder_).keep(key_, packed_);
    EXPECT_TRUE(has(key_, packed_));
    EXPECT_EQ(entries().size(), 1u);
  }
}

TEST_F(PackedDirectoryTest, ANewRevisionReplacesTheOld) {
  PackedDirectory(folder_).keep(key_, packed_);
  const PackedKey newer{key_.packer, "2+abc", key_.data};
  PackedDirectory(folder_).keep(newer, packed_);
  EXPECT_TRUE(has(newer, packed_));
  EXPECT_FALSE(has(key_, packed_));
  EXPECT_EQ(entries().size(), 1u);
}

TEST_F(PackedDirectoryTest, WhatIsFoundMayBeWrittenAndTheFileNeverSeesIt) {
  PackedDirectory store(folder_);
  store.keep(key_, packed_);
  auto found = store.find(key_, packed_.size());
  ASSERT_TRUE(found);
  found->memory().host()[0] = std::byte{9};
  EXPECT_TRUE(has(key_, packed_));
}

TEST_F(PackedDirectoryTest, AFolderThatCannotBeWrittenIsTroubleAndNoError) {
  write_file(folder_ / "file", "not a folder");
  PackedDirectory store(folder_ / "file");
  store.keep(key_, packed_);
  EXPECT_TRUE(contains(store.trouble(), "file"));
  EXPECT_FALSE(store.find(key_, packed_.size()));
  EXPECT_EQ(store.use().kept, 0u);
}

/// One layer whose weights are packed by most primitives.
Graph one_layer(OpKind op, Random& random, bool trans_b = false) {
  Graph graph;
  const bool conv = op == OpKind::conv2d;
  const ValueId x = graph.add_input("x", {DataType::f32, conv ? Shape{1, 40, 9, 9} : Shape{1, 200}});
  const Shape weights = conv ? Shape{50, 40, 3, 3} : trans_b ? Shape{300, 200} : Shape{200, 300};
  const ValueId w = graph.add_constant("w", random_tensor({DataType::f32, weights}, random));
  const OpParams params =
      conv ? OpParams(
                 ConvParams{.stride = {1, 1}, .dilation = {1, 1}, .pads_begin = {1, 1}, .pads_end = {1, 1}})
           : OpParams(GemmParams{.trans_b = trans_b});
  const NodeId node = graph.add_node("layer", op, params, {x, w});
  graph.mark_output(graph.node(node).outputs[0], "y");
  return graph;
}

/// The layer by a primitive, with the conversions that this takes.
Plan plan_by(const Primitive& primitive, const Graph& graph, const PrimitiveRegistry& registry) {
  Plan plan = Plan::reference(graph, registry);
  plan.steps[0].primitive = primitive.name();
  return repair_plan(plan, graph, registry, "").plan;
}

TEST_F(PackedDirectoryTest, EveryPrimitiveGivesTheSameFromWhatItsFirstSessionKept) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  Random random(3);
  size_t served = 0;
  for (const auto& [op, trans_b] :
       {std::pair(OpKind::conv2d, false), {OpKind::gemm, false}, {OpKind::gemm, true}}) {
    Graph graph = one_layer(op, random, trans_b);
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    for (const Primitive* primitive : registry.candidates(graph.layer(0))) {
      SCOPED_TRACE(primitive->name());
      const Plan plan = plan_by(*primitive, graph, registry);
      const auto expected = run_once(graph, plan, registry, device, inputs);
      PackedDirectory first(folder_), second(folder_);
      const auto made = run_once(graph, plan, registry, device, inputs, {.packed = &first});
      const auto found = run_once(graph, plan, registry, device, inputs, {.packed = &second});
      EXPECT_EQ(difference(made[0], expected[0]), 0);
      EXPECT_EQ(difference(found[0], expected[0]), 0);
      EXPECT_EQ(first.trouble(), "");
      EXPECT_EQ(first.use().found, 0u);
      EXPECT_EQ(second.use().found, first.use().kept);
      EXPECT_EQ(second.use().found_bytes, first.use().kept_bytes);
      EXPECT_EQ(second.use().kept, 0u);
      served += second.use().found;
    }
  }
  EXPECT_GT(served, 2u);
}

TEST_F(PackedDirectoryTest, OtherWeightsOfTheSameLayerAreNotMixedUp) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  Random random(4);
  PackedDirectory store(folder_);
  for (int round = 0; round < 3; ++round) {
    Graph graph = one_layer(OpKind::conv2d, random);
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    for (const Primitive* primitive : registry.candidates(graph.layer(0))) {
      const Plan plan = plan_by(*primitive, graph, registry);
      const auto expected = run_once(graph, plan, registry, device, inputs);
      const auto made = run_once(graph, plan, registry, device, inputs, {.packed = &store});
      EXPECT_EQ(difference(made[0], expected[0]), 0) << primitive->name();
    }
  }
}

TEST_F(PackedDirectoryTest, SessionsInTwoThreadsShareAFolder) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Random random(seed);
    Graph graph = one_layer(OpKind::conv2d, random);
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    const Primitive* packer = registry.candidates(graph.layer(0)).front();
    for (const Primitive* candidate : registry.candidates(graph.layer(0))) {
      if (candidate->info().library == "onednn") packer = candidate;
    }
    const Plan plan = plan_by(*packer, graph, registry);
    const auto expected = run_once(graph, plan, registry, device, inputs, {.threads = 1});
    std::string troubles[2];
    double differences[2] = {1, 1};
    const auto work = [&](size_t which) {
      PackedDirectory store(folder_);
      const auto made = run_once(graph, plan, registry, device, inputs, {.threads = 1, .packed = &store});
      differences[which] = difference(made[0], expected[0]);
      troubles[which] = store.trouble();
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    for (const size_t which : {0, 1}) {
      EXPECT_EQ(differences[which], 0);
      EXPECT_EQ(troubles[which], "");
    }
    for (const auto& path : entries()) EXPECT_EQ(path.extension(), ".packed");
  }
}

}  // namespace
}  // namespace raceline::testing
