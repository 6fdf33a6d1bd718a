#include "raceline/report/page.h"

#include <fmt/format.h>

namespace raceline {
namespace {

constexpr const char* style =
    "body { font-family: sans-serif; max-width: 80em; margin: 2em auto; padding: 0 1em; color: #222; }\n"
    "table { border-collapse: collapse; margin: 1em 0; font-size: 0.85em; display: block; overflow-x: auto; "
    "}\n"
    "caption { text-align: left; font-weight: bold; padding: 0.4em 0; }\n"
    "th, td { padding: 0.2em 0.7em; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap; }\n"
    "td.number { text-align: right; font-variant-numeric: tabular-nums; }\n"
    "p.note, figcaption { font-size: 0.85em; color: #555; }\n"
    "figure { margin: 1em 0; } svg { max-width: 100%; height: auto; }\n";

}  // namespace

void HtmlPage::heading(const std::string& text) {
  body_ += fmt::format("<h2>{}</h2>\n", escape_markup(text));
}

void HtmlPage::paragraph(const std::string& text) {
  body_ += fmt::format("<p>{}</p>\n", escape_markup(text));
}

void HtmlPage::figure(const std::string& svg, const std::string& caption) {
  body_ += fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", svg, escape_markup(caption));
}

std::string HtmlPage::to_html() const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
      "<style>\n{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}</body>\n</html>\n",
      escape_markup(title_), style, body_);
}

}  // namespace raceline
