#include "cli/kept_predictors.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <list>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/train_program.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/gzip.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/dataset/child_process.h"

namespace raceline::cli {
namespace {

constexpr double poll_seconds = 0.05;

std::string hash_of_file(const std::filesystem::path& path) {
  return hex(hash_bytes(MappedFile(path).bytes()));
}

/// One training that runs, in a folder of its own.
class Running {
 public:
  Running(const TrainingWish& wish, std::string key, std::filesystem::path folder)
      : wish_(&wish), key_(std::move(key)), folder_(std::move(folder)), child_(start()) {}
  ~Running() {
    child_.reset();  // before its folder goes
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  const TrainingWish& wish() const { return *wish_; }
  const std::string& key() const { return key_; }
  std::filesystem::path output() const { return folder_ / "a.predictor.gz"; }

  /// Waits a moment; whether it has ended. Not asked again when it has.
  bool has_ended() {
    try {
      while (true) child_->read_line(poll_seconds);
    } catch (const ChildError& error) {
      return error.kind() != ChildError::Kind::timeout;
    }
  }

  /// How much of it is done, from 0 to 1, by the last line like "train: 12/200, 0:31 left".
  double share() const {
    const std::string text = log();
    const size_t begin = text.rfind("train: "), slash = text.find('/', begin), end = text.find(',', begin);
    if (begin == std::string::npos || slash == std::string::npos || end == std::string::npos || slash > end)
      return 0;
    const auto count = [&](size_t from, size_t to) {
      int64_t value = 0;
      std::from_chars(text.data() + from, text.data() + to, value);
      return static_cast<double>(value);
    };
    const double all = count(slash + 1, end);
    return all > 0 ? std::clamp(count(begin + std::string_view("train: ").size(), slash) / all, 0.0, 1.0) : 0;
  }

  /// Why these rows and settings allow no predictor; empty when it did not say.
  std::string refusal() const { return last_after(train_refused); }
  /// What kept it from ending this time.
  std::string failure() const {
    const std::string said = last_after(train_failed);
    return said.empty() ? "the training ended without a word" : said;
  }

  /// The errors of its epochs; empty where there are none.
  std::filesystem::path epochs() const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
      if (entry.path().string().ends_with(".epochs.csv")) return entry.path();
    }
    return {};
  }

 private:
  ChildProcess start() {
    std::filesystem::create_directories(folder_);
    TrainArguments arguments = wish_->arguments;
    arguments.output = output();
    if (wish_->wants_epochs) arguments.checkpoint = folder_;
    std::vector<std::string> words = arguments.words();
    words.insert(words.begin(), train_program().string());
    return ChildProcess(words, {.cores = {}, .log = folder_ / "log", .environment = train_environment()});
  }
  /// The rest of the last line that begins so.
  std::string last_after(std::string_view beginning) const {
    std::string last;
    const std::string text = log();
    for (const std::string_view line : split(text, '\n')) {
      if (line.starts_with(beginning)) last = line.substr(beginning.size());
    }
    return last;
  }
  std::string log() const {
    return std::filesystem::exists(folder_ / "log") ? read_file(folder_ / "log") : std::string();
  }

  const TrainingWish* wish_;
  std::string key_;
  std::filesystem::path folder_;
  std::optional<ChildProcess> child_;
};

}  // namespace

KeptPredictors::KeptPredictors(const std::filesystem::path& folder) : folder_(folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(fmt::format("cannot make the folder '{}': {}", folder.string(), error.message()));
  program_ = hash_of_file("/proc/self/exe");
}

std::filesystem::path KeptPredictors::file(const std::string& key, std::string_view ending) const {
  return folder_ / (key + std::string(ending));
}

std::filesystem::path KeptPredictors::keep(const Dataset& rows) const {
  const std::string csv = to_csv(rows);
  const std::filesystem::path path = file(hex(hash_text(csv)), ".csv.gz");
  if (!std::filesystem::exists(path)) write_maybe_gzip(path, csv);
  return path;
}

