// Choices that no optimum needs.
#pragma once
#include <vector>

#include "raceline/search/problem.h"

namespace raceline {

/// For each layer the choices (ascending) that are left when every choice is dropped that another one of the
/// layer can stand in for at no more cost, whatever the rest of the network chooses: it has the same
/// interfaces and is cheaper, or is cheaper by at least what conversions around it cost (from the interface
/// that the dropped one takes to its own, and from what it gives to what the dropped one gives). Exact: the
/// least cost stays what it was. The problem must be valid.
std::vector<std::vector<int>> worthwhile_choices(const SelectionProblem& problem);

}  // namespace raceline
