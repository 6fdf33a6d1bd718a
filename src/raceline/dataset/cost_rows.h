// The costs of layers that profile and tune measured, as a dataset: what a predictor of primitives is trained
// on.
#pragma once
#include "raceline/dataset/dataset.h"
#include "raceline/profile/store.h"

namespace raceline {

/// A row for each layer by each primitive that was measured on a device (the row's accelerator is its
/// fingerprint), with so many threads, pinned or not (the mode), in each cache state. Of several revisions of
/// a primitive the one measured last counts. The label of both definitions is the cost: kernels alone, pre
/// and post unknown. What failed and what was replaced is counted in notes.
Dataset dataset_of(const CostStore& store);

}  // namespace raceline
