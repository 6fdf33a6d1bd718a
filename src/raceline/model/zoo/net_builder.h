// A small vocabulary to write networks in: each call adds a layer with its seeded weights.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/density.h"
#include "raceline/model/onnx_writer.h"
#include "raceline/model/zoo/zoo.h"

namespace raceline {

/// A tensor of the network being built.
struct Feature {
  std::string name;
  Shape shape;
  /// About the mean square of its elements: layers with weights scale theirs by it, such that activations
  /// neither vanish nor explode.
  double mean_square = 1;
  /// About the share of it that lies in negative elements, which a ReLU takes away.
  double negative = 0.5;
};

/// Height and width; one number stands for both.
struct Extent {
  constexpr Extent(int64_t both) : height(both), width(both) {}
  constexpr Extent(int64_t height, int64_t width) : height(height), width(width) {}
  int64_t height, width;
};

/// A window of convolution or pooling: {3, 2, 1} is 3x3, stride 2, one row and column of padding all around.
struct Window {
  Extent kernel = 1, stride = 1, pad = 0;
};

/// Adds layers to an OnnxWriter and counts their work. Without a writer it only counts.
class NetBuilder {
 public:
  NetBuilder(OnnxWriter* writer, const Shape& input, const ZooOptions& options);

  Feature input() const { return input_; }
  ZooSize size() const { return size_; }

  // Layers with weights.
  Feature conv(const Feature& x, int64_t channels, Window window, int64_t group = 1, bool bias = true);
  /// Up-sampling, with bias: window.stride times as high and wide for a kernel as large as the stride.
  Feature conv_transpose(const Feature& x, int64_t channels, Window window);
  /// Fully connected, with bias.
  Feature dense(const Feature& x, int64_t outputs);
  /// gain: the mean of the scale. Small at the end of a residual branch, since sums of branches grow.
  Feature batch_norm(const Feature& x, double gain = 1);
  /// A slope for each channel.
  Feature prelu(const Feature& x);

  // Functions of one feature or two.
  Feature relu(const Feature& x);
  Feature relu6(const Feature& x);
  Feature sigmoid(const Feature& x);
  /// x * sigmoid(x), as the two nodes that exporters write.
  Feature swish(const Feature& x);
  Feature softmax(const Feature& x);
  Feature lrn(const Feature& x, int64_t size, float alpha, float beta, float k);
  Feature dropout(const Feature& x);
  Feature add(const Feature& a, const Feature& b);
  /// b is of a's shape, or of one that broadcasts to it.
  Feature mul(const Feature& a, const Feature& b);

  // Pooling.
  Feature max_pool(const Feature& x, Window window, bool ceil = false);
  Feature average_pool(const Feature& x, Window window);
  Feature global_average_pool(const Feature& x);

  // Movement.
  /// The result is named `name` if one is given.
  Feature concat(const std::vector<Feature>& parts, int64_t axis = 1, std::string_view name = {});
  /// Equal parts of the channels.
  std::vector<Feature> split(const Feature& x, int64_t parts);
  /// 0 keeps a dimension, -1 takes what is left, as in ONNX.
  Feature reshape(const Feature& x, const std::vector<int64_t>& dims);
  Feature transpose(const Feature& x, const std::vector<int64_t>& permutation);
  Feature flatten(const Feature& x);
  /// Every `stride`th row and column.
  Feature subsample(const Feature& x, int64_t stride);
  /// Channels of zeros before and behind.
  Feature pad_channels(const Feature& x, int64_t before, int64_t behind);
  /// Marks an output of the network.
  void output(const Feature& x);

  // The usual sequences.
  Feature conv_relu(const Feature& x, int64_t channels, Window window, int64_t group = 1);
  Feature conv_bn(const Feature& x, int64_t channels, Window window, int64_t group = 1, double gain = 1);
  Feature conv_bn_relu(const Feature& x, int64_t channels, Window window, int64_t group = 1);
  /// Global average pooling, a fully-connected layer and softmax, which becomes the output.
  void classify(const Feature& x, int64_t classes);

 private:
  /// A name for the next layer of a kind: conv1, conv2, pool1, ...
  std::string next_name(const std::string& kind);
  /// A node of one output, `result`, which gets its name here unless it has one.
  Feature emit(const std::string& kind, const char* op, const std::vector<std::string>& inputs,
               Feature result, const std::vector<OnnxAttribute>& attributes = {});
  /// A tensor of uniform elements in [low, high).
  std::string uniform(const std::string& name, const Shape& shape, double low, double high);
  /// A tensor that `make` makes when it is written.
  std::string made(const std::string& name, const Shape& shape, std::function<void(Tensor&)> fill);
  /// The same, counted as parameters.
  std::string trained(const std::string& name, const Shape& shape, double low, double high);
  /// Trained weights that make sums of `fan_in` products with elements of x have a mean square of one,
  /// pruned as the options say. `grid` tells blocks apart.
  std::string kernel(const std::string& name, const Shape& shape, const Feature& x, int64_t fan_in,
                     const WeightGrid& grid);
  std::string integers(const std::string& name, const std::vector<int64_t>& values);

  OnnxWriter* writer_;
  Feature input_;
  ZooOptions options_;
  ZooSize size_;
  std::vector<std::pair<std::string, int>> counts_;
};

}  // namespace raceline
