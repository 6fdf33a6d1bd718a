#include "raceline/predict/predictor.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/gzip.h"

namespace raceline {
namespace {

constexpr std::string_view format_name = "raceline-predictor/3";

/// An enumeration as its text; what is no such text is refused.
template <class T>
void visit_text(Archive& archive, std::string_view key, T& value, T (*parse)(std::string_view)) {
  std::string text = archive.reading() ? "" : std::string(to_string(value));
  archive.field(key, text);
  if (!archive.reading()) return;
  try {
    value = parse(text);
  } catch (const ParseError& error) {
    archive.refuse(key, error.what());
  }
}

void visit_part(Archive& archive, PredictorPart& part) {
  archive.field("type", part.type);
  archive.field("primitive", part.primitive);
  visit_text(archive, "phase", part.phase, parse_phase);
  archive.field("rows", part.rows);
  archive.object("range", [&](Archive& inner) { part.range.visit(inner); });
  archive.object("interval", [&](Archive& inner) { part.conformal.visit(inner); });
  visit_model(archive, "fitted", part.model, part.type);
}

void visit(Archive& archive, Predictor& predictor) {
  std::string format(format_name);
  archive.field("format", format);
  if (format != format_name) {
    archive.refuse("format", fmt::format("wanted \"{}\", given \"{}\"", format_name, format.substr(0, 80)));
  }
  archive.field("platform", predictor.platform);
  archive.field("accelerator", predictor.accelerator);
  archive.field("mode", predictor.mode);
  archive.field("threads", predictor.threads);
  archive.field("machines", predictor.machines);
  visit_text(archive, "phases", predictor.phases, parse_phase_model);
  archive.field("model", predictor.model);
  archive.field("notes", predictor.notes);
  archive.object("hardware", [&](Archive& inner) { predictor.hardware.visit(inner); });
  predictor.trained.visit(archive, "trained");
  size_t count = predictor.parts.size();
  std::set<std::tuple<std::string, std::string, Phase>> seen;
  archive.list("parts", count, [&](Archive& inner, size_t index) {
    if (inner.reading()) predictor.parts.emplace_back();
    visit_part(inner, predictor.parts[index]);
    const PredictorPart& part = predictor.parts[index];
    if (!seen.emplace(part.type, part.primitive, part.phase).second) {
      inner.refuse("type",
                   fmt::format("a second model of '{}' in phase {}", part.type, to_string(part.phase)));
    }
  });
  size_t rules = predictor.networks ? 1 : 0;
  archive.list("networks", rules, [&](Archive& inner, size_t index) {
    if (index > 0) inner.refuse("networks", "a second calibration");
    if (inner.reading()) predictor.networks.emplace();
    predictor.networks->visit(inner);
  });
}

}  // namespace

void TrainingRange::extend(const LayerFacts& facts) {
  const std::vector<double> row = range_features(facts);
  if (low.empty()) low = high = row;
  for (size_t column = 0; column < row.size(); ++column) {
    low[column] = std::min(low[column], row[column]);
    high[column] = std::max(high[column], row[column]);
  }
}

std::string_view TrainingRange::beyond(const LayerFacts& facts) const {
  constexpr double rounding = 1e-9;
  const std::vector<double> row = range_features(facts);
  for (size_t column = 0; column < low.size(); ++column) {
    if (row[column] < low[column] - rounding || row[column] > high[column] + rounding)
      return range_names()[column];
  }
  return {};
}

void TrainingRange::visit(Archive& archive) {
  archive.field("low", low);
  archive.field("high", high);
  const size_t most = range_names().size();
  if (low.size() != high.size() || low.size() < oldest_ranges || low.size() > most) {
    archive.refuse("low", fmt::format("{} and {} numbers, wanted {} to {} and as many", low.size(),
                                      high.size(), oldest_ranges, most));
  }
}

const PredictorPart* Predictor::find(std::string_view type, Phase phase, std::string_view primitive) const {
  const auto found = std::find_if(parts.begin(), parts.end(), [&](const PredictorPart& part) {
    return part.type == type && part.phase == phase && part.primitive == primitive;
  });
  return found == parts.end() ? nullptr : &*found;
}

std::vector<std::optional<Prediction>> Predictor::predict(std::span<const LayerFacts> layers, Phase phase,
                                                          double level, std::string_view primitive) const {
  std::vector<std::optional<Prediction>> predictions(layers.size());
  std::map<const PredictorPart*, std::vector<size_t>> rows_of;
  for (size_t row = 0; row < layers.size(); ++row) {
    if (const PredictorPart* part = find(layers[row].type, phase, primitive)) rows_of[part].push_back(row);
  }
  for (const auto& [part, rows] : rows_of) {
    std::vector<LayerFacts> batch;
    for (const size_t row : rows) batch.push_back(layers[row]);
    std::vector<double> us(batch.size());
    part->model->predict(batch, hardware, us);
    const double width = std::log(part->conformal.factor(level));
    for (size_t at = 0; at < rows.size(); ++at) {
      const double time = plausible_us(us[at]);
      const std::string_view beyond = part->range.beyond(batch[at]);
      const double factor = std::exp(beyond.empty() ? width : 2 * width);
      predictions[rows[at]] = Prediction{
          .us = time, .low_us = time / factor, .high_us = time * factor, .beyond = std::string(beyond)};
    }
  }
  return predictions;
}

std::string Predictor::to_text() const {
  // Nothing is changed: one description serves both directions.
  return write_archive([this](Archive& archive) { visit(archive, const_cast<Predictor&>(*this)); });
}

Predictor Predictor::parse(std::string_view text, const Engine& engine) {
  Predictor predictor;
  read_archive(text, "predictor", [&](Archive& archive) { visit(archive, predictor); });
  for (PredictorPart& part : predictor.parts) {
    try {
      part.model->prepare(engine);
    } catch (const Error& error) {
      throw ParseError(fmt::format("predictor: the model of '{}' in phase {}: {}", part.type,
                                   to_string(part.phase), error.what()));
    }
  }
  return predictor;
}

Predictor read_predictor(const std::filesystem::path& path, const Engine& engine) {
  const std::string text = read_maybe_gzip(path, size_t{1} << 28);
  try {
    return Predictor::parse(text, engine);
  } catch (const ParseError& error) {
    throw ParseError(fmt::format("'{}': {}", path.string(), error.what()));
  }
}

}  // namespace raceline
