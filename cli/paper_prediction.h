// raceline paper perfnetrt, raceline paper resperfnet: the papers' tables on the platforms at hand.
#pragma once
#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include "raceline/report/prediction_study.h"

namespace raceline::cli {

/// Adds the subcommand of a paper to `paper`; `run` is set to what to run when it was asked for.
void setup_prediction_paper(CLI::App& app, PredictionPaper paper,
                            const std::shared_ptr<std::function<int()>>& run);

}  // namespace raceline::cli
