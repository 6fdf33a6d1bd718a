// A report as one HTML page that stands alone: text, tables and charts, no scripts and no other files.
#pragma once
#include <string>

#include "raceline/report/table.h"

namespace raceline {

class HtmlPage {
 public:
  explicit HtmlPage(std::string title) : title_(std::move(title)) {}
  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void table(const ReportTable& table) { body_ += table.to_html(); }
  /// An <svg> element, as Chart::to_svg() gives it.
  void figure(const std::string& svg, const std::string& caption);
  std::string to_html() const;

 private:
  std::string title_, body_;
};

}  // namespace raceline
