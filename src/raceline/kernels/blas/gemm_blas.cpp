// gemm (fully-connected layers included) on a BLAS: sgemm for matrices, and sgemv where A is one row or B
// one column, with constant weights stored as N x K or as K x N: which one is faster depends on the size and
// the library (measured: 1.3 to 1.4 times apart on large layers), so each competes under its own name.
// Limits: f32, extents below 2^31.
#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline {
namespace {

struct GemmShape {
  int64_t m, n, k;
  float alpha, beta;
  bool trans_a, trans_b;
  int64_t c_row, c_column;  ///< elements between neighbours of C along M and N, 0 where it is broadcast
  bool has_c;

  static GemmShape of(const LayerDesc& layer) {
    const GemmParams& params = layer.as<GemmParams>();
    const Shape& a = layer.inputs[0].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    GemmShape shape{y[0],           y[1],        params.trans_a ? a[0] : a[1],
                    params.alpha,   params.beta, params.trans_a,
                    params.trans_b, 0,           0,
                    false};
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    if (operands > 2 && layer.inputs[2].present && params.beta != 0) {
      const Shape& c = layer.inputs[2].desc.shape;
      const int rank = c.rank();
      shape.has_c = true;
      if (rank >= 1 && c[rank - 1] != 1) shape.c_column = 1;
      if (rank == 2 && c[0] != 1) shape.c_row = c[1];
    }
    return shape;
  }
};

/// Where the work is cut over threads.
enum class Cut : uint8_t { rows, columns };

class GemmKernel final : public Kernel {
 public:
  GemmKernel(const BlasLibrary& blas, const LayerDesc& layer, PackedBytes packed_b, bool packed_is_transposed)
      : blas_(blas),
        shape_(GemmShape::of(layer)),
        epilogue_(layer, Layout::nchw),
        packed_b_(std::move(packed_b)) {
    if (packed_b_) shape_.trans_b = packed_is_transposed;
    cut_ = shape_.m > shape_.n ? Cut::rows : Cut::columns;
  }

  bool reads_constant(size_t operand) const override { return operand != 1 || !packed_b_; }
  size_t packed_bytes() const override { return packed_b_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const float* a = args.inputs[0].data<const float>();
    const float* b = packed_b_ ? packed_b_.data<float>() : args.inputs[1].data<const float>();
    const float* c = shape_.has_c ? args.inputs[2].data<const float>() : nullptr;
    const float* residual = epilogue_.residual(args);
    float* y = args.outputs[0].data<float>();
    const int64_t count = cut_ == Cut::rows ? shape_.m : shape_.n;
    const int64_t work = std::max<int64_t>(1, shape_.m * shape_.n / std::max<int64_t>(1, count) * shape_.k);
    parallel_slices(blas_.threads(args.queue.threads()), count, 16, 32768 / work, [&](Slice slice, int) {
      const Slice rows = cut_ == Cut::rows ? slice : Slice{0, shape_.m};
      const Slice columns = cut_ == Cut::columns ? slice : Slice{0, shape_.n};
      multiply(a, b, c, y, rows, columns);
      if (epilogue_.empty()) return;
      for (int64_t row = rows.first; row < rows.last; ++row) {
        epilogue_.apply(y, residual, row * shape_.n + columns.first, row * shape_.n + columns.last);
      }
    });
    return Status::ok();
  }

 private:
  /// A part of Y, without epilogue.
  void multiply(const float* a, const float* b, const float* c, float* y, Slice rows, Slice columns) const {
    const GemmShape& s = shape_;
    for (int64_t row = rows.first; c != nullptr && row < rows.last; ++row) {
      for (int64_t column = columns.first; column < columns.last; ++column) {
        y[row * s.n + column] = s.beta * c[row * s.c_row + column * s.c_column];
      }
    }
    const BlasMatrix left{a + rows.first * (s.trans_a ? 1 : s.k), s.trans_a ? s.m : s.k, s.trans_a};
    const BlasMatrix right{b + columns.first * (s.trans_b ? s.k : 1), s.trans_b ? s.k : s.n, s.trans_b};
    blas_.multiply(rows.size(), columns.size(), s.k, s.alpha, left, right, c != nullptr ? 1 : 0,
                   y + rows.first * s.n + columns.first, s.n);
  }

