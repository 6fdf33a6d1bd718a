#include "train/torch/descent.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/CPUGeneratorImpl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/random.h"

namespace raceline::train {
namespace {

constexpr int64_t rows_at_once = 1024;  ///< when nothing is learned

using Loss = torch::Tensor (*)(const torch::Tensor& out, const torch::Tensor& times);

struct NamedLoss {
  std::string_view name;
  Loss loss;
};

/// |log(1 + out) - log(1 + time)| of each row.
torch::Tensor log_gaps(const torch::Tensor& out, const torch::Tensor& times) {
  return (torch::log1p(out) - torch::log1p(times)).abs();
}

const NamedLoss losses[] = {
    // PerfNetRT's equation 3, ResPerfNet's equation 7: each row's gap over its own logarithm.
    {"maple", [](const torch::Tensor& out,
                 const torch::Tensor& times) { return (log_gaps(out, times) / torch::log1p(times)).mean(); }},
    // As the first author's code has it: the batch's mean gap over its mean logarithm.
    {"maple-batch",
     [](const torch::Tensor& out, const torch::Tensor& times) {
       return log_gaps(out, times).mean() / torch::log1p(times).mean();
     }},
    {"log-mse", [](const torch::Tensor& out,
                   const torch::Tensor& times) { return log_gaps(out, times).square().mean(); }},
    {"mape", [](const torch::Tensor& out,
                const torch::Tensor& times) { return ((out - times).abs() / times).mean(); }},
    {"mse",
     [](const torch::Tensor& out, const torch::Tensor& times) { return (out - times).square().mean(); }},
    {"mae", [](const torch::Tensor& out, const torch::Tensor& times) { return (out - times).abs().mean(); }},
};

Loss loss_of(std::string_view name) {
  std::string known;
  for (const NamedLoss& each : losses) {
    if (each.name == name) return each.loss;
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  }
  throw Error(fmt::format("--set loss: '{}' is none of {}", name.substr(0, 80), known));
}

/// Kingma and Ba's, with epsilon where TensorFlow has it: beside the root that is not corrected for its
/// start.
class Adam {
 public:
  explicit Adam(Net& net) : net_(net), mean_(torch::zeros_like(net.weights())), square_(mean_.clone()) {}

  void step(double rate, const Recipe& recipe) {
    const torch::NoGradGuard no_gradients;
    constexpr double keep_mean = 0.9, keep_square = 0.999;
    torch::Tensor& gradients = net_.gradients();
    if (recipe.l2 > 0) gradients.addcmul_(net_.weights(), net_.decays(), 2 * recipe.l2);
    if (recipe.clip > 0) {
      const double length = gradients.norm().item<double>();
      if (length > recipe.clip) gradients.mul_(recipe.clip / length);
    }
    ++steps_;
    const auto done = static_cast<double>(steps_);
    const double corrected =
        rate * std::sqrt(1 - std::pow(keep_square, done)) / (1 - std::pow(keep_mean, done));
    mean_.mul_(keep_mean).add_(gradients, 1 - keep_mean);
    square_.mul_(keep_square).addcmul_(gradients, gradients, 1 - keep_square);
    if (recipe.decay > 0) net_.weights().addcmul_(net_.weights(), net_.decays(), -rate * recipe.decay);
    net_.weights().addcdiv_(mean_, square_.sqrt().add_(recipe.epsilon), -corrected);
    gradients.zero_();
  }

 private:
  Net& net_;
  torch::Tensor mean_, square_;
  int64_t steps_ = 0;
};

/// Sums of errors over rows.
class ErrorSums {
 public:
  void add(const torch::Tensor& out, const torch::Tensor& times, bool logarithm) {
    const torch::Tensor gaps = out - times;
    relative_ += (logarithm ? torch::expm1(gaps) : gaps / times).abs().sum().item<double>();
    squares_ += gaps.square().sum().item<double>();
  }
  NetErrors of(const NetRows& data) const {
    NetErrors errors;
    if (data.size() == 0) return errors;
    const auto rows = static_cast<double>(data.size());
    errors.mape_percent = 100 * relative_ / rows;
    if (data.unit_us > 0) errors.rmse_ms = std::sqrt(squares_ / rows) * data.unit_us * 1e-3;
    return errors;
  }

 private:
  double relative_ = 0, squares_ = 0;
};

/// Errors of every epoch, as CSV; what is not known is empty.
class EpochTable {
 public:
  void add(int64_t epoch, double rate, std::initializer_list<NetErrors> training_validation_test) {
    csv_ += fmt::format("{},{}", epoch, rate);
    for (const NetErrors& each : training_validation_test) csv_ += cell(each.mape_percent);
    for (const NetErrors& each : training_validation_test) csv_ += cell(each.rmse_ms);
    csv_ += "\n";
  }
  const std::string& csv() const { return csv_; }

