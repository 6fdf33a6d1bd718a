#include "raceline/report/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "raceline/report/table.h"

namespace raceline {
namespace {

/// Okabe and Ito's colours, which people of any colour vision can tell apart.
constexpr std::array<const char*, 8> colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                "#e69f00", "#56b4e9", "#000000", "#999999"};
constexpr double left = 74, right = 24, top = 44, bottom = 58;  // of the plot, in pixels
constexpr double legend_row = 17;
constexpr size_t most_ticks = 8;

const char* colour(size_t index) {
  return colours[index % colours.size()];
}

std::string tick_text(double value) {
  const double magnitude = std::abs(value);
  if (magnitude != 0 && (magnitude >= 1e6 || magnitude < 1e-3)) return fmt::format("{:.0e}", value);
  return fmt::format("{:.6g}", value);
}

/// One axis: from values to pixels, and where its ticks stand.
class Scale {
 public:
  Scale(const ChartAxis& axis, double from, double to) : log_(axis.logarithmic), from_(from), to_(to) {}

  bool shows(double value) const { return std::isfinite(value) && (!log_ || value > 0); }
  void include(double value) {
    if (!shows(value)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  /// Rounds the range outwards to ticks. `zero`: a linear axis begins at 0.
  void settle(bool zero) {
    if (low_ > high_) low_ = log_ ? 1 : 0, high_ = log_ ? 10 : 1;
    log_ ? settle_logarithmic() : settle_linear(zero);
  }
  double at(double value) const {
    const double share =
        log_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
    return from_ + share * (to_ - from_);
  }
  double low() const { return low_; }
  const std::vector<double>& ticks() const { return ticks_; }

 private:
  void settle_linear(bool zero) {
    if (zero) low_ = std::min(low_, 0.0);
    if (high_ == low_) high_ = low_ + std::max(1.0, std::abs(low_));
    const double rough = (high_ - low_) / (most_ticks - 2);
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double nice : {1.0, 2.0, 5.0}) {
      if (nice * power >= rough) {
        step = nice * power;
        break;
      }
    }
    const double first = std::floor(low_ / step), last = std::ceil(high_ / step);
    low_ = first * step;
    high_ = last * step;
    for (double tick = first; tick <= last; ++tick) ticks_.push_back(tick * step);
  }

  /// Ticks at 1, 2 and 5 times powers of ten, or at powers alone where these are many.
  void settle_logarithmic() {
    const double first = std::floor(std::log10(low_)), last = std::ceil(std::log10(high_));
    std::vector<double> all;
    for (double power = first; power <= last; ++power) {
      for (const double nice : {1.0, 2.0, 5.0}) all.push_back(nice * std::pow(10, power));
    }
    // The tightest of these that hold the range.
    const auto begin = std::prev(std::ranges::upper_bound(all, low_ * (1 + 1e-9)));
    auto end = std::ranges::lower_bound(all, high_ * (1 - 1e-9));
    if (end == begin) ++end;
    low_ = *begin;
    high_ = *end;
    const bool many = static_cast<size_t>(end - begin) > most_ticks;
    for (auto tick = begin; tick <= end; ++tick) {
      const double power = std::log10(*tick);
      if (!many || std::abs(power - std::round(power)) < 1e-9) ticks_.push_back(*tick);
    }
  }

  bool log_;
  double from_, to_;  // pixels
  double low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
  std::vector<double> ticks_;
};

std::string open_svg(int width, int height, const std::string& title) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n"
      "<text x=\"{2}\" y=\"22\" font-size=\"15\">{3}</text>\n",
      width, height, left, escape_markup(title));
}

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     escape_markup(text));
}

std::string line_at(double x1, double y1, double x2, double y2, const char* look) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1, x2, y2,
                     look);
}

constexpr const char* grid_look = "stroke=\"#dddddd\"";
constexpr const char* axis_look = "stroke=\"#000000\"";

std::string y_axis(const Scale& y, const std::string& label, int width, int height) {
  std::string svg;
  for (const double tick : y.ticks()) {
    svg += line_at(left, y.at(tick), width - right, y.at(tick), grid_look);
    svg += text_at(left - 6, y.at(tick) + 4, "end", tick_text(tick));
  }
  svg += line_at(left, top, left, height - bottom, axis_look);
  const double middle = (top + height - bottom) / 2;
  svg += text_at(16, middle, "middle", label,
                 fmt::format(" transform=\"rotate(-90 16 {:.1f})\"", middle).c_str());
  return svg;
}

/// Names with their colours, at the top right inside the plot.
class Legend {
 public:
  explicit Legend(int width) : x_(width - right - 170) {}
  void add(const std::string& name, const char* colour, bool dashed) {
    if (name.empty()) return;
    const double y = top + 12 + legend_row * static_cast<double>(count_++);
    svg_ += line_at(
        x_, y - 4, x_ + 22, y - 4,
        fmt::format("stroke=\"{}\" stroke-width=\"3\"{}", colour, dashed ? " stroke-dasharray=\"6 4\"" : "")
            .c_str());
    svg_ += text_at(x_ + 28, y, "start", name);
  }
  const std::string& svg() const { return svg_; }

