// What platforms gave when they were measured, on disk: append-only, in the same file as the costs.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace raceline {

/// One sitting: a collector that measured one platform, once. Provenance of the samples that name it.
struct Sitting {
  std::string id;           ///< unique: see SampleStore::begin()
  std::string platform;     ///< "onnxruntime"
  std::string accelerator;  ///< "cpu"
  std::string mode;         ///< "optimised"
  int threads = 1;
  std::string device;    ///< fingerprint of the machine
  std::string versions;  ///< "numpy 2.4.1, onnxruntime 1.27.0"
  std::string machine;   ///< facts for people: processor, caches, system
  std::string what;      ///< the command's arguments
  std::string started_at;

  /// Samples of equal platforms may be put together: all but id, machine, what and started_at are equal.
  bool same_platform(const Sitting& other) const;
  friend bool operator==(const Sitting&, const Sitting&) = default;
};

/// One round of one layer, or the failure that stood in its place.
struct PlatformSample {
  std::string sitting;
  std::string layer;      ///< LayerDesc::key(), or "model NAME batch=N"
  std::string primitive;  ///< of platforms that offer several ways to compute a layer; else empty
  int repeat = 0;         ///< 0: the first measurement; 1: measured again later, for the noise floor
  int round = 0;          ///< a number of its own within the sitting, in the order taken
  std::string origin;     ///< why the layer was chosen: "train/prior:resnet50"
  std::string
      trouble;  ///< empty: measured; else the kind: unsupported, memory, failed, ended, timeout, garbage
  std::string why;
  std::vector<std::string> steps;  ///< names of the raw steps
  std::vector<double> samples_us;  ///< durations, a row of all steps for each run
  std::string kernels;             ///< names that the platform gave its kernels, if it tells
  bool disturbed = false;          ///< the machine was slower than it mostly is
  std::string sentinel;            ///< Sentinel::revision(); empty: none watched
  int sentinel_threads = 0;        ///< that it was asked for
  double sentinel_us = 0;          ///< the slower one of its times before and after
  std::string taken_at;            ///< ISO 8601, UTC; empty: now
  friend bool operator==(const PlatformSample&, const PlatformSample&) = default;
};

/// Each append is a transaction of its own: a killed process loses the sample in hand and nothing else.
/// Throws IoError as CostStore does, whose file it may share.
class SampleStore {
 public:
  enum class Mode : uint8_t { read, write };
  static SampleStore open(const std::filesystem::path& path, Mode mode = Mode::write);
  static SampleStore temporary();
  ~SampleStore();
  SampleStore(SampleStore&&) noexcept;
  SampleStore& operator=(SampleStore&&) noexcept;

  /// Begins a sitting; its id and time are made here.
  Sitting begin(Sitting facts);
  void append(const PlatformSample& sample);
  std::vector<Sitting> sittings() const;
  /// Visits all samples, by layer, primitive, repeat, then in the order taken; one is in memory at a time.
  void visit(const std::function<void(PlatformSample&&)>& visitor) const;
  /// All of them, in the same order.
  std::vector<PlatformSample> samples() const;
  /// Times of this sentinel beside the machine's latest 20,000 samples that have one, ascending.
  std::vector<double> sentinel_times(const std::string& device, const std::string& sentinel,
                                     int threads) const;
  /// Adds the other store's sittings and samples that are not here; the number of samples added.
  int merge(const SampleStore& other);

 private:
  struct State;
  explicit SampleStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace raceline