std::string KeptPredictors::text(const std::string& what, const std::function<std::string()>& make) const {
  const std::filesystem::path path = file(hex(hash_text(program_ + "\n" + what)), ".txt");
  if (std::filesystem::exists(path)) return read_file(path);
  const std::string made = make();
  write_file(path, made);
  return made;
}

std::string KeptPredictors::key_of(const TrainingWish& wish) const {
  TrainArguments arguments = wish.arguments;
  arguments.data = arguments.data.filename();  // names what it holds
  return hex(
      hash_text(fmt::format("{}\n{}\n{}", trainer_, join(arguments.words(), "\n"), wish.wants_epochs)));
}

bool KeptPredictors::is_settled(const std::string& key) const {
  return std::filesystem::exists(file(key, ".predictor.gz")) ||
         std::filesystem::exists(file(key, ".refused"));
}

TrainingResult KeptPredictors::result_of(const std::string& key) const {
  TrainingResult result;
  if (std::filesystem::exists(file(key, ".predictor.gz"))) result.predictor = file(key, ".predictor.gz");
  if (std::filesystem::exists(file(key, ".epochs.csv"))) result.epochs = file(key, ".epochs.csv");
  if (!result.predictor.empty()) return result;
  result.failure =
      std::filesystem::exists(file(key, ".refused")) ? read_file(file(key, ".refused")) : "interrupted";
  return result;
}

std::vector<TrainingResult> KeptPredictors::make(std::span<const TrainingWish> wishes, int jobs) {
  if (!std::filesystem::exists(train_program())) {
    throw IoError(
        fmt::format("'{}' is not there; it is built by the target raceline_train", train_program().string()));
  }
  trainer_ = hash_of_file(train_program());
  std::map<std::string, const TrainingWish*> missing;
  std::deque<std::string> waiting;  // in the order of the wishes
  double all = 0, done = 0;
  std::vector<std::string> keys;
  for (const TrainingWish& wish : wishes) {
    keys.push_back(key_of(wish));
    if (is_settled(keys.back())) {
      ++found_;
    } else if (missing.emplace(keys.back(), &wish).second) {
      waiting.push_back(keys.back());
      all += wish.seconds;
    }
  }
  Progress progress("trainings");
  std::list<Running> running;
  std::map<std::string, std::string> broken;  // failed by chance: not kept, so that it is tried again
  while (!is_interrupted() && !(waiting.empty() && running.empty())) {
    while (!waiting.empty() && running.size() < static_cast<size_t>(jobs)) {
      const std::string key = waiting.front();
      waiting.pop_front();
      running.emplace_back(*missing[key], key, file(key, fmt::format(".making{}", ::getpid())));
    }
    double now = done;
    for (const Running& each : running) now += each.share() * each.wish().seconds;
    progress.show(static_cast<size_t>(now), static_cast<size_t>(all) + 1, running.front().wish().name);
    for (auto each = running.begin(); each != running.end();) {
      if (!each->has_ended()) {
        ++each;
        continue;
      }
      if (std::filesystem::exists(each->output())) {
        if (const std::filesystem::path epochs = each->epochs(); !epochs.empty())
          std::filesystem::rename(epochs, file(each->key(), ".epochs.csv"));
        std::filesystem::rename(each->output(), file(each->key(), ".predictor.gz"));
        ++trained_;
      } else if (const std::string why = each->refusal(); !why.empty()) {
        write_file(file(each->key(), ".refused"), why);
      } else {
        broken[each->key()] = each->failure();
      }
      done += each->wish().seconds;
      each = running.erase(each);
    }
  }
  progress.finish();
  std::vector<TrainingResult> results;
  for (const std::string& key : keys) {
    results.push_back(result_of(key));
    if (const auto found = broken.find(key); found != broken.end()) results.back().failure = found->second;
  }
  return results;
}

}  // namespace raceline::cli
