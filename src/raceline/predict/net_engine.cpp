#include "raceline/predict/net_engine.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/memory_file.h"
#include "raceline/runtime/network.h"

namespace raceline {
namespace {

/// A row in a batch costs a fifth of a row alone, and a batch takes the memory of its rows.
constexpr std::array<size_t, 4> batches{1, 4, 16, 64};

/// The largest batch that so many rows fill, or the next one if they fill three quarters of it.
size_t batch_for(size_t rows) {
  size_t best = 1;
  for (const size_t batch : batches) {
    if (4 * rows >= 3 * batch) best = batch;
  }
  return best;
}

/// The shape of a batch of rows of this width; throws where the model wants something else.
Shape batch_shape(const OnnxModel& model, size_t batch, size_t width) {
  if (model.inputs().size() != 1 || model.outputs().size() != 1) {
    throw Error(fmt::format("a net with {} inputs and {} outputs, wanted one of each", model.inputs().size(),
                            model.outputs().size()));
  }
  const std::vector<TensorDesc> inputs = model.resolve({.batch = static_cast<int64_t>(batch)});
  const TensorDesc wanted{DataType::f32, inputs[0].shape};
  const auto elements = static_cast<size_t>(wanted.stored_elements());
  if (inputs[0] != wanted || elements != batch * width) {
    throw Error(fmt::format("a net that reads {}, wanted {} rows of {} numbers", inputs[0].to_string(), batch,
                            width));
  }
  return wanted.shape;
}

class Runner : public NetRunner {
 public:
  Runner(const PrimitiveRegistry& registry, Device& device, const NetEngineOptions& options,
         const std::string& onnx, size_t width)
      : file_(onnx),
        width_(width),
        network_(OnnxModel::load(file_.path()), registry, device, reference_evaluator(registry, device),
                 {.planner = options.planner,
                  .session = {.threads = options.threads},
                  .most_bound = batches.size()}) {
    batch_shape(network_.model(), 1, width_);
  }

  void run(const Features& rows, std::span<double> results) override {
    for (size_t at = 0; at < rows.size();) {
      const size_t batch = batch_for(rows.size() - at), count = std::min(rows.size() - at, batch);
      run_batch(batch, std::span(rows).subspan(at, count), results.subspan(at, count));
      at += count;
    }
  }

 private:
  /// Up to so many rows; those that are missing are zeros.
  void run_batch(size_t batch, std::span<const std::vector<double>> rows, std::span<double> results) {
    Tensor input({DataType::f32, batch_shape(network_.model(), batch, width_)});
    std::fill_n(input.data<float>(), batch * width_, 0.0F);
    for (size_t row = 0; row < rows.size(); ++row) {
      std::transform(rows[row].begin(), rows[row].end(), input.data<float>() + row * width_,
                     [](double each) { return static_cast<float>(each); });
    }
    const TensorView view = input.view();
    const std::vector<Tensor> outputs = network_.run(std::span(&view, 1));
    const TensorDesc& desc = outputs[0].desc();
    if (desc.type != DataType::f32 || static_cast<size_t>(desc.stored_elements()) != batch) {
      throw Error(
          fmt::format("a net that gives {} for {} rows, wanted a number each", desc.to_string(), batch));
    }
    std::copy_n(outputs[0].data<float>(), rows.size(), results.begin());
  }

  MemoryFile file_;
  size_t width_;
  Network network_;
};

}  // namespace

Engine net_engine(const PrimitiveRegistry& registry, Device& device, NetEngineOptions options) {
  return [&registry, &device, options = std::move(options)](const std::string& onnx, size_t width) {
    return std::make_unique<Runner>(registry, device, options, onnx, width);
  };
}

}  // namespace raceline
