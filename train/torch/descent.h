// How nets are trained: the losses, Adam, epochs, and which epoch's weights are kept.
#pragma once
#include <limits>
#include <string>

#include "raceline/predict/transforms.h"
#include "train/torch/net.h"
#include "train/trainer.h"

namespace raceline::train {

/// What the papers set, and what their authors' code adds.
struct Recipe {
  int64_t epochs = 100;
  int64_t batch = 128;
  double rate = 0.1;           ///< of learning, at first
  int64_t halve = 40;          ///< epochs after which it is halved; 0: never
  double epsilon = 0.1;        ///< of Adam
  double l2 = 0;               ///< weights' squares count so much in the loss
  double decay = 0;            ///< what weights lose in each step, times the rate (AdamW)
  double clip = 0;             ///< longest gradient; 0: any
  bool one_cycle = false;      ///< the rate rises, then falls, once in all steps, instead of being halved
  std::string loss = "maple";  ///< maple, maple-batch, log-mse, mape, mse, mae

  /// As asked for by --set; what is not asked for stays. Throws Error for a value that cannot be.
  void ask(const Settings& settings);
};

/// Rows as nets see them and times in their unit.
struct NetRows {
  torch::Tensor rows, times;
  bool logarithm = false;  ///< times are logarithms
  double unit_us = 0;      ///< of times; 0: they have none
  int64_t size() const { return times.defined() ? times.size(0) : 0; }
};

/// Trains the net, which is initialised here, and leaves the weights of the epoch that was best on
/// `validation` in it (of the last, where there are none). Reports after each epoch; ends early where
/// request.stop() says so. With request.checkpoint, the errors of all epochs are kept there as CSV, those on
/// `watched` rows too, which nothing depends on. On the calling thread alone, and the same for the same seed.
/// Throws Error when no epoch gave finite numbers.
void descend(Net& net, const NetRows& train, const NetRows& validation, const Recipe& recipe,
             const FitRequest& request, const NetRows& watched = {});

/// Rows of one width, at least one.
NetRows net_rows(const Features& rows, std::span<const double> times, bool logarithm = false);

/// Throws Error unless request.engine gives for rows what libtorch gives, up to the rounding of long sums.
void check_engine(const Net& net, const std::string& onnx, const NetRows& data, const FitRequest& request);

/// Of a net on rows; NaN where there are none, and where times have no unit.
struct NetErrors {
  double mape_percent = std::numeric_limits<double>::quiet_NaN();
  double rmse_ms = std::numeric_limits<double>::quiet_NaN();
};
NetErrors net_errors(const Net& net, const NetRows& data);

/// Keeps libtorch, and the BLAS that it brings along, to the calling thread: their pools wait in loops, which
/// makes a training on two cores several times slower when somebody else is at work.
void use_one_thread();

}  // namespace raceline::train
