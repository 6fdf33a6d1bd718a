#include "cli/report_files.h"

#include "cli/scratch_folder.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/dataset/child_process.h"

namespace raceline::cli {
namespace {

/// Charts as PNG too, where librsvg's converter is installed; whether it is.
bool write_png(const std::filesystem::path& svg, const std::filesystem::path& log) {
  constexpr double seconds = 30;
  std::filesystem::path png = svg;
  png.replace_extension(".png");
  try {
    ChildProcess child({"rsvg-convert", "-o", png.string(), svg.string()}, {.cores = {}, .log = log});
    child.read_line(seconds);
  } catch (const ChildError&) {
    // It says nothing: reading ends when it is done.
  }
  return std::filesystem::exists(png);
}

}  // namespace

void write_report(const ReportDocument& document, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(fmt::format("cannot make the folder '{}': {}", folder.string(), error.message()));
  const ScratchFolder scratch;
  bool png = true;
  for (const auto& [name, content] : document.files()) {
    write_file(folder / name, content);
    if (name.ends_with(".svg")) png = png && write_png(folder / name, scratch.path() / "rsvg.log");
  }
  if (!png) fmt::print(stderr, "no PNG: rsvg-convert is not there (Debian's librsvg2-bin)\n");
}

Json table_json(const ReportTable& table) {
  Json rows = Json::array();
  for (size_t row = 1; row < table.rows.size(); ++row) {
    Json object = Json::object();
    for (size_t column = 0; column < table.rows[row].size(); ++column)
      object[table.rows[0][column]] = table.rows[row][column];
    rows.push_back(std::move(object));
  }
  return rows;
}

}  // namespace raceline::cli
