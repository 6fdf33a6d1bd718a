// matmul, batched and broadcast by NumPy's rules, on a BLAS: one sgemm (or sgemv, where a side is a vector)
// for each matrix of the batch; a batch that shares one B is one product of more rows. A constant B may be
// stored as it comes (K x N) or transposed once (N x K): each competes under its own name. Limits: f32,
// extents below 2^31.
#include <array>

#include "raceline/kernels/blas/blas_common.h"
#include "raceline/kernels/common/parallel.h"

namespace raceline {
namespace {

/// A batch of products [m, k] x [k, n]; operands of rank 1 are a row or a column.
struct MatmulShape {
  int64_t m, n, k;
  int rank = 0;                                                      ///< of the batch
  std::array<int64_t, Shape::max_rank> batch{}, step_a{}, step_b{};  ///< steps in matrices, 0 where broadcast

  static MatmulShape of(const LayerDesc& layer) {
    const Shape& a = layer.inputs[0].desc.shape;
    const Shape& b = layer.inputs[1].desc.shape;
    MatmulShape shape{};
    shape.k = a[a.rank() - 1];
    shape.m = a.rank() == 1 ? 1 : a[a.rank() - 2];
    shape.n = b.rank() == 1 ? 1 : b[b.rank() - 1];
    const int batch_a = std::max(0, a.rank() - 2);
    const int batch_b = std::max(0, b.rank() - 2);
    shape.rank = std::max(batch_a, batch_b);
    int64_t stride_a = 1, stride_b = 1;
    for (int axis = shape.rank - 1; axis >= 0; --axis) {
      const int at_a = axis - (shape.rank - batch_a);
      const int at_b = axis - (shape.rank - batch_b);
      const int64_t dim_a = at_a < 0 ? 1 : a[at_a];
      const int64_t dim_b = at_b < 0 ? 1 : b[at_b];
      shape.batch[axis] = dim_a == 1 ? dim_b : dim_a;
      shape.step_a[axis] = dim_a == 1 ? 0 : stride_a;
      shape.step_b[axis] = dim_b == 1 ? 0 : stride_b;
      stride_a *= dim_a;
      stride_b *= dim_b;
    }
    if (stride_b == 1) {
      shape.m *= stride_a;
      shape.rank = 0;
    }
    return shape;
  }

  int64_t batches() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= batch[axis];
    return product;
  }

  /// Which matrices of A and B make matrix `index` of the output.
  std::pair<int64_t, int64_t> sources(int64_t index) const {
    int64_t at_a = 0, at_b = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t at = index % batch[axis];
      index /= batch[axis];
      at_a += at * step_a[axis];
      at_b += at * step_b[axis];
    }
    return {at_a, at_b};
  }
};

class MatmulKernel final : public Kernel {
 public:
  /// With a packed B, which then is stored as N x K, or with B as it comes.
  MatmulKernel(const BlasLibrary& blas, const LayerDesc& layer, PackedBytes packed_b)
      : blas_(blas),
        shape_(MatmulShape::of(layer)),
        epilogue_(layer, Layout::nchw),
        packed_b_(std::move(packed_b)) {}

