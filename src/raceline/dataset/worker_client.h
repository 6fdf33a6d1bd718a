// A platform (a framework on an accelerator) that is measured by a worker process: docs/platforms.md.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "raceline/base/error.h"
#include "raceline/dataset/child_process.h"
#include "raceline/dataset/phases.h"

namespace raceline {

/// The worker answered that it could not do what was asked; the kind is a word of its own: "unsupported",
/// "memory", "failed".
class WorkerError : public Error {
 public:
  WorkerError(std::string kind, const std::string& what) : Error(what), kind_(std::move(kind)) {}
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
};

/// What a worker says of itself.
struct PlatformFacts {
  std::string platform;                         ///< "onnxruntime"
  std::string accelerator;                      ///< "cpu"
  std::map<std::string, std::string> versions;  ///< of every library behind it
  std::vector<std::string> modes;               ///< "optimised", "unoptimised"
  bool has_primitives = false;                  ///< it can name its ways to compute a layer
  /// "numpy 2.4.1, onnxruntime 1.27.0".
  std::string versions_text() const;
};

/// What is to be measured.
struct ModelRequest {
  std::filesystem::path model;                          ///< ONNX
  std::filesystem::path plan;                           ///< for Raceline's own worker; may be empty
  std::map<std::string, std::filesystem::path> inputs;  ///< .npy files, by the name of the input
  std::string mode = "optimised";
  int threads = 1;
  bool tune = false;      ///< Raceline's own worker: without a plan, make one by measuring
  std::string primitive;  ///< of platforms with several ways to compute a layer: which one; empty: its choice
};

struct OpenedOnWorker {
  std::vector<std::string> outputs;  ///< names
  double load_us = 0;                ///< until the model could be run
};

/// One round of what is open on the worker.
struct MeasuredOnWorker {
  std::vector<RawTimes> runs;  ///< in the order taken
  std::string kernels;         ///< names, joined by ' '; empty where the platform does not tell
};

/// Speaks to one worker. Every call throws ChildError when the process ends, does not answer in time or sends
/// what can't be understood (it is of no use afterwards), and WorkerError when it says no.
class WorkerClient {
 public:
  static constexpr const char* protocol = "raceline-worker/1";

  /// Starts it and asks what it is. The end of the object is the end of the worker: a moment after it was
  /// told, so that it can tidy up, or at once where it is of no use.
  WorkerClient(const std::vector<std::string>& command, const ChildProcess::Options& options);
  ~WorkerClient();
  WorkerClient(WorkerClient&&) noexcept;
  WorkerClient& operator=(WorkerClient&&) noexcept;

  const PlatformFacts& facts() const { return facts_; }
  /// Sends the files that the worker lacks, and lets it load the model in place of what it had.
  OpenedOnWorker open(const ModelRequest& request, double seconds);
  /// Microseconds of each of `count` runs after `warm_up` more.
  std::vector<double> run(int count, int warm_up, double seconds);
  /// Raw steps of up to `most` runs of what is open, which take about budget_us together.
  MeasuredOnWorker measure(double budget_us, int most, double seconds);
  /// The ways in which the platform can compute the layer in the model; empty: it has one and does not name
  /// it.
  std::vector<std::string> primitives(const ModelRequest& request, double seconds);
  /// Lets the worker drop the files of what is open.
  void drop_files();
  /// The bytes of a .npy file: an output of the last run.
  std::string output(const std::string& name, double seconds);
  /// The most memory that the process ever held, in bytes.
  double peak_bytes();
  void pause() const { process_.pause(); }
  void resume() const { process_.resume(); }

 private:
  struct Reply;
  Reply ask(const std::string& verb, const std::string& fields, double seconds,
            const std::string& attachment = {});
  std::string provide(const std::filesystem::path& file, double seconds);
  std::string fields_of(const ModelRequest& request, double seconds);

  ChildProcess process_;
  PlatformFacts facts_;
  std::vector<std::string> files_;  ///< that the worker holds
  int64_t next_id_ = 1;
  bool is_usable_ = false;  ///< it answered the last question
};

}  // namespace raceline
