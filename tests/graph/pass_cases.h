// Small graphs, each made to show one thing that a pass does or must not do.
#pragma once
#include <span>
#include <string_view>

#include "raceline/graph/graph.h"

namespace raceline::test {

struct PassCase {
  std::string_view name;  ///< of the golden file
  std::string_view pass;
  Graph (*build)();
  /// Whether the stand-in knows all ops, and the results are finite: then they are compared too.
  bool runs = true;
};

std::span<const PassCase> pass_cases();

}  // namespace raceline::test
