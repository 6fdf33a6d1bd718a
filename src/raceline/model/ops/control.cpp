// Control flow that is decided before the first run.
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {

void import_if(NodeImport& node) {
  node.branch(node.scalar(0) != 0 ? "then_branch" : "else_branch");
}

}  // namespace raceline
