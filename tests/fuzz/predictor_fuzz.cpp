// A predictor's file: what is read predicts a positive time for every layer, and is written and read again as
// the same bytes.
#include <cmath>

#include "raceline/predict/network.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace raceline;
  try {
    const Predictor predictor = Predictor::parse(fuzz::text_of(data, size));
    const std::string text = predictor.to_text();
    fuzz::promise(Predictor::parse(text).to_text() == text, "a predictor is read as it was written");
    for (const PredictorPart& part : predictor.parts) {
      LayerFacts layer;
      layer.type = part.type;
      const auto prediction = predictor.predict(std::span(&layer, 1), part.phase, 0.9, part.primitive)[0];
      fuzz::promise(prediction && prediction->us > 0 && std::isfinite(prediction->us), "a time is positive");
      (void)part.model->describe();
    }
    const NetworkLayer dense{
        .name = "dense", .layer = LayerDesc::parse("gemm 1x4 3x4* trans_b=1"), .facts = {}, .after = {}};
    std::vector<NetworkLayer> net(2, dense);
    for (NetworkLayer& each : net) each.facts = facts_of(each.layer);
    net[1].after = "dense";
    const NetworkPrediction whole = predict_network(net, predictor);
    fuzz::promise(whole.calibrated.has_value() == predictor.networks.has_value(), "a rule is used");
    fuzz::promise(!whole.calibrated || (whole.us() > 0 && std::isfinite(whole.us())),
                  "a network's time is positive");
  } catch (const Error&) {
  }
  return 0;
}
