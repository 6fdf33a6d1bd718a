// Predictors and datasets as commands are given them.
#pragma once
#include <filesystem>

#include "raceline/dataset/dataset.h"
#include "raceline/predict/predictor.h"

namespace raceline::cli {

/// A dataset's file, packed or not. Throws ParseError naming the file.
Dataset read_dataset(const std::filesystem::path& path);

/// "1.23" or "12.3" of a number of percent.
std::string percent_text(double percent);

}  // namespace raceline::cli
