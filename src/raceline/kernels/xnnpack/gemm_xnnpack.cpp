// Fully-connected layers of XNNPACK: gemm and matmul whose B is constant, packed by the library in tiles of
// columns with the bias before them. Threads share the columns, each with an operator of its own. Limits:
// f32, A not transposed, C (of gemm) a constant row.
#include <algorithm>
#include <vector>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

struct ProductShape {
  int64_t m, n, k;
  bool trans_b;  ///< B is stored as N x K
  float alpha = 1, beta = 1;

  static ProductShape of(const LayerDesc& layer) {
    const Shape& a = layer.inputs[0].desc.shape;
    const Shape& b = layer.inputs[1].desc.shape;
    const int last = a.rank() - 1;
    if (layer.op == OpKind::matmul) return {a.elements(0, last), b[1], b[0], false};
    const GemmParams& params = layer.as<GemmParams>();
    return {a[0], b[params.trans_b ? 0 : 1], a[1], params.trans_b, params.alpha, params.beta};
  }
};

class ProductKernel final : public Kernel {
 public:
  ProductKernel(const LayerDesc& layer, const PrepareArgs& args)
      : ProductKernel(layer, Clamp::of(layer), args) {}

  bool reads_constant(size_t operand) const override { return operand != 1 && operand != 2; }
  /// Without what the library rounds up to its tiles.
  size_t packed_bytes() const override {
    return static_cast<size_t>(shape_.n * (shape_.k + 1)) * sizeof(float);
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* a = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const float* residual = epilogue_.residual(args);
    if (shape_.k % vector != 0) {
      auto* copy = reinterpret_cast<float*>(args.workspace.host());
      std::copy_n(a, shape_.m * shape_.k, copy);
      std::fill_n(copy + shape_.m * shape_.k, slack, 0.0f);
      a = copy;
    }
    return run_parts(args.queue.threads(), std::ssize(parts_), [&](int64_t index) {
      const Part& part = parts_[static_cast<size_t>(index)];
      const xnn_status status =
          run_after(xnn_setup_fully_connected_nc_f32(part.op.get(), static_cast<size_t>(shape_.m), a,
                                                     y + part.columns.first, nullptr),
                    part.op);
      if (status != xnn_status_success || epilogue_.empty()) return status;
      for (int64_t row = 0; row < shape_.m; ++row) {
        epilogue_.apply(y, residual, row * shape_.n + part.columns.first, row * shape_.n + part.columns.last);
      }
      return status;
    });
  }

 private:
  struct Part {
    Slice columns;
    Operator op;
  };

  ProductKernel(const LayerDesc& layer, const Clamp& clamp, const PrepareArgs& args)
      : shape_(ProductShape::of(layer)), epilogue_(clamp.rest, Layout::nchw) {
    const float* b = args.constants[1].data<const float>();
    const std::vector<float> bias = bias_of(layer, args);
    const auto lanes = static_cast<int64_t>(std::max(1, args.threads));
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Slice columns = slice_of(shape_.n, lane, lanes, 16);
      if (columns.size() <= 0) continue;
      const bool in_place = shape_.trans_b && shape_.alpha == 1;
      const std::vector<float> made = in_place ? std::vector<float>() : columns_of(b, columns);
      parts_.push_back(
          {columns,
           make_operator(xnn_create_fully_connected_nc_f32, static_cast<size_t>(shape_.k),
                         static_cast<size_t>(columns.size()), static_cast<size_t>(shape_.k),
                         static_cast<size_t>(shape_.n), in_place ? b + columns.first * shape_.k : made.data(),
                         bias.empty() ? nullptr : bias.data() + columns.first, clamp.low, clamp.high,
                         uint32_t{0})});
    }
  }

  /// beta * C, one value a column; empty when there is no C.
  std::vector<float> bias_of(const LayerDesc& layer, const PrepareArgs& args) const {
    if (layer.op == OpKind::matmul || !has_operand(layer, 2) || shape_.beta == 0) return {};
    const float* c = args.constants[2].data<const float>();
    const bool one = layer.inputs[2].desc.shape.elements() == 1;
    std::vector<float> bias(static_cast<size_t>(shape_.n));
    for (int64_t column = 0; column < shape_.n; ++column)
      bias[static_cast<size_t>(column)] = shape_.beta * c[one ? 0 : column];
    return bias;
  }

  /// alpha * B of the given columns, as N x K.
  std::vector<float> columns_of(const float* b, Slice columns) const {
    constexpr int64_t block = 32;
    std::vector<float> made(static_cast<size_t>(columns.size() * shape_.k));
    const int64_t row_step = shape_.trans_b ? 1 : shape_.n;
    const int64_t column_step = shape_.trans_b ? shape_.k : 1;
    for (int64_t top = 0; top < shape_.k; top += block) {
      for (int64_t column = columns.first; column < columns.last; ++column) {
        float* to = made.data() + (column - columns.first) * shape_.k;
        for (int64_t row = top; row < std::min(top + block, shape_.k); ++row)
          to[row] = shape_.alpha * b[row * row_step + column * column_step];
      }
    }
    return made;
  }

  ProductShape shape_;
  Epilogue epilogue_;
  std::vector<Part> parts_;
};

class ProductPrimitive final : public Primitive {
 public:
  explicit ProductPrimitive(OpKind op) : Primitive(make_info(op, "gemm", Layout::nchw)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = check_tensors(layer, Layout::nchw); !fits) return fits;
    if (!layer.inputs[1].constant) return Support::no("B is not constant, so it cannot be packed");
    if (layer.op == OpKind::matmul) {
      if (layer.inputs[1].desc.shape.rank() != 2) return Support::no("B is no matrix");
    } else {
      if (layer.as<GemmParams>().trans_a) return Support::no("A is transposed");
      if (has_operand(layer, 2) && !layer.inputs[2].constant) return Support::no("C is not constant");
      const int64_t columns = layer.outputs[0].shape[1];
      if (has_operand(layer, 2)) {
        const Shape& c = layer.inputs[2].desc.shape;
        if (c.elements() != 1 && (c.elements() != columns || c[c.rank() - 1] != columns))
          return Support::no("C is not one row");
      }
    }
    return Epilogue::supports(layer, Layout::nchw);
  }

  size_t workspace_bytes(const LayerDesc& layer, int) const override {
    const ProductShape shape = ProductShape::of(layer);
    if (shape.k % vector == 0) return 0;
    return static_cast<size_t>(shape.m * shape.k + slack) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<ProductKernel>(layer, args);
  }
};

}  // namespace

void register_gemm_xnnpack(PrimitiveRegistry& registry) {
  if (!is_ready(registry)) return;
  for (const OpKind op : {OpKind::gemm, OpKind::matmul}) {
    registry.add(std::make_unique<ProductPrimitive>(op));
  }
}

}  // namespace raceline
