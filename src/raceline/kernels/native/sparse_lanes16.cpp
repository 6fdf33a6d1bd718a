// Products with sparse weights by vectors of 16: for AVX-512.
#include "raceline/kernels/native/sparse_product.h"

namespace raceline {

template SparseProducts sparse_products<16>();

}  // namespace raceline
