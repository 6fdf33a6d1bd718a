#include "raceline/tune/measure_costs.h"

namespace raceline {

ProfileReport measure_costs(const MeasureCosts& measure, const CandidateSet& candidates,
                            const RunScene& scene, const ProfileOptions& options, CostTable& table) {
  if (measure) return measure(candidates, scene, options, table);
  return profile(candidates, scene.registry, scene.devices, scene.store, options, table);
}

}  // namespace raceline