 private:
  static std::string cell(double value) {
    return std::isfinite(value) ? fmt::format(",{:.4f}", value) : std::string(",");
  }
  std::string csv_ =
      "epoch,rate,training_percent,validation_percent,test_percent,training_rmse_ms,validation_rmse_ms,"
      "test_rmse_ms\n";
};

/// After this share of all steps.
double rate_at(const Recipe& recipe, int64_t epoch, double share) {
  if (recipe.one_cycle) {
    constexpr double top = 0.25, least = 0.02;
    const double height = share < top ? share / top : 0.5 + 0.5 * std::cos(M_PI * (share - top) / (1 - top));
    return recipe.rate * (least + (1 - least) * height);
  }
  return recipe.rate * std::pow(0.5, static_cast<double>(recipe.halve > 0 ? epoch / recipe.halve : 0));
}

/// The rows in an order of this epoch's own.
torch::Tensor shuffled(int64_t count, Random& random) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  return torch::tensor(order);
}

}  // namespace

void Recipe::ask(const Settings& settings) {
  epochs = settings.whole("epochs", epochs);
  batch = settings.whole("batch", batch);
  rate = settings.number("rate", rate);
  halve = settings.whole("halve", halve);
  epsilon = settings.number("epsilon", epsilon);
  l2 = settings.number("l2", l2);
  decay = settings.number("decay", decay);
  clip = settings.number("clip", clip);
  one_cycle = settings.whole("cycle", one_cycle ? 1 : 0) != 0;
  loss = settings.text("loss", loss);
  loss_of(loss);
  if (epochs < 1 || batch < 1 || halve < 0 || !(rate > 0) || !(epsilon > 0) || !(l2 >= 0) || !(decay >= 0) ||
      !(clip >= 0)) {
    throw Error(
        "--set: epochs and batch are 1 or more, rate and epsilon above 0, halve, l2, decay and clip not "
        "below");
  }
}

void use_one_thread() {
  at::set_num_threads(1);
  // libtorch may be built on any BLAS; OpenBLAS is told through a function of its own.
  using SetThreads = void (*)(int);
  if (void* found = ::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) reinterpret_cast<SetThreads>(found)(1);
}

NetErrors net_errors(const Net& net, const NetRows& data) {
  const torch::NoGradGuard no_gradients;
  ErrorSums sums;
  for (int64_t at = 0; at < data.size(); at += rows_at_once) {
    const int64_t count = std::min(rows_at_once, data.size() - at);
    const torch::Tensor out = net.forward(data.rows.narrow(0, at, count));
    sums.add(out, data.times.narrow(0, at, count), data.logarithm);
  }
  return sums.of(data);
}

void descend(Net& net, const NetRows& train, const NetRows& validation, const Recipe& recipe,
             const FitRequest& request, const NetRows& watched) {
  use_one_thread();
  torch::Generator generator = at::detail::createCPUGenerator(request.seed);
  Random random(request.seed);
  net.initialise(generator);
  Adam adam(net);
  const Loss loss = loss_of(recipe.loss);
  torch::Tensor best;
  double best_error = std::numeric_limits<double>::infinity();
  size_t best_epoch = 0;
  EpochTable epochs;
  for (int64_t epoch = 0; epoch < recipe.epochs && !request.stop(); ++epoch) {
    double rate = 0;
    const torch::Tensor order = shuffled(train.size(), random);
    ErrorSums sums;
    for (int64_t at = 0; at < train.size(); at += recipe.batch) {
      const torch::Tensor chosen = order.narrow(0, at, std::min(recipe.batch, train.size() - at));
      const torch::Tensor times = train.times.index_select(0, chosen);
      const torch::Tensor out = net.forward(train.rows.index_select(0, chosen), &generator);
      loss(out, times).backward();
      rate =
          rate_at(recipe, epoch,
                  (static_cast<double>(epoch) + static_cast<double>(at) / static_cast<double>(train.size())) /
                      static_cast<double>(recipe.epochs));
      adam.step(rate, recipe);
      sums.add(out.detach(), times, train.logarithm);
    }
    FitProgress progress{.done = static_cast<size_t>(epoch + 1), .all = static_cast<size_t>(recipe.epochs)};
    const NetErrors training = sums.of(train), validated = net_errors(net, validation);
    progress.training_error = training.mape_percent;
    progress.validation_error = validation.size() > 0 ? validated.mape_percent : progress.training_error;
    const bool last_counts = validation.size() == 0 && std::isfinite(progress.training_error);
    if (progress.validation_error < best_error || last_counts) {
      best_error = progress.validation_error;
      best_epoch = progress.done;
      best = net.weights().clone();
    }
    if (validation.size() > 0 && best_epoch > 0) {
      progress.best_error = best_error;
      progress.best = best_epoch;
    }
    request.report(progress);
    if (request.checkpoint.empty()) continue;
    epochs.add(epoch + 1, rate, {training, validated, net_errors(net, watched)});
    write_file(request.checkpoint.string() + ".epochs.csv", epochs.csv());
  }
  if (!best.defined()) {
    throw Error(request.stop() ? "stopped before the end of the first epoch"
                               : "training gave no finite numbers; a smaller --set rate may");
  }
  const torch::NoGradGuard no_gradients;
  net.weights().copy_(best);
}

}  // namespace raceline::train
