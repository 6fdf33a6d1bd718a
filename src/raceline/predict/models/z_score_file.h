// A ZScore's place in a predictor file.
#pragma once
#include "raceline/predict/archive.h"
#include "raceline/predict/transforms.h"

namespace raceline {

/// Refuses, when reading, another width and deviations below 0.
void visit_z_score(Archive& archive, ZScore& z_score, size_t width);

}  // namespace raceline
