// Charts as SVG, written by hand: lines with bands, points, bars; linear and logarithmic axes.
#pragma once
#include <string>
#include <vector>

namespace raceline {

/// Points of one colour, in the order given. Values that an axis cannot show (not finite; not above 0 on a
/// logarithmic one) are left out.
struct ChartSeries {
  enum class Mark : uint8_t { line, points, line_and_points };
  std::string name;  ///< in the legend; empty: not there
  std::vector<double> x, y;
  std::vector<double> low, high;  ///< a band around the line, one a point; or empty
  Mark mark = Mark::line;
};

struct ChartAxis {
  std::string label;
  bool logarithmic = false;
};

/// A horizontal line across the chart with a name of its own.
struct ChartLevel {
  std::string name;
  double y = 0;
};

/// Lines, bands and scattered points over two axes.
struct Chart {
  std::string title;
  ChartAxis x, y;
  std::vector<ChartSeries> series;
  std::vector<ChartLevel> levels;
  int width = 720, height = 420;

  /// One <svg> element that stands alone: no scripts, no fonts, no files. The same chart gives the same
  /// bytes.
  std::string to_svg() const;
};

/// Groups of bars: one group a category, one bar a series.
struct BarChart {
  struct Series {
    std::string name;
    std::vector<double> values;  ///< one a category; 0 and what is not finite are no bar
  };
  std::string title;
  ChartAxis y;  ///< a logarithmic one begins at the power of ten below the least value
  std::vector<std::string> categories;
  std::vector<Series> series;
  int width = 900, height = 420;

  std::string to_svg() const;
};

}  // namespace raceline
