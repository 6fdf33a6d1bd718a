// A report whole: paragraphs, tables and figures, each with the name of its file.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "raceline/report/table.h"

namespace raceline {

struct ReportDocument {
  struct Table {
    std::string file;  ///< without its ending: "table2"
    ReportTable table;
    bool shown = true;  ///< in text and page; all have a CSV file
  };
  struct Figure {
    std::string file;     ///< without its ending
    std::string svg;      ///< as Chart::to_svg() gives it
    std::string caption;  ///< below it on the page; empty: it has a file alone
  };
  std::string title;
  std::vector<std::string> opening;  ///< paragraphs
  std::vector<Table> tables;
  std::vector<Figure> figures;

  std::string to_text() const;
  /// One page that stands alone: figures, then tables.
  std::string to_html() const;
  /// What it is written as: report.txt, report.html, a CSV for each table and an SVG for each figure, by
  /// name.
  std::map<std::string, std::string> files() const;
};

}  // namespace raceline
