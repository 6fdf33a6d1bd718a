// softmax of XNNPACK over the innermost axes: nchw with axes that run to the last one, nhwc over the
// channels. Threads share the rows. The last row is read from a copy where the library could read behind it.
// Limits: f32, not its logarithm.
#include <algorithm>
#include <vector>

#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(int64_t rows, int64_t width, int threads)
      : rows_(rows), width_(width), safe_(copied_row(rows, width)) {
    const int64_t lanes = std::clamp<int64_t>(rows * width / 2048, 1, std::max(1, threads));
    for (int64_t lane = 0; lane < lanes; ++lane) ops_.push_back(make());
  }

  /// Rows before the first of those that are copied.
  static int64_t copied_row(int64_t rows, int64_t width) {
    return width % vector == 0 ? rows : std::max<int64_t>(0, rows - (vector + width - 1) / width);
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int64_t lanes = std::ssize(ops_);
    const Status status = run_parts(args.queue.threads(), lanes, [&](int64_t lane) {
      return run_rows(ops_[static_cast<size_t>(lane)], slice_of(safe_, lane, lanes), x, y);
    });
    if (!status.is_ok() || safe_ == rows_) return status;
    auto* copy = reinterpret_cast<float*>(args.workspace.host());
    const int64_t floats = (rows_ - safe_) * width_;
    std::copy_n(x + safe_ * width_, floats, copy);
    std::fill_n(copy + floats, slack, 0.0f);
    return run_parts(1, 1, [&](int64_t) {
      return run_rows(ops_[0], {0, rows_ - safe_}, copy, y + safe_ * width_);
    });
  }

 private:
  Operator make() const {
    const auto width = static_cast<size_t>(width_);
    return make_operator(xnn_create_softmax_nc_f32, width, width, width, uint32_t{0});
  }

  xnn_status run_rows(const Operator& op, Slice rows, const float* x, float* y) const {
    if (rows.size() == 0) return xnn_status_success;
    return run_after(xnn_setup_softmax_nc_f32(op.get(), static_cast<size_t>(rows.size()),
                                              x + rows.first * width_, y + rows.first * width_, nullptr),
                     op);
  }

  int64_t rows_, width_, safe_;
  std::vector<Operator> ops_;
};

class SoftmaxPrimitive final : public Primitive {
 public:
  explicit SoftmaxPrimitive(Layout layout) : Primitive(make_info(OpKind::softmax, "vector", layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = check_tensors(layer, info().input); !fits) return fits;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const auto& params = layer.as<SoftmaxParams>();
    if (params.log) return Support::no("not the logarithm");
    const bool innermost = info().input == Layout::nchw ? params.end_axis == layer.inputs[0].desc.shape.rank()
                                                        : params.first_axis == 1 && params.end_axis == 2;
    if (!innermost) return Support::no("the axes are not the innermost ones");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    return Support::yes();
  }

  size_t workspace_bytes(const LayerDesc& layer, int) const override {
    const int64_t width = width_of(layer);
    const int64_t rows = layer.outputs[0].shape.elements() / width;
    const int64_t copied = rows - SoftmaxKernel::copied_row(rows, width);
    return copied == 0 ? 0 : static_cast<size_t>(copied * width + slack) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    const int64_t width = width_of(layer);
    return std::make_unique<SoftmaxKernel>(layer.outputs[0].shape.elements() / width, width, args.threads);
  }

 private:
  static int64_t width_of(const LayerDesc& layer) {
    const auto& params = layer.as<SoftmaxParams>();
    return layer.outputs[0].shape.elements(static_cast<int>(params.first_axis),
                                           static_cast<int>(params.end_axis));
  }
};

}  // namespace

void register_softmax_xnnpack(PrimitiveRegistry& registry) {
  if (!is_ready(registry)) return;
  for (const Layout layout : {Layout::nchw, Layout::nhwc})
    registry.add(std::make_unique<SoftmaxPrimitive>(layout));
}

}  // namespace raceline
