#include "raceline/predict/network_rule.h"

namespace raceline {

void NetworkRule::visit(Archive& archive) {
  archive.field("networks", networks);
  archive.object("composition", [&](Archive& inner) { composition.visit(inner); });
  shares.visit(archive, "shares");
  archive.object("interval", [&](Archive& inner) { conformal.visit(inner); });
}

}  // namespace raceline
