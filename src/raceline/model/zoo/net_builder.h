// A small vocabulary to write networks in: each call adds a layer with its seeded weights.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "raceline/model/onnx_writer.h"
#include "raceline/model/zoo/zoo.h"

namespace raceline {

/// A tensor of the network being built.
struct Feature {
  std::string name;
  Shape shape;
};

/// A window of convolution or pooling, the same along height and width.
struct Window {
  int64_t kernel = 1, stride = 1, pad = 0;
};

/// Adds layers to an OnnxWriter and counts their work. Without a writer it only counts.
class NetBuilder {
 public:
  NetBuilder(OnnxWriter* writer, const Shape& input, const ZooOptions& options);

  Feature input() const { return input_; }
  ZooSize size() const { return size_; }

  Feature conv(const Feature& x, int64_t channels, Window window, int64_t group = 1, bool bias = true);
  /// gain: the mean of the scale. Small at the end of a residual branch, since sums of branches grow.
  Feature batch_norm(const Feature& x, double gain = 1);
  Feature relu(const Feature& x);
  Feature max_pool(const Feature& x, Window window, bool ceil = false);
  Feature average_pool(const Feature& x, Window window);
  Feature global_average_pool(const Feature& x);
  Feature lrn(const Feature& x, int64_t size, float alpha, float beta, float k);
  Feature concat(const std::vector<Feature>& parts);
  Feature add(const Feature& a, const Feature& b);
  Feature dropout(const Feature& x);
  Feature flatten(const Feature& x);
  /// Fully connected, with bias.
  Feature dense(const Feature& x, int64_t outputs);
  Feature tanh(const Feature& x);
  Feature softmax(const Feature& x);
  /// Marks the network's output.
  void output(const Feature& x);

  // The usual pairs.
  Feature conv_relu(const Feature& x, int64_t channels, Window window, int64_t group = 1);
  Feature conv_bn(const Feature& x, int64_t channels, Window window, int64_t group = 1, double gain = 1);
  Feature conv_bn_relu(const Feature& x, int64_t channels, Window window, int64_t group = 1);

 private:
  /// A name for the next layer of a kind: conv1, conv2, pool1, ...
  std::string next_name(const std::string& kind);
  Feature emit(const std::string& kind, const char* op, const std::vector<std::string>& inputs,
               const Shape& shape, const std::vector<OnnxAttribute>& attributes = {});
  /// A weight tensor of uniform elements in [low, high).
  std::string weights(const std::string& name, const Shape& shape, double low, double high);
  static Shape pooled(const Shape& x, Window window, bool ceil);

  OnnxWriter* writer_;
  Feature input_;
  uint64_t seed_;
  ZooSize size_;
  std::vector<std::pair<std::string, int>> counts_;
};

}  // namespace raceline
