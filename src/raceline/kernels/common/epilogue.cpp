#include "raceline/kernels/common/epilogue.h"

#include <algorithm>

#include "raceline/kernels/common/elementwise.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline {
namespace {

/// Elements that go through all steps before the next ones: they stay in the first-level cache.
constexpr int64_t chunk = 2048;

bool is_add(const EpilogueStep& step) {
  return step.kind == EpilogueStep::Kind::add;
}
bool is_relu(const EpilogueStep& step) {
  return step.kind == EpilogueStep::Kind::unary && step.unary.kind == UnaryKind::relu;
}

}  // namespace

Epilogue::Epilogue(const LayerDesc& layer, Layout layout)
    : steps_(layer.epilogue), desc_(layer.outputs[0].with(layout)) {
  if (layer.has_residual()) residual_ = layer.residual();
  const bool padded = block_of(layout) > 1 && desc_.shape[1] % block_of(layout) != 0;
  clears_padding_ = padded && std::any_of(steps_.begin(), steps_.end(), [](const EpilogueStep& step) {
                      return !is_add(step) && !keeps_zero(step.unary);
                    });
}

Support Epilogue::supports(const LayerDesc& layer, Layout layout) {
  if (layer.epilogue.empty()) return Support::yes();
  if (layer.outputs[0].type != DataType::f32) return Support::no("the shared epilogue is f32 only");
  if (layer.has_residual() && layer.inputs[layer.residual()].constant && layout != Layout::nchw) {
    return Support::no("a constant residual comes in nchw only");
  }
  return Support::yes();
}

const float* Epilogue::residual(const KernelArgs& args) const {
  return residual_ == 0 ? nullptr : args.inputs[residual_].data<const float>();
}

void Epilogue::apply_steps(float* output, const float* residual, int64_t count) const {
  for (size_t at = 0; at < steps_.size(); ++at) {
    if (!is_add(steps_[at])) {
      unary_span(steps_[at].unary, output, output, count);
    } else if (at + 1 < steps_.size() && is_relu(steps_[at + 1])) {
      add_relu_span(residual, output, count);
      ++at;
    } else {
      binary_span(BinaryKind::add, Repeat::none, output, residual, output, count);
    }
  }
}

void Epilogue::apply(float* output, const float* residual, int64_t first, int64_t last) const {
  if (steps_.empty()) return;
  for (int64_t at = first; at < last; at += chunk) {
    apply_steps(output + at, residual == nullptr ? nullptr : residual + at, std::min(chunk, last - at));
  }
  if (clears_padding_) clear_padding(desc_, output, first, last);
}

void Epilogue::apply_all(float* output, const float* residual, int threads) const {
  if (steps_.empty()) return;
  parallel_slices(threads, desc_.stored_elements(), 16, 4 * chunk,
                  [&](Slice slice, int) { apply(output, residual, slice.first, slice.last); });
}

void clear_padding(const TensorDesc& desc, float* data, int64_t first, int64_t last) {
  const int64_t block = block_of(desc.layout);
  if (block == 1) return;
  const int64_t used = desc.shape[1] % block;
  if (used == 0) return;
  const int64_t pixels = desc.shape[2] * desc.shape[3];
  const int64_t blocks = (desc.shape[1] + block - 1) / block;
  for (int64_t image = 0; image < desc.shape[0]; ++image) {
    const int64_t begin = ((image + 1) * blocks - 1) * pixels * block;
    const int64_t end = begin + pixels * block;
    if (end <= first || begin >= last) continue;
    // The first whole block of lanes that reaches into the slice.
    for (int64_t at = begin + std::max<int64_t>(0, first - begin) / block * block; at < std::min(end, last);
         at += block) {
      for (int64_t lane = std::max(at + used, first); lane < std::min(at + block, last); ++lane)
        data[lane] = 0;
    }
  }
}

}  // namespace raceline
