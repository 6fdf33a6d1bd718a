// Support vector regression by libsvm: the papers' features as z-scores, times in units of their deviation.
#include <cmath>
#include <functional>

#include <libsvm/svm.h>

#include "raceline/base/error.h"
#include "raceline/predict/models/svr_model.h"
#include "train/trainer.h"

namespace raceline::train {
namespace {

double deviation_of(std::span<const double> values) {
  double sum = 0, squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(values.size());
  const double variance = squares / n - (sum / n) * (sum / n);
  return variance > 0 ? std::sqrt(variance) : 1;
}

/// A row as libsvm wants it, which may leave out nothing but ends with index -1.
std::vector<svm_node> nodes_of(const std::vector<double>& row) {
  std::vector<svm_node> nodes;
  for (size_t column = 0; column < row.size(); ++column)
    nodes.push_back({static_cast<int>(column), row[column]});
  nodes.push_back({-1, 0});
  return nodes;
}

struct FreeMachine {
  void operator()(svm_model* machine) const { svm_free_and_destroy_model(&machine); }
};

/// libsvm asks nobody whether to go on, but tells how far it is, and lets what is thrown then pass. Its
/// memory is lost with that, at the end of a program that was interrupted.
struct Stopped {};
thread_local const std::function<bool()>* asks_stop = nullptr;
void told(const char*) {
  if (asks_stop != nullptr && (*asks_stop)()) throw Stopped{};
}

std::unique_ptr<svm_model, FreeMachine> train_until(const svm_problem& problem,
                                                    const svm_parameter& parameter,
                                                    const std::function<bool()>& stop) {
  svm_set_print_string_function(told);
  asks_stop = &stop;
  svm_model* machine = nullptr;
  try {
    machine = svm_train(&problem, &parameter);
  } catch (const Stopped&) {
  }
  asks_stop = nullptr;
  return std::unique_ptr<svm_model, FreeMachine>(machine);
}

}  // namespace

std::unique_ptr<LatencyModel> fit_svr(const FitRequest& request) {
  auto model = std::make_unique<SvrModel>();
  Features rows = features_of(FeatureSet::raw, request.train.layers, request.hardware);
  model->z_score = ZScore::fit(rows);
  model->z_score.apply(rows);
  model->unit_us = deviation_of(request.train.us);
  const size_t width = rows.front().size();
  model->gamma = request.settings.number("gamma", 1 / static_cast<double>(width), 1e-9, 1e9);

  std::vector<std::vector<svm_node>> nodes;
  std::vector<svm_node*> pointers;
  std::vector<double> targets;
  for (size_t row = 0; row < rows.size(); ++row) {
    nodes.push_back(nodes_of(rows[row]));
    pointers.push_back(nodes.back().data());
    targets.push_back(request.train.us[row] / model->unit_us);
  }
  svm_problem problem{};
  problem.l = static_cast<int>(rows.size());
  problem.x = pointers.data();
  problem.y = targets.data();
  svm_parameter parameter{};
  parameter.svm_type = EPSILON_SVR;
  parameter.kernel_type = RBF;
  parameter.gamma = model->gamma;
  parameter.C = request.settings.number("c", 30, 1e-9, 1e9);
  parameter.p = request.settings.number("epsilon", 0.01, 0, 1e9);
  parameter.eps = 1e-3;
  parameter.cache_size = 500;
  parameter.shrinking = 1;
  if (const char* why = svm_check_parameter(&problem, &parameter)) throw Error(std::string("libsvm: ") + why);
  const auto machine = train_until(problem, parameter, request.stop);
  if (!machine) return model;
  model->offset = -machine->rho[0];
  for (int vector = 0; vector < machine->l; ++vector) {
    model->coefficients.push_back(machine->sv_coef[0][vector]);
    for (size_t column = 0; column < width; ++column)
      model->vectors.push_back(static_cast<float>(machine->SV[vector][column].value));
  }
  request.report({.done = 1, .all = 1});
  return model;
}

}  // namespace raceline::train
