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

/// A dataset of others as it was published, packed or not; the file's name says where it was measured:
/// "GTX1080Ti" of "conv_GTX1080Ti.csv.gz". Throws ParseError naming the file.
Dataset read_published(PublicFormat format, const std::filesystem::path& path);

/// Where the shipped predictors lie: platforms/predictors of an installed program's data, or of the sources.
std::filesystem::path predictors_folder();

/// A predictor by the name of one in the folder ("onnxruntime-cpu"), or by its file. Its nets run on the
/// primitives of the bench, which must outlive it. Throws IoError naming those that there are.
Predictor open_predictor(const std::string& name, Workbench& bench,
                         const std::filesystem::path& folder = predictors_folder());

/// The rows of the platform, accelerator, mode and number of threads that the predictor is of, of every kind.
Dataset rows_of(const Dataset& dataset, const Predictor& predictor);

/// "1.23" or "12.3" of a number of percent.
std::string percent_text(double percent);

}  // namespace raceline::cli
