// A report as files, and its tables as JSON.
#pragma once
#include <filesystem>

#include "cli/json.h"
#include "raceline/report/document.h"

namespace raceline::cli {

/// Writes the report's files into the folder, which is made, and its figures as PNG too where librsvg's
/// converter is installed (said on stderr where not). Throws IoError.
void write_report(const ReportDocument& document, const std::filesystem::path& folder);

/// A list of objects: a row each, by the names of the columns.
Json table_json(const ReportTable& table);

}  // namespace raceline::cli
