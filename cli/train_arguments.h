// The options of `raceline train`, which are those of raceline-train: declared once, handed on as words.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace raceline::cli {

struct TrainArguments {
  std::filesystem::path data, output, checkpoint;
  std::string model, definition = "resperfnet";
  std::string platform, accelerator, mode;
  std::vector<std::string> types, phases{"exe"}, settings;
  std::vector<std::filesystem::path> from;
  int threads = 0;
  int64_t rows = 0, jobs = 2;
  uint64_t seed = 1;
  bool models = false, json = false, watch = false;

  void add_to(CLI::App& app);
  /// As add_to() reads them.
  std::vector<std::string> words() const;
};

/// How the line begins in which raceline-train says why these rows and settings allow no predictor, and that
/// in which it says what broke it this time.
inline constexpr std::string_view train_refused = "raceline-train: ";
inline constexpr std::string_view train_failed = "raceline-train failed: ";

inline constexpr const char* train_example =
    "raceline train divided.csv.gz --model boosted -o openvino.predictor";

}  // namespace raceline::cli
