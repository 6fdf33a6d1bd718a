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

/// Where the shipped predictors lie: platforms/predictors of an installed program's data, or of the sources.
std::filesystem::path predictors_folder();

/// A predictor by the name of one in the folder ("onnxruntime-cpu"), or by its file. Its nets run on the
/// primitives of the bench, which must outlive it. Throws IoError naming those that there are.
Predictor open_predictor(const std::string& name, Workbench& bench,
                         const std::filesystem::path& folder = predictors_folder());

/// "1.23" or "12.3" of a number of percent.
std::string percent_text(double percent);

}  // namespace raceline::cli
