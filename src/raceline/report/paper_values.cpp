// The papers' printed values, and nothing else. Sources: Liao et al., "PerfNetRT: Platform-Aware Performance
// Modeling for Optimized Deep Neural Networks" (tables IV and V, figure 2, section V-D); Wang et al.,
// "ResPerfNet: Deep Residual Learning for Regressional Performance Modeling of Deep Neural Networks" (tables
// 1, 2 and 5 to 9, section 6.2). Each line says paper, table, platform, approach, layer, phase, then MAPE in
// percent, RMSE and MAE in milliseconds, R2.
//
// In ResPerfNet's table 5 the text at hand has "TT77" and "6455" where pooling's and dense layers' preprocess
// MAPE stand, and in table 9 "5612"; they are read as 1.177, 6.455 and 5.612, by the digits of their columns.
#include "raceline/report/paper_values.h"

#include <algorithm>

namespace raceline {
namespace {

// clang-format off
constexpr PaperAccuracy accuracies[] = {
    // PerfNetRT, table IV.
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "conv", Phase::pre, 7.41, 1.682, 0.962, 0.99},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "conv", Phase::exe, 17.53, 0.785, 0.327, 0.96},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "conv", Phase::post, 7.0, 0.452, 0.152, 0.99},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "max_pool", Phase::pre, 8.64, 2.072, 1.133, 0.99},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "max_pool", Phase::exe, 19.68, 0.513, 0.206, 0.95},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "max_pool", Phase::post, 7.27, 0.331, 0.142, 0.99},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "dense", Phase::pre, 5.62, 0.055, 0.035, 0.95},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "dense", Phase::exe, 36.88, 0.103, 0.048, 0.95},
    {"perfnetrt", "IV", "TensorRT, GTX 1080 Ti", "perfnet", "dense", Phase::post, 19.29, 0.017, 0.013, 0.57},
    // PerfNetRT, table V.
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "conv", Phase::pre, 15.99, 1.412, 0.595, 0.99},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "conv", Phase::exe, 316.54, 1.758, 0.993, 0.84},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "conv", Phase::post, 318.73, 2.739, 1.743, 0.91},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "max_pool", Phase::pre, 10.23, 0.828, 0.546, 0.99},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "max_pool", Phase::exe, 312.78, 1.213, 0.629, 0.76},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "max_pool", Phase::post, 291.19, 2.324, 1.600, 0.90},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "dense", Phase::pre, 6.30, 0.057, 0.037, 0.95},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "dense", Phase::exe, 594.68, 0.146, 0.090, 0.91},
    {"perfnetrt", "V", "TensorRT, GTX 1080 Ti", "polynomial", "dense", Phase::post, 19.74, 0.017, 0.014, 0.56},
    // ResPerfNet, table 1.
    {"resperfnet", "1", "TensorFlow, GTX 1080 Ti", "polynomial", "conv", Phase::exe, 63.57},
    {"resperfnet", "1", "TensorFlow, GTX 1080 Ti", "svr", "conv", Phase::exe, 58.74},
    {"resperfnet", "1", "TensorFlow, GTX 1080 Ti", "xgboost", "conv", Phase::exe, 29.25},
    {"resperfnet", "1", "TensorFlow, GTX 1080 Ti", "perfnet", "conv", Phase::exe, 14.96},
    {"resperfnet", "1", "TensorFlow, GTX 1080 Ti", "resperfnet", "conv", Phase::exe, 11.75},
    {"resperfnet", "1", "TensorRT, GTX 1080 Ti", "polynomial", "conv", Phase::exe, 316.5},
    {"resperfnet", "1", "TensorRT, GTX 1080 Ti", "svr", "conv", Phase::exe, 59.94},
    {"resperfnet", "1", "TensorRT, GTX 1080 Ti", "xgboost", "conv", Phase::exe, 33.10},
    {"resperfnet", "1", "TensorRT, GTX 1080 Ti", "resperfnet", "conv", Phase::exe, 14.23},
    // ResPerfNet, table 2.
    {"resperfnet", "2", "TensorFlow, GTX 1080 Ti", "resperfnet", "conv", Phase::exe, 11.75, 0.840, 0.336},
    {"resperfnet", "2", "TensorFlow, GTX 1080 Ti", "resperfnet", "max_pool", Phase::exe, 6.221, 0.367, 0.125},
    {"resperfnet", "2", "TensorFlow, GTX 1080 Ti", "resperfnet", "dense", Phase::exe, 4.515, 0.069, 0.036},
    {"resperfnet", "2", "TensorRT, GTX 1080 Ti", "resperfnet", "conv", Phase::exe, 14.23, 0.649, 0.263},
    {"resperfnet", "2", "TensorRT, GTX 1080 Ti", "resperfnet", "max_pool", Phase::exe, 15.19, 0.497, 0.186},
    {"resperfnet", "2", "TensorRT, GTX 1080 Ti", "resperfnet", "dense", Phase::exe, 13.40, 0.094, 0.045},
    // ResPerfNet, table 5.
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "conv", Phase::pre, 1.603, 0.215, 0.126},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "conv", Phase::exe, 11.75, 0.84, 0.336},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "conv", Phase::post, 2.821, 0.097, 0.041},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "max_pool", Phase::pre, 1.177, 0.150, 0.094},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "max_pool", Phase::exe, 6.221, 0.367, 0.125},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "max_pool", Phase::post, 1.967, 0.091, 0.031},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "dense", Phase::pre, 6.455, 0.036, 0.025},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "dense", Phase::exe, 4.515, 0.069, 0.036},
    {"resperfnet", "5", "TensorFlow, GTX 1080 Ti", "resperfnet", "dense", Phase::post, 13.86, 0.011, 0.009},
    // ResPerfNet, table 6.
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "conv", Phase::pre, 1.943, 0.478, 0.271},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "conv", Phase::exe, 12.74, 5.022, 2.046},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "conv", Phase::post, 2.818, 0.105, 0.038},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "max_pool", Phase::pre, 1.511, 0.206, 0.122},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "max_pool", Phase::exe, 5.842, 0.977, 0.390},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "max_pool", Phase::post, 2.860, 0.091, 0.035},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "dense", Phase::pre, 6.691, 0.043, 0.035},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "dense", Phase::exe, 5.687, 0.429, 0.204},
    {"resperfnet", "6", "TensorFlow, Quadro P1000", "resperfnet", "dense", Phase::post, 13.61, 0.018, 0.008},
    // ResPerfNet, table 7.
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "conv", Phase::pre, 1.535, 0.536, 0.308},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "conv", Phase::exe, 12.347, 4.209, 1.671},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "conv", Phase::post, 3.132, 0.107, 0.045},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "max_pool", Phase::pre, 1.321, 0.407, 0.185},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "max_pool", Phase::exe, 4.425, 0.682, 0.234},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "max_pool", Phase::post, 2.728, 0.098, 0.034},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "dense", Phase::pre, 7.369, 0.017, 0.013},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "dense", Phase::exe, 13.39, 0.073, 0.037},
    {"resperfnet", "7", "TensorFlow, Quadro P2000", "resperfnet", "dense", Phase::post, 14.03, 0.011, 0.008},
    // ResPerfNet, table 8.
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "conv", Phase::pre, 1.247, 0.417, 0.235},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "conv", Phase::exe, 12.23, 1.553, 0.671},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "conv", Phase::post, 4.072, 0.148, 0.065},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "max_pool", Phase::pre, 1.339, 0.398, 0.205},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "max_pool", Phase::exe, 6.444, 0.527, 0.174},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "max_pool", Phase::post, 3.802, 0.131, 0.053},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "dense", Phase::pre, 5.126, 0.045, 0.035},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "dense", Phase::exe, 5.298, 0.121, 0.121},
    {"resperfnet", "8", "TensorFlow, Quadro P5000", "resperfnet", "dense", Phase::post, 18.13, 0.019, 0.019},
    // ResPerfNet, table 9.
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "conv", Phase::pre, 2.283, 0.646, 0.356},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "conv", Phase::exe, 14.23, 0.649, 0.263},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "conv", Phase::post, 4.334, 0.274, 0.089},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "max_pool", Phase::pre, 2.268, 0.689, 0.323},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "max_pool", Phase::exe, 15.19, 0.497, 0.186},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "max_pool", Phase::post, 4.001, 0.141, 0.058},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "dense", Phase::pre, 5.612, 0.035, 0.027},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "dense", Phase::exe, 13.40, 0.094, 0.045},
    {"resperfnet", "9", "TensorRT, GTX 1080 Ti", "resperfnet", "dense", Phase::post, 18.01, 0.017, 0.014},
};

