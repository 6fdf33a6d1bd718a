// Pairs of layers: how they are drawn, named, and written as models.
#include "raceline/dataset/layer_pair.h"

#include <set>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "raceline/base/error.h"
#include "raceline/dataset/layer_model.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"
#include "raceline/model/onnx_reader.h"

namespace raceline {
namespace {

constexpr SampleOptions small{.seed = 7, .most_tensor_bytes = 4e6, .most_expected_us = 1000, .machine = {}};

std::vector<LayerPair> sample(const PairKind& kind, uint64_t seed = 7) {
  SampleOptions options = small;
  options.seed = seed;
  SampleReport report;
  return sample_pairs(kind, 20, {}, options, report);
}

TEST(LayerPairs, OfEveryKindFitTogetherAndKeepToTheCaps) {
  for (const PairKind& kind : pair_kinds()) {
    SCOPED_TRACE(std::string(kind.first) + " " + std::string(kind.second));
    const std::vector<LayerPair> pairs = sample(kind);
    EXPECT_GE(pairs.size(), 10u);
    std::set<std::string> names;
    for (const LayerPair& pair : pairs) {
      EXPECT_EQ(layer_type(pair.first), kind.first);
      EXPECT_EQ(layer_type(pair.second), kind.second);
      EXPECT_LE(pair.first.bytes_moved(), small.most_tensor_bytes);
      EXPECT_LE(pair.second.bytes_moved(), small.most_tensor_bytes);
      EXPECT_TRUE(names.insert(pair.name()).second);
      const LayerPair again = LayerPair::parse(pair.name());
      EXPECT_EQ(again.first, pair.first);
      EXPECT_EQ(again.second, pair.second);
      EXPECT_EQ(type_of_name(pair.name()), "pair");
      EXPECT_EQ(bare_key(pair.name()), pair.name());
    }
  }
}

TEST(LayerPairs, TheSameSeedGivesTheSameAndAnotherGivesOthers) {
  const auto names = [](uint64_t seed) {
    std::vector<std::string> all;
    for (const LayerPair& pair : sample({"conv", "add"}, seed)) all.push_back(pair.name());
    return all;
  };
  EXPECT_EQ(names(1), names(1));
  EXPECT_NE(names(1), names(2));
}

TEST(LayerPairs, ThatAreNoneAreRefused) {
  for (const char* name :
       {"", "pair", "pair then unary 1x8 kind=relu", "pair unary 1x8 kind=relu",
        "unary 1x8 kind=relu then unary 1x8 kind=relu", "pair unary 1x8 kind=relu then unary 1x9 kind=relu",
        "pair unary 1x8 kind=relu then ", "pair  then unary 1x8 kind=relu",
        "pair nonsense 1x8 then unary 1x8 kind=relu"}) {
    EXPECT_THROW(LayerPair::parse(name), ParseError) << name;
  }
}

TEST(LayerPairs, AreWrittenAsModelsOfTheirTwoLayers) {
  std::string pattern = std::filesystem::temp_directory_path() / "raceline-pair-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  for (const PairKind& kind : pair_kinds()) {
    const LayerPair pair = sample(kind).front();
    SCOPED_TRACE(pair.name());
    const LayerFiles files = write_pair_model(pair, 1, pattern);
    OnnxModel model = OnnxModel::load(files.model);
    EXPECT_EQ(files.inputs.size(), model.inputs().size());
    const Graph graph = model.build({}, {});
    // Each node is a layer without its epilogue, and the node of that follows.
    std::vector<std::string> keys;
    for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node)
      keys.push_back(graph.layer(node).key());
    const size_t second = 1 + pair.first.epilogue.size();
    ASSERT_EQ(keys.size(), second + 1 + pair.second.epilogue.size());
    EXPECT_EQ(keys[0], bare_key(pair.first.key()));
    EXPECT_EQ(keys[second], bare_key(pair.second.key()));
    EXPECT_EQ(graph.node(static_cast<NodeId>(second)).inputs[0],
              graph.node(static_cast<NodeId>(second - 1)).outputs[0]);
  }
  std::filesystem::remove_all(pattern);
}

TEST(LayerPairs, OfAnActivationAndAProductAreGates) {
  std::string pattern = std::filesystem::temp_directory_path() / "raceline-pair-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const LayerPair pair = sample({"activation", "mul"}).front();
  EXPECT_TRUE(pair.is_gate());
  const LayerFiles files = write_pair_model(pair, 1, pattern);
  EXPECT_EQ(files.inputs.size(), 1u) << "x * sigmoid(x)";
  const Graph graph = OnnxModel::load(files.model).build({}, {});
  ASSERT_EQ(graph.nodes().size(), 2u);
  EXPECT_EQ(graph.node(1).inputs[1], graph.node(0).inputs[0]);
  std::filesystem::remove_all(pattern);
  for (const PairKind& kind : pair_kinds())
    EXPECT_EQ(sample(kind).front().is_gate(), kind.first == "activation") << kind.first << " " << kind.second;
}

TEST(LayerPairs, AreMovedByNoSplit) {
  Dataset dataset;
  for (const LayerPair& pair : sample({"conv", "add"})) {
    for (const std::string& name : {pair.name(), pair.first.key(), pair.second.key()}) {
      DatasetRow row;
      row.layer = name;
      row.type = type_of_name(name);
      row.set = set_pairs;
      dataset.rows.push_back(row);
    }
  }
  const size_t count = dataset.rows.size();
  split(dataset, {});
  EXPECT_EQ(dataset.rows.size(), count);
  for (const DatasetRow& row : dataset.rows) EXPECT_EQ(row.set, set_pairs);
}

}  // namespace
}  // namespace raceline