 private:
  double x_;
  size_t count_ = 0;
  std::string svg_;
};

}  // namespace

std::string Chart::to_svg() const {
  Scale across(x, left, width - right), up(y, height - bottom, top);
  for (const ChartSeries& each : series) {
    for (const double value : each.x) across.include(value);
    for (const auto* values : {&each.y, &each.low, &each.high}) {
      for (const double value : *values) up.include(value);
    }
  }
  for (const ChartLevel& level : levels) up.include(level.y);
  across.settle(false);
  up.settle(false);

  std::string svg = open_svg(width, height, title) + y_axis(up, y.label, width, height);
  for (const double tick : across.ticks()) {
    svg += line_at(across.at(tick), top, across.at(tick), height - bottom, grid_look);
    svg += text_at(across.at(tick), height - bottom + 16, "middle", tick_text(tick));
  }
  svg += line_at(left, height - bottom, width - right, height - bottom, axis_look);
  svg += text_at((left + width - right) / 2, height - 14, "middle", x.label);

  Legend legend(width);
  for (size_t index = 0; index < series.size(); ++index) {
    const ChartSeries& each = series[index];
    const size_t count = std::min(each.x.size(), each.y.size());
    const auto shown = [&](size_t i, double value) { return across.shows(each.x[i]) && up.shows(value); };
    if (each.low.size() == count && each.high.size() == count && count > 0) {
      std::string points;
      for (size_t i = 0; i < count; ++i) {
        if (shown(i, each.high[i]))
          points += fmt::format("{:.1f},{:.1f} ", across.at(each.x[i]), up.at(each.high[i]));
      }
      for (size_t i = count; i-- > 0;) {
        if (shown(i, each.low[i]))
          points += fmt::format("{:.1f},{:.1f} ", across.at(each.x[i]), up.at(each.low[i]));
      }
      svg +=
          fmt::format("<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"0.2\"/>\n", points, colour(index));
    }
    std::string points, dots;
    for (size_t i = 0; i < count; ++i) {
      if (!shown(i, each.y[i])) continue;
      const double px = across.at(each.x[i]), py = up.at(each.y[i]);
      points += fmt::format("{:.1f},{:.1f} ", px, py);
      if (each.mark != ChartSeries::Mark::line)
        dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"/>\n", px, py,
                            colour(index));
    }
    if (each.mark != ChartSeries::Mark::points)
      svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n",
                         points, colour(index));
    svg += dots;
    legend.add(each.name, colour(index), false);
  }
  for (size_t index = 0; index < levels.size(); ++index) {
    const ChartLevel& level = levels[index];
    const char* shade = colour(series.size() + index);
    if (!up.shows(level.y)) continue;
    svg += line_at(left, up.at(level.y), width - right, up.at(level.y),
                   fmt::format("stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\"", shade).c_str());
    legend.add(level.name, shade, true);
  }
  return svg + legend.svg() + "</svg>\n";
}

std::string BarChart::to_svg() const {
  Scale up(y, height - bottom, top);
  for (const Series& each : series) {
    for (const double value : each.values) {
      if (value != 0) up.include(value);
    }
  }
  up.settle(true);
  std::string svg = open_svg(width, height, title) + y_axis(up, y.label, width, height);
  const double group = (width - right - left) / std::max<double>(1, static_cast<double>(categories.size()));
  const double bar = 0.8 * group / std::max<double>(1, static_cast<double>(series.size()));
  const double floor = up.at(y.logarithmic ? up.low() : std::max(up.low(), 0.0));
  Legend legend(width);
  for (size_t index = 0; index < series.size(); ++index) {
    const Series& each = series[index];
    for (size_t category = 0; category < std::min(each.values.size(), categories.size()); ++category) {
      const double value = each.values[category];
      if (value == 0 || !up.shows(value)) continue;
      const double begin =
          left + (static_cast<double>(category) + 0.1) * group + static_cast<double>(index) * bar;
      const double end = up.at(value);
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                         begin, std::min(end, floor), bar, std::abs(floor - end), colour(index));
    }
    legend.add(each.name, colour(index), false);
  }
  for (size_t category = 0; category < categories.size(); ++category) {
    // Long names of neighbours stand on two lines in turn.
    const double drop = category % 2 == 0 ? 16 : 32;
    svg += text_at(left + (static_cast<double>(category) + 0.5) * group, height - bottom + drop, "middle",
                   categories[category]);
  }
  svg += line_at(left, floor, width - right, floor, axis_look);
  return svg + legend.svg() + "</svg>\n";
}

}  // namespace raceline
