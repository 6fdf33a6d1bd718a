// softmax and its logarithm over any run of axes of a row-major tensor: maximum, sum of exponentials,
// scaling. Where axes follow, neighbouring columns are taken together. Limits: f32, nchw.
#include <cmath>
#include <limits>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/vector_math.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// Columns that are taken together.
constexpr int64_t chunk = 64;
constexpr float lowest = -std::numeric_limits<float>::infinity();

/// NaN is not seen by the maximum, but by the sum, and so reaches every output.
void softmax_row(const float* x, float* y, int64_t count, bool log) {
  vectorised([=]() RACELINE_LAMBDA {
    float top = lowest;
#pragma omp simd reduction(max : top)
    for (int64_t i = 0; i < count; ++i) top = x[i] > top ? x[i] : top;
    float sum = 0;
    if (log) {
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < count; ++i) sum += vector_exp(x[i] - top);
      const float shift = top + std::log(sum);
      for (int64_t i = 0; i < count; ++i) y[i] = x[i] - shift;
      return;
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; ++i) {
      const float e = vector_exp(x[i] - top);
      y[i] = e;
      sum += e;
    }
    const float share = 1.0f / sum;
    for (int64_t i = 0; i < count; ++i) y[i] *= share;
  });
}

/// Up to `chunk` columns of `count` rows that lie `step` apart.
void softmax_columns(const float* x, float* y, int64_t count, int64_t step, int64_t columns, bool log) {
  vectorised([=]() RACELINE_LAMBDA {
    float top[chunk], sum[chunk];
    for (int64_t i = 0; i < columns; ++i) top[i] = lowest;
    for (int64_t i = 0; i < columns; ++i) sum[i] = 0;
    for (int64_t k = 0; k < count; ++k) {
      const float* row = x + k * step;
      for (int64_t i = 0; i < columns; ++i) top[i] = row[i] > top[i] ? row[i] : top[i];
    }
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = 0; i < columns; ++i) {
        const float e = vector_exp(x[k * step + i] - top[i]);
        sum[i] += e;
        if (!log) y[k * step + i] = e;
      }
    }
    if (log) {
      for (int64_t i = 0; i < columns; ++i) top[i] += std::log(sum[i]);
      for (int64_t k = 0; k < count; ++k) {
        for (int64_t i = 0; i < columns; ++i) y[k * step + i] = x[k * step + i] - top[i];
      }
      return;
    }
    for (int64_t i = 0; i < columns; ++i) sum[i] = 1.0f / sum[i];
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = 0; i < columns; ++i) y[k * step + i] *= sum[i];
    }
  });
}

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const LayerDesc& layer) {
    const SoftmaxParams& params = layer.as<SoftmaxParams>();
    const Shape& shape = layer.inputs[0].desc.shape;
    const int first = static_cast<int>(params.first_axis);
    const int end = static_cast<int>(params.end_axis);
    outer_ = shape.elements(0, first);
    count_ = shape.elements(first, end);
    inner_ = shape.elements(end, shape.rank());
    log_ = params.log;
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    if (count_ == 0) return Status::ok();
    const int64_t chunks = (inner_ + chunk - 1) / chunk;
    const int64_t work = std::max<int64_t>(1, count_ * std::min(inner_, chunk));
    parallel_slices(args.queue.threads(), outer_ * chunks, 1, 4096 / work, [&](Slice slice, int) {
      for (int64_t index = slice.first; index < slice.last; ++index) {
        const int64_t first = index % chunks * chunk;
        const int64_t at = index / chunks * count_ * inner_ + first;
        if (inner_ == 1) {
          softmax_row(x + at, y + at, count_, log_);
        } else {
          softmax_columns(x + at, y + at, count_, inner_, std::min(chunk, inner_ - first), log_);
        }
      }
    });
    return Status::ok();
  }

 private:
  int64_t outer_, count_, inner_;
  bool log_;
};

class SoftmaxPrimitive final : public Primitive {
 public:
  SoftmaxPrimitive() : Primitive(native_info(OpKind::softmax, "loop", Layout::nchw, Layout::nchw)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    return needs_plain(layer);
  }
  Sharing sharing(const LayerDesc& layer) const override {
    return layer.inputs[0].constant ? Sharing::none : Sharing::in_place;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<SoftmaxKernel>(layer);
  }
};

}  // namespace

void register_softmax_native(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<SoftmaxPrimitive>());
}

}  // namespace raceline
