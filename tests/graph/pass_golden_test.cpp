// What each pass makes of small graphs, as text. To write the golden files anew after a wanted change, run
// the program once with RACELINE_REWRITE_GOLDEN set, and read the difference.
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/file.h"
#include "raceline/graph/passes/passes.h"
#include "tests/graph/pass_cases.h"
#include "tests/graph/stand_in.h"

namespace raceline {
namespace {

const Pass& pass_named(std::string_view name) {
  for (const Pass& pass : all_passes()) {
    if (pass.name == name) return pass;
  }
  throw std::runtime_error(fmt::format("no pass {}", name));
}

class PassGolden : public testing::TestWithParam<test::PassCase> {};

TEST_P(PassGolden, TextIsAsWritten) {
  const Graph before = GetParam().build();
  const Graph after = pass_named(GetParam().pass).run(GetParam().build(), test::stand_in);
  after.verify();
  const std::string text =
      fmt::format("before\n{}\nafter {}\n{}", before.to_string(), GetParam().pass, after.to_string());
  const std::string path = fmt::format("{}/tests/graph/golden/{}.txt", RACELINE_SOURCE_DIR, GetParam().name);
  if (std::getenv("RACELINE_REWRITE_GOLDEN") != nullptr) write_file(path, text);
  EXPECT_EQ(text, read_file(path)) << "golden file " << path;
}

TEST_P(PassGolden, ASecondRunChangesNothing) {
  const Pass& pass = pass_named(GetParam().pass);
  Graph once = pass.run(GetParam().build(), test::stand_in);
  const std::string text = once.to_string();
  // The fusion passes add to a graph what it offers; the other passes drop fusions and rebuild the graph.
  if (!once.fusions().empty()) return;
  EXPECT_EQ(pass.run(std::move(once), test::stand_in).to_string(), text);
}

TEST_P(PassGolden, ResultsStayTheSame) {
  const Graph before = GetParam().build();
  const Graph after = pass_named(GetParam().pass).run(GetParam().build(), test::stand_in);
  ASSERT_EQ(before.outputs().size(), after.outputs().size());
  for (size_t output = 0; output < before.outputs().size(); ++output) {
    EXPECT_EQ(before.outputs()[output].name, after.outputs()[output].name);
    EXPECT_EQ(before.desc(before.outputs()[output].value), after.desc(after.outputs()[output].value));
  }
  if (!GetParam().runs) return;
  EXPECT_LT(test::largest_difference(before, after, 17), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(Cases, PassGolden, testing::ValuesIn(test::pass_cases()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace raceline