constexpr PaperNetwork networks[] = {
    // PerfNetRT, section V-D: mean over batches.
    {"perfnetrt", "figure 4", "TensorRT, GTX 1080 Ti", "perfnet", "lenet5", 7.53},
    {"perfnetrt", "figure 4", "TensorRT, GTX 1080 Ti", "perfnet", "alexnet", 23.54},
    {"perfnetrt", "figure 4", "TensorRT, GTX 1080 Ti", "perfnet", "vgg16", 19.89},
    {"perfnetrt", "figure 4", "TensorRT, GTX 1080 Ti", "perfnet", "all", 18.9},
    // ResPerfNet, section 6.2: mean over LeNet, AlexNet and VGG16 and their batches.
    {"resperfnet", "figure 3", "TensorFlow, GTX 1080 Ti", "resperfnet", "all", 8.4},
    {"resperfnet", "figure 3", "TensorFlow, GTX 1080 Ti", "perfnet", "all", 24.04},
    {"resperfnet", "figure 3", "TensorRT, GTX 1080 Ti", "resperfnet", "all", 17},
};

// PerfNetRT, figure 2 and section III-B: LeNet-5, batch 1; of other layers the text names no time.
constexpr PaperStep lenet_steps[] = {
    {"pre", 0.339}, {"conv 1", 0.027}, {"max_pool 1", 0.005}, {"conv 2", 0.037}, {"post", 0.08}, {"total", 0.521},
};
// clang-format on

}  // namespace

std::span<const PaperAccuracy> paper_accuracies() {
  return accuracies;
}

const PaperAccuracy* paper_accuracy(std::string_view paper, std::string_view table, std::string_view platform,
                                    std::string_view approach, std::string_view type, Phase phase) {
  const auto* const found = std::ranges::find_if(accuracies, [&](const PaperAccuracy& each) {
    return each.paper == paper && each.table == table && (platform.empty() || each.platform == platform) &&
           each.approach == approach && each.type == type && each.phase == phase;
  });
  return found == std::end(accuracies) ? nullptr : found;
}

std::span<const PaperNetwork> paper_networks() {
  return networks;
}

std::span<const PaperStep> paper_lenet_steps() {
  return lenet_steps;
}

}  // namespace raceline
