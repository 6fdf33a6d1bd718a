// Predictors and datasets as commands are given them.
#pragma once
#include <filesystem>
#include <string>

#include "cli/workbench.h"
#include "raceline/dataset/dataset.h"
#include "raceline/predict/predictor.h"

namespace raceline::cli {

/// A dataset's file, packed or not. Throws ParseError naming the file.
Dataset read_dataset(const std::filesystem::path& path);

/// A predictor by its file, or by the name of one that Raceline ships ("onnxruntime-cpu"). Its nets run on
/// the primitives of the bench, which must outlive it. Throws Error naming those that there are.
Predictor open_predictor(const std::string& name, Workbench& bench);

/// "1.23" or "12.3" of a number of percent.
std::string percent_text(double percent);

}  // namespace raceline::cli
