// Memory that is left over, spent on time.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "raceline/search/problem.h"

namespace raceline {

/// A choice that is no slower: layers are given faster choices with the same interfaces as long as their
/// weights together take at most `bytes` more, the most time for a byte first. None works on more than
/// `most_working` bytes (working_bytes: by layer and choice).
std::vector<int> spend_bytes(const SelectionProblem& problem,
                             std::span<const std::vector<int64_t>> working_bytes, std::vector<int> choice,
                             int64_t bytes, int64_t most_working);

}  // namespace raceline
