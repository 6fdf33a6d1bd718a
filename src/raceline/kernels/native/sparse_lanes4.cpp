// Products with sparse weights by vectors of 4: for the baseline.
#include "raceline/kernels/native/sparse_product.h"

namespace raceline {

template SparseProducts sparse_products<4>();

}  // namespace raceline
