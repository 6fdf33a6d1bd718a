// The platforms of a PredictionStudy with their rows, from wherever these lie.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "raceline/dataset/dataset.h"
#include "raceline/report/prediction_study.h"

namespace raceline::cli {

/// Where rows come from.
struct StudySources {
  std::vector<std::filesystem::path> published;  ///< files of Justus et al., or folders of them
  std::vector<std::filesystem::path> data;       ///< datasets
  std::filesystem::path store;                   ///< of `raceline collect`; need not be there
};

/// A subject and its rows: layers that are split into train, validation and test, and whole networks.
struct SubjectRows {
  StudySubject subject;
  Dataset rows;

  /// Of a whole network; nullptr where it was not measured.
  const DatasetRow* network(const std::string& name, int64_t batch) const;
};

/// Every platform that there are rows of, and then those that the papers' tables want and nobody has
/// measured. Rows that are split already stay as they are; of others a fifth of the layers judges, or the
/// frozen sets where there are any. `networks` are what the study is about, with
/// `network_layers`, of which no row is left to train on. Throws ParseError naming file and place, Error for
/// a folder without such files.
std::vector<SubjectRows> study_subjects(const StudySources& sources, const std::vector<std::string>& networks,
                                        const std::vector<std::string>& network_layers, uint64_t seed);

/// Rows of one type, all sets.
Dataset rows_of_type(const Dataset& rows, std::string_view type);
/// Rows of layers of types that the papers have none of; none of pairs.
Dataset rows_of_other_types(const Dataset& rows);
/// The rows that judge a cell: of its type and set, measured the first time, with a time in its phase.
std::vector<const DatasetRow*> test_rows(const Dataset& rows, const StudyKey& key, PhaseModel definition);
/// How many rows there are to train on.
size_t training_rows(const Dataset& rows, std::string_view type, Phase phase, PhaseModel definition);

}  // namespace raceline::cli
