// Predictors that are trained once and kept, under the hash of their rows, their settings and the program
// that trains: whoever asks again finds them, and a stopped run goes on where it was.
#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/train_arguments.h"
#include "raceline/dataset/dataset.h"

namespace raceline::cli {

/// A predictor that is wanted.
struct TrainingWish {
  std::string name;           ///< for people
  TrainArguments arguments;   ///< data: of KeptPredictors::keep(); output and checkpoint are filled in
  bool wants_epochs = false;  ///< keep the errors of every epoch
  double seconds = 1;         ///< that it will take, roughly
};

struct TrainingResult {
  std::filesystem::path predictor;  ///< empty: there is none, and `failure` says why
  std::filesystem::path epochs;     ///< CSV; empty: not kept
  std::string failure;
};

class KeptPredictors {
 public:
  /// Makes the folder. Throws IoError.
  explicit KeptPredictors(const std::filesystem::path& folder);

  /// Rows to train on, as a file named for what they hold.
  std::filesystem::path keep(const Dataset& rows) const;
  /// Text that is costly to make, under `what`, this program and the parts that decide it; `make` is asked
  /// where it is not there.
  std::string text(const std::string& what, const std::function<std::string()>& make) const;
  /// One result a wish, in order. Trains what is not kept, `jobs` side by side, and shows how far it is. A
  /// training that is refused is kept as refused; when interrupted, the rest fails as "interrupted". Throws
  /// IoError, also where raceline-train is not there.
  std::vector<TrainingResult> make(std::span<const TrainingWish> wishes, int jobs);

  size_t trained() const { return trained_; }  ///< by make()
  size_t found() const { return found_; }

 private:
  std::filesystem::path file(const std::string& key, std::string_view ending) const;
  std::string key_of(const TrainingWish& wish) const;
  bool is_settled(const std::string& key) const;
  TrainingResult result_of(const std::string& key) const;

  std::filesystem::path folder_;
  std::string trainer_, program_;  ///< hashes
  size_t trained_ = 0, found_ = 0;
};

}  // namespace raceline::cli
