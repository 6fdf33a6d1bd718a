// A trained model of the time of layers of one type in one phase. Models are fitted by raceline-train
// (train/), and predict anywhere, without the libraries that trained them.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/predict/archive.h"
#include "raceline/predict/features.h"

namespace raceline {

/// Runs a network on many rows at once, one result each. Rows have the width of the network's input.
class NetRunner {
 public:
  virtual ~NetRunner() = default;
  virtual void run(const Features& rows, std::span<double> results) = 0;
};

/// Makes a runner of the bytes of an ONNX model whose rows have this width (net_engine.h). Programs fill it
/// with their primitives, since this room knows none; models that are no networks need none. Throws Error for
/// a model that is none of a batch of such rows.
using Engine = std::function<std::unique_ptr<NetRunner>(const std::string& onnx, size_t width)>;

/// No prediction is below this: a nanosecond.
inline constexpr double least_us = 1e-3;
/// A time whatever a model says of what it never saw: NaN is the least, and nothing takes more than 30 years.
double plausible_us(double us);

class LatencyModel {
 public:
  virtual ~LatencyModel() = default;
  /// The model's row in models().
  virtual std::string_view name() const = 0;
  /// The columns that it reads, as feature_names() or work_names() has them for the type.
  virtual std::vector<std::string> columns(std::string_view type) const = 0;
  /// Microseconds of each layer; all are of the type it was trained on. May be 0 or below where a model knows
  /// no better: Predictor gives `least_us` then.
  virtual void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                       std::span<double> us) const = 0;
  /// The parts, for a predictor file. When reading, refuses parts that do not fit each other: whatever was
  /// read, predict() is safe for a layer of the type.
  virtual void visit(Archive& archive, std::string_view type) = 0;
  /// Called once after reading, before predict().
  virtual void prepare(const Engine&) {}
  /// What can be read of it by people, a line each; may be empty.
  virtual std::vector<std::string> describe() const { return {}; }
};

/// A kind of model: what `train --model` knows.
struct ModelKind {
  std::string_view name;
  std::string_view what;
  std::unique_ptr<LatencyModel> (*make)();  ///< an empty one, to be read into
};

/// All kinds, from the simplest on.
std::span<const ModelKind> model_kinds();
/// Throws ParseError naming the nearest.
const ModelKind& model_kind(std::string_view name);

/// A model within a model's file: its name, then its parts.
void visit_model(Archive& archive, std::string_view key, std::unique_ptr<LatencyModel>& model,
                 std::string_view type);

/// The same model again, by way of its file.
std::unique_ptr<LatencyModel> copy_of(const LatencyModel& model, std::string_view type);

}  // namespace raceline
