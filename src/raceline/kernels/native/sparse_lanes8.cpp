// Products with sparse weights by vectors of 8: for AVX2.
#include "raceline/kernels/native/sparse_product.h"

namespace raceline {

template SparseProducts sparse_products<8>();

}  // namespace raceline
