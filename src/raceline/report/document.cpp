#include "raceline/report/document.h"

#include "raceline/report/page.h"

namespace raceline {

std::string ReportDocument::to_text() const {
  std::string text = title + "\n";
  for (const std::string& paragraph : opening) text += paragraph + "\n";
  for (const Table& each : tables) {
    if (each.shown) text += "\n" + each.table.to_text();
  }
  return text;
}

std::string ReportDocument::to_html() const {
  HtmlPage page(title);
  for (const std::string& paragraph : opening) page.paragraph(paragraph);
  for (const Figure& each : figures) {
    if (!each.caption.empty()) page.figure(each.svg, each.caption);
  }
  for (const Table& each : tables) {
    if (each.shown) page.table(each.table);
  }
  return page.to_html();
}

std::map<std::string, std::string> ReportDocument::files() const {
  std::map<std::string, std::string> files{{"report.txt", to_text()}, {"report.html", to_html()}};
  for (const Table& each : tables) files[each.file + ".csv"] = each.table.to_csv();
  for (const Figure& each : figures) files[each.file + ".svg"] = each.svg;
  return files;
}

}  // namespace raceline