  BlasLibrary blas_;
  GemmShape shape_;
  Epilogue epilogue_;
  PackedBytes packed_b_;
  Cut cut_ = Cut::columns;
};

/// Which layers, and how their weights are stored.
enum class Variant : uint8_t {
  gemm,        ///< matrices; B as it comes
  transposed,  ///< matrices; B, a constant, stored the other way
  gemv_nk,     ///< A is one row, B stored as N x K
  gemv_kn,     ///< A is one row, B stored as K x N
  gemv_mk,     ///< B is one column: A, as it comes, is the matrix
};

constexpr bool is_gemm(Variant variant) {
  return variant == Variant::gemm || variant == Variant::transposed;
}

constexpr std::string_view implementation_of(Variant variant) {
  switch (variant) {
    case Variant::transposed:
      return "transposed";
    case Variant::gemv_nk:
      return "nk";
    case Variant::gemv_kn:
      return "kn";
    case Variant::gemv_mk:
      return "mk";
    case Variant::gemm:
      break;
  }
  return "";
}

class GemmPrimitive final : public Primitive {
 public:
  GemmPrimitive(const BlasLibrary& blas, Variant variant)
      : Primitive(blas_info(blas, OpKind::gemm, is_gemm(variant) ? "gemm" : "gemv",
                            std::string(implementation_of(variant)), Layout::nchw)),
        blas_(blas),
        variant_(variant) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (!BlasLibrary::fits(layer)) return Support::no("an extent beyond 2^31 - 1");
    const GemmShape shape = GemmShape::of(layer);
    switch (variant_) {
      case Variant::gemm:
      case Variant::transposed:
        if (shape.m == 1 || shape.n == 1) return Support::no("a vector: that is gemv's");
        if (variant_ == Variant::gemm) break;
        if (!layer.inputs[1].constant) return Support::no("B isn't constant");
        if (shape.k <= 1) return Support::no("B is a single row: both storages are the same");
        break;
      case Variant::gemv_nk:
      case Variant::gemv_kn:
        if (shape.m != 1) return Support::no("A is no single row");
        if (!layer.inputs[1].constant && shape.trans_b != (variant_ == Variant::gemv_nk)) {
          return Support::no("B is stored the other way, and isn't constant");
        }
        break;
      case Variant::gemv_mk:
        if (shape.n != 1 || shape.m == 1) return Support::no("B is no single column, or A is a single row");
        break;
    }
    return Epilogue::supports(layer, Layout::nchw);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    const bool given = layer.as<GemmParams>().trans_b;
    const bool wanted = variant_ == Variant::transposed ? !given
                        : variant_ == Variant::gemv_nk  ? true
                        : variant_ == Variant::gemv_kn  ? false
                                                        : given;
    PackedBytes packed;
    if (wanted != given) {
      const Shape& b = layer.inputs[1].desc.shape;
      packed = args.pack(1, layer.inputs[1].desc.bytes(), [&](Memory to) {
        transpose(args.constants[1].data<const float>(), b[0], b[1], reinterpret_cast<float*>(to.host()));
      });
    }
    return std::make_unique<GemmKernel>(blas_, layer, std::move(packed), wanted);
  }

 private:
  BlasLibrary blas_;
  Variant variant_;
};

}  // namespace

void register_gemm_blas(PrimitiveRegistry& registry) {
  with_each_blas(registry, [&](const BlasLibrary& blas) {
    for (const Variant variant :
         {Variant::gemm, Variant::transposed, Variant::gemv_nk, Variant::gemv_kn, Variant::gemv_mk}) {
      registry.add(std::make_unique<GemmPrimitive>(blas, variant));
    }
  });
}

}  // namespace raceline
