#include "raceline/predict/predict_costs.h"

namespace raceline {

CostIntervals predict_costs(const CandidateSet& candidates, const Predictor& predictor, double level) {
  struct Asked {
    std::vector<std::string> keys;
    std::vector<LayerFacts> layers;
  };
  std::map<std::string, Asked> by_primitive;  // a model sees all its layers at once
  for (const auto& [key, layer] : candidates.layers()) {
    const LayerFacts facts = facts_of(layer.layer);
    for (const Candidate& candidate : layer.candidates) {
      Asked& asked = by_primitive[candidate.primitive->name()];
      asked.keys.push_back(key);
      asked.layers.push_back(facts);
    }
  }
  CostIntervals intervals;
  for (const auto& [primitive, asked] : by_primitive) {
    const auto predictions = predictor.predict(asked.layers, Phase::exe, level, primitive);
    for (size_t index = 0; index < predictions.size(); ++index) {
      if (!predictions[index]) continue;
      const Prediction& each = *predictions[index];
      intervals[{asked.keys[index], primitive}] = {each.us, each.low_us, each.high_us};
    }
  }
  return intervals;
}

}  // namespace raceline
