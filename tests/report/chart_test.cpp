// Charts and tables as text: golden files, rewritten with RACELINE_REWRITE_GOLDEN=1.
#include "raceline/report/chart.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/file.h"
#include "raceline/report/page.h"
#include "raceline/report/table.h"

namespace raceline {
namespace {

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = fmt::format("{}/tests/report/golden/{}", RACELINE_SOURCE_DIR, name);
  if (std::getenv("RACELINE_REWRITE_GOLDEN") != nullptr) write_file(path, text);
  EXPECT_EQ(text, read_file(path)) << "golden file " << path;
}

Chart lines() {
  Chart chart{.title = "RL & RS <mean>", .x = {"episodes", true}, .y = {"ms"}};
  chart.series = {{.name = "RL",
                   .x = {25, 50, 100, 1000},
                   .y = {4, 3, 2.5, 2},
                   .low = {3.5, 2.8, 2.4, 2},
                   .high = {4.4, 3.1, 2.7, 2.1},
                   .mark = ChartSeries::Mark::line_and_points},
                  {.name = "RS", .x = {25, 1000}, .y = {6, 5}, .mark = ChartSeries::Mark::points}};
  chart.levels = {{"optimum", 1.9}};
  return chart;
}

TEST(Charts, LinesBandsPointsAndLevelsAreAsDrawn) {
  expect_golden("lines.svg", lines().to_svg());
}

TEST(Charts, BarsOnALogarithmicAxisAreAsDrawn) {
  const BarChart chart{.title = "Speed-up",
                       .y = {"times", true},
                       .categories = {"lenet5", "vgg19"},
                       .series = {{"QS-DNN", {13, 55}}, {"missing", {0, 41}}}};
  expect_golden("bars.svg", chart.to_svg());
}

TEST(Charts, WhatAnAxisCannotShowIsLeftOut) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  Chart chart{.title = "t", .x = {"x", true}, .y = {"y", true}};
  chart.series = {{.name = "s", .x = {0, 1, 2, 3}, .y = {1, -1, std::nan(""), infinite}}};
  const std::string svg = chart.to_svg();
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_NE(svg.find("points=\"\""), std::string::npos);
}

TEST(Charts, AnEmptyChartIsStillASvg) {
  const std::string svg = Chart{}.to_svg();
  EXPECT_TRUE(svg.starts_with("<svg "));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_TRUE(BarChart{}.to_svg().ends_with("</svg>\n"));
}

TEST(Charts, OneValueStillHasARange) {
  Chart chart{.title = "t"};
  chart.series = {{.name = "s", .x = {5}, .y = {7}}};
  EXPECT_EQ(chart.to_svg().find("nan"), std::string::npos);
  chart.x.logarithmic = chart.y.logarithmic = true;
  EXPECT_EQ(chart.to_svg().find("nan"), std::string::npos);
}

ReportTable small_table() {
  return {.title = "T & U",
          .rows = {{"net", "ms"}, {"a,\"b\"", "1.5"}, {"c", "12.25x (13.00x)"}},
          .notes = {"a note"}};
}

TEST(Tables, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(small_table().to_csv(), "net,ms\r\n\"a,\"\"b\"\"\",1.5\r\nc,12.25x (13.00x)\r\n");
}

TEST(Tables, TextHasTitleRowsAndNotes) {
  const std::string text = small_table().to_text();
  EXPECT_TRUE(text.starts_with("T & U\n"));
  EXPECT_NE(text.find("12.25x (13.00x)"), std::string::npos);
  EXPECT_TRUE(text.ends_with("a note\n"));
}

TEST(Tables, PagesEscapeMarkup) {
  HtmlPage page("A <page>");
  page.table(small_table());
  page.figure(lines().to_svg(), "a & b");
  const std::string html = page.to_html();
  EXPECT_NE(html.find("<title>A &lt;page&gt;</title>"), std::string::npos);
  EXPECT_NE(html.find("<caption>T &amp; U</caption>"), std::string::npos);
  EXPECT_NE(html.find("<td class=\"number\">1.5</td>"), std::string::npos);
  EXPECT_NE(html.find("RL &amp; RS &lt;mean&gt;"), std::string::npos);
  EXPECT_NE(html.find("<figcaption>a &amp; b</figcaption>"), std::string::npos);
}

}  // namespace
}  // namespace raceline