  bool reads_constant(size_t operand) const override { return operand != 1 || !packed_b_; }
  size_t packed_bytes() const override { return packed_b_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const float* a = args.inputs[0].data<const float>();
    const float* b = packed_b_ ? packed_b_.data<float>() : args.inputs[1].data<const float>();
    const float* residual = epilogue_.residual(args);
    float* y = args.outputs[0].data<float>();
    const int threads = blas_.threads(args.queue.threads());
    const int64_t batches = shape_.batches();
    const int64_t work = std::max<int64_t>(1, shape_.m * shape_.n * shape_.k);
    if (batches >= threads) {
      parallel_slices(threads, batches, 1, 32768 / work, [&](Slice slice, int) {
        for (int64_t index = slice.first; index < slice.last; ++index) {
          multiply(a, b, residual, y, index, {0, shape_.m}, {0, shape_.n});
        }
      });
      return Status::ok();
    }
    // Fewer matrices than threads: each is cut along its longer side.
    const bool by_rows = shape_.m > shape_.n;
    const int64_t count = by_rows ? shape_.m : shape_.n;
    for (int64_t index = 0; index < batches; ++index) {
      parallel_slices(threads, count, 16, 32768 / std::max<int64_t>(1, work / std::max<int64_t>(1, count)),
                      [&](Slice slice, int) {
                        multiply(a, b, residual, y, index, by_rows ? slice : Slice{0, shape_.m},
                                 by_rows ? Slice{0, shape_.n} : slice);
                      });
    }
    return Status::ok();
  }

 private:
  void multiply(const float* a, const float* b, const float* residual, float* y, int64_t index, Slice rows,
                Slice columns) const {
    const auto [at_a, at_b] = shape_.sources(index);
    const int64_t offset = index * shape_.m * shape_.n;
    const BlasMatrix left{a + (at_a * shape_.m + rows.first) * shape_.k, shape_.k};
    const float* matrix = b + at_b * shape_.k * shape_.n;
    const BlasMatrix right = packed_b_ ? BlasMatrix{matrix + columns.first * shape_.k, shape_.k, true}
                                       : BlasMatrix{matrix + columns.first, shape_.n};
    blas_.multiply(rows.size(), columns.size(), shape_.k, 1, left, right, 0,
                   y + offset + rows.first * shape_.n + columns.first, shape_.n);
    if (epilogue_.empty()) return;
    for (int64_t row = rows.first; row < rows.last; ++row) {
      const int64_t line = offset + row * shape_.n;
      epilogue_.apply(y, residual, line + columns.first, line + columns.last);
    }
  }

  BlasLibrary blas_;
  MatmulShape shape_;
  Epilogue epilogue_;
  PackedBytes packed_b_;
};

class MatmulPrimitive final : public Primitive {
 public:
  MatmulPrimitive(const BlasLibrary& blas, bool transposed)
      : Primitive(blas_info(blas, OpKind::matmul, "gemm", transposed ? "transposed" : "", Layout::nchw)),
        blas_(blas),
        transposed_(transposed) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    const MatmulShape shape = MatmulShape::of(layer);
    if (!BlasLibrary::fits(shape.m) || !BlasLibrary::fits(shape.n) || !BlasLibrary::fits(shape.k)) {
      return Support::no("an extent beyond 2^31 - 1");
    }
    if (transposed_ && !layer.inputs[1].constant) return Support::no("B isn't constant");
    if (transposed_ && (shape.n == 1 || shape.k <= 1)) {
      return Support::no("B is a single row or column: both storages are the same");
    }
    return Epilogue::supports(layer, Layout::nchw);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    PackedBytes packed;
    if (transposed_) {
      const TensorDesc& b = layer.inputs[1].desc;
      const MatmulShape shape = MatmulShape::of(layer);
      packed = args.pack(1, b.bytes(), [&](Memory memory) {
        const float* from = args.constants[1].data<const float>();
        float* to = reinterpret_cast<float*>(memory.host());
        for (int64_t at = 0; at < b.shape.elements(); at += shape.k * shape.n) {
          transpose(from + at, shape.k, shape.n, to + at);
        }
      });
    }
    return std::make_unique<MatmulKernel>(blas_, layer, std::move(packed));
  }

 private:
  BlasLibrary blas_;
  bool transposed_;
};

}  // namespace

void register_matmul_blas(PrimitiveRegistry& registry) {
  with_each_blas(registry, [&](const BlasLibrary& blas) {
    for (const bool transposed : {false, true}) {
      registry.add(std::make_unique<MatmulPrimitive>(blas, transposed));
    }
  });
}

}  // namespace raceline
