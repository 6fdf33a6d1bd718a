// A net of a predictor: one list of layers, which libtorch trains and which is written as ONNX.
#pragma once
#include <string>
#include <vector>

#include <torch/utils.h>

#include "raceline/model/onnx_writer.h"

namespace raceline::train {

/// Layers are added one behind the other. A convolution sees the rows' numbers as a sequence with one
/// channel, has kernel 3, stride 1 and as many places out as in.
class Net {
 public:
  explicit Net(int64_t width) : width_(width), features_(width) {}

  Net& conv(int64_t filters);
  Net& dense(int64_t neurons, bool bias = true);
  Net& relu();
  Net& dropout(double share);
  /// What lies between is added to what went in.
  Net& begin_residual();
  Net& end_residual();

  /// Allocates the weights and draws them: uniform as Glorot and Bengio have it, no bias. Once, at the end.
  void initialise(torch::Generator& generator);
  /// A number for each row. With a generator as in training, that is with dropout.
  torch::Tensor forward(const torch::Tensor& rows, torch::Generator* generator = nullptr) const;

  /// All weights, as one vector; their gradients, which backward() adds to; 1 where a weight counts in L2 and
  /// 0 for a bias.
  torch::Tensor& weights() { return weights_; }
  torch::Tensor& gradients() { return gradients_; }
  const torch::Tensor& decays() const { return decays_; }

  /// The bytes of an ONNX model: a batch of rows in, a number for each out; without dropout.
  std::string onnx(std::string_view name) const;

 private:
  enum class Kind : uint8_t { conv, dense, relu, dropout, begin_residual, end_residual };
  struct Layer {
    Kind kind;
    int64_t in = 0, out = 0;
    double share = 0;  ///< of dropout
    bool has_bias = false, flatten = false;
    torch::Tensor weight, bias;
  };
  bool is_sequence() const { return !layers_.empty() && layers_.front().kind == Kind::conv; }
  void write(const Layer& layer, size_t index, std::string& now, std::string& kept, OnnxWriter& writer) const;

  int64_t width_, features_;
  int64_t channels_ = 0;  ///< 0: flat
  std::vector<Layer> layers_;
  torch::Tensor weights_, gradients_, decays_;
};

}  // namespace raceline::train
