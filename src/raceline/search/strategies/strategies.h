// The constructors that the table in search/strategy.cpp lists, one for each file of this folder.
#pragma once
#include <memory>

#include "raceline/search/strategy.h"

namespace raceline {

std::unique_ptr<SearchStrategy> make_exact();
std::unique_ptr<SearchStrategy> make_greedy();
std::unique_ptr<SearchStrategy> make_best_single_library();
std::unique_ptr<SearchStrategy> make_random();
std::unique_ptr<SearchStrategy> make_coordinate_descent();
std::unique_ptr<SearchStrategy> make_annealing();
std::unique_ptr<SearchStrategy> make_q_learning();
std::unique_ptr<SearchStrategy> make_q_learning_plus();

}  // namespace raceline
