// Whole networks of a PredictionStudy: their layers at every batch, predicted and measured.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/kept_predictors.h"
#include "cli/study_subjects.h"
#include "cli/workbench.h"
#include "raceline/predict/network.h"

namespace raceline::cli {

/// Layers by name of the network in the zoo and batch.
using StudyNetworks = std::map<std::pair<std::string, int64_t>, std::vector<NetworkLayer>>;

/// Of the networks of the zoo with these names, at these batches; kept, since it takes seconds to write and
/// read the larger ones. Empty when interrupted. Throws UnsupportedError for a name that the zoo does not
/// have.
StudyNetworks study_networks(const std::vector<std::string>& names, const std::vector<int64_t>& batches,
                             const Workbench& bench, const KeptPredictors& kept);

/// Times of the layers that were measured, by key and by key without epilogue. All rows are of one platform.
std::map<std::string, Phases> measured_layers(const Dataset& rows, PhaseModel definition);

/// Keys of all layers, each once.
std::vector<std::string> keys_of(const StudyNetworks& networks);
/// The same, by batchless_key().
std::set<std::string> batchless_keys_of(const StudyNetworks& networks);

/// The recipe whose predictions networks' times are composed of.
inline constexpr const char* composed_recipe = "boosted";

/// In the place of a layer type: all that the papers have none of. The composition counts them too.
inline constexpr const char* other_types = "others";

/// A predictor by recipe.
using RecipePredictors = std::map<std::string, Predictor>;

/// Of whole networks: what of boosted's layers makes their time, calibrated on those that were measured.
struct CalibratedNetworks {
  std::vector<StudyNetwork> rows;
  std::string composition;  ///< calibrated on all; empty where nothing was measured
};

/// Rows of the table of networks of one subject. `unoptimised` are the rows of the same platform without
/// optimisation; nullptr where there are none.
CalibratedNetworks network_rows(size_t subject, const SubjectRows& rows, const SubjectRows* unoptimised,
                                const StudyNetworks& networks, const RecipePredictors& predictors,
                                PhaseModel definition);

/// PerfNetRT's figure 2 of LeNet-5, whose layers `all` are, batch 1.
std::vector<StudyStep> network_steps(size_t subject, const SubjectRows& rows,
                                     const std::vector<NetworkLayer>& all, const Predictor& predictor,
                                     PhaseModel definition);

}  // namespace raceline::cli
