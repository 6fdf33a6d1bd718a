// Networks of depthwise convolutions, made for phones.
#include "raceline/model/zoo/net_builder.h"
#include "raceline/model/zoo/nets.h"

namespace raceline {
namespace {

constexpr double branch_gain = 0.3;

Feature depthwise_separable(NetBuilder& net, const Feature& x, int64_t channels, int64_t stride) {
  const Feature depthwise = net.conv_bn_relu(x, x.shape[1], {3, stride, 1}, x.shape[1]);
  return net.conv_bn_relu(depthwise, channels, {1, 1, 0});
}

/// MobileNet v1 up to the last layer of 512 channels, a sixteenth of the input's height and width.
Feature mobilenet_v1_body(NetBuilder& net) {
  Feature x = net.conv_bn_relu(net.input(), 32, {3, 2, 1});
  x = depthwise_separable(net, x, 64, 1);
  x = depthwise_separable(net, x, 128, 2);
  x = depthwise_separable(net, x, 128, 1);
  x = depthwise_separable(net, x, 256, 2);
  x = depthwise_separable(net, x, 256, 1);
  x = depthwise_separable(net, x, 512, 2);
  for (int repeat = 0; repeat < 5; ++repeat) x = depthwise_separable(net, x, 512, 1);
  return x;
}

/// A 1x1 convolution that predicts `values` numbers for each of a cell's boxes, as batch x boxes x values.
Feature predict(NetBuilder& net, const Feature& x, int64_t boxes, int64_t values) {
  const Feature map = net.conv(x, boxes * values, {1, 1, 0});
  return net.reshape(net.transpose(map, {0, 2, 3, 1}), {0, -1, values});
}

/// Rows of the tables that describe networks of inverted residuals.
struct Stage {
  int64_t expansion, channels, repeats, stride, kernel = 3;
};

/// MobileNet v2's block, and MobileFaceNet's with another activation: expand, filter each channel, project.
Feature inverted_residual(NetBuilder& net, const Feature& x, const Stage& stage, int64_t stride,
                          Feature (NetBuilder::*activation)(const Feature&) = &NetBuilder::relu6) {
  const bool same = stride == 1 && x.shape[1] == stage.channels;
  const int64_t wide = x.shape[1] * stage.expansion;
  Feature y = x;
  if (stage.expansion > 1) y = (net.*activation)(net.conv_bn(y, wide, {1, 1, 0}));
  y = (net.*activation)(net.conv_bn(y, wide, {3, stride, 1}, wide));
  y = net.conv_bn(y, stage.channels, {1, 1, 0}, 1, same ? branch_gain : 1);
  return same ? net.add(x, y) : y;
}

/// EfficientNet's block: expand, filter each channel, weigh the channels by what the whole image says
/// (squeeze and excite), project.
Feature mbconv(NetBuilder& net, const Feature& x, const Stage& stage, int64_t stride) {
  const bool same = stride == 1 && x.shape[1] == stage.channels;
  const int64_t wide = x.shape[1] * stage.expansion;
  Feature y = x;
  if (stage.expansion > 1) y = net.swish(net.conv_bn(y, wide, {1, 1, 0}));
  y = net.swish(net.conv_bn(y, wide, {stage.kernel, stride, stage.kernel / 2}, wide));
  const Feature squeezed = net.swish(net.conv(net.global_average_pool(y), x.shape[1] / 4, {1, 1, 0}));
  y = net.mul(y, net.sigmoid(net.conv(squeezed, wide, {1, 1, 0})));
  y = net.conv_bn(y, stage.channels, {1, 1, 0}, 1, same ? branch_gain : 1);
  return same ? net.add(x, y) : y;
}

/// Two groups of channels, dealt out one by one.
Feature channel_shuffle(NetBuilder& net, const Feature& x) {
  const Shape shape = x.shape;
  const Feature grouped = net.reshape(x, {0, 2, shape[1] / 2, shape[2], shape[3]});
  return net.reshape(net.transpose(grouped, {0, 2, 1, 3, 4}), {0, shape[1], shape[2], shape[3]});
}

/// ShuffleNet v2's unit that keeps the shape: half of the channels pass.
Feature shuffle_unit(NetBuilder& net, const Feature& x) {
  const std::vector<Feature> halves = net.split(x, 2);
  const int64_t half = halves[0].shape[1];
  Feature y = net.conv_bn_relu(halves[1], half, {1, 1, 0});
  y = net.conv_bn_relu(net.conv_bn(y, half, {3, 1, 1}, half), half, {1, 1, 0});
  return channel_shuffle(net, net.concat({halves[0], y}));
}

/// The one that halves height and width: both branches see all channels.
Feature shuffle_unit_down(NetBuilder& net, const Feature& x, int64_t channels) {
  const int64_t half = channels / 2, given = x.shape[1];
  const Feature left = net.conv_bn_relu(net.conv_bn(x, given, {3, 2, 1}, given), half, {1, 1, 0});
  Feature right = net.conv_bn_relu(x, half, {1, 1, 0});
  right = net.conv_bn_relu(net.conv_bn(right, half, {3, 2, 1}, half), half, {1, 1, 0});
  return channel_shuffle(net, net.concat({left, right}));
}

}  // namespace

void build_mobilenet_v1(NetBuilder& net) {
  Feature x = depthwise_separable(net, mobilenet_v1_body(net), 1024, 2);
  net.classify(depthwise_separable(net, x, 1024, 1), 1000);
}

void build_mobilenet_v1_ssd(NetBuilder& net) {
  constexpr int64_t classes = 91;  // COCO's numbering, with the background
  std::vector<Feature> maps{mobilenet_v1_body(net)};
  maps.push_back(depthwise_separable(net, depthwise_separable(net, maps.back(), 1024, 2), 1024, 1));
  for (const int64_t channels : {512, 256, 256, 128}) {
    const Feature narrow = net.conv_bn_relu(maps.back(), channels / 2, {1, 1, 0});
    maps.push_back(net.conv_bn_relu(narrow, channels, {3, 2, 1}));
  }
  std::vector<Feature> boxes, scores;
  for (const Feature& map : maps) {
    const int64_t count = boxes.empty() ? 3 : 6;
    boxes.push_back(predict(net, map, count, 4));
    scores.push_back(predict(net, map, count, classes));
  }
  net.output(net.concat(boxes, 1, "boxes"));
  net.output(net.concat(scores, 1, "scores"));
}

void build_mobilenet_v2(NetBuilder& net) {
  const Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                          {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  Feature x = net.relu6(net.conv_bn(net.input(), 32, {3, 2, 1}));
  for (const Stage& stage : stages) {
    x = inverted_residual(net, x, stage, stage.stride);
    for (int64_t block = 1; block < stage.repeats; ++block) x = inverted_residual(net, x, stage, 1);
  }
  net.classify(net.relu6(net.conv_bn(x, 1280, {1, 1, 0})), 1000);
}

void build_mobilefacenet(NetBuilder& net) {
  const Stage stages[] = {{2, 64, 5, 2}, {4, 128, 1, 2}, {2, 128, 6, 1}, {4, 128, 1, 2}, {2, 128, 2, 1}};
  Feature x = net.prelu(net.conv_bn(net.input(), 64, {3, 2, 1}));
  x = net.prelu(net.conv_bn(x, 64, {3, 1, 1}, 64));
  for (const Stage& stage : stages) {
    x = inverted_residual(net, x, stage, stage.stride, &NetBuilder::prelu);
    for (int64_t block = 1; block < stage.repeats; ++block)
      x = inverted_residual(net, x, stage, 1, &NetBuilder::prelu);
  }
  x = net.prelu(net.conv_bn(x, 512, {1, 1, 0}));
  // In place of global pooling: a weight for each place of each channel.
  x = net.conv_bn(x, 512, {7, 1, 0}, 512);
  net.output(net.flatten(net.conv_bn(x, 128, {1, 1, 0})));
}

void build_shufflenet_v2(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_bn_relu(net.input(), 24, {3, 2, 1}), {3, 2, 1});
  const int repeats[] = {4, 8, 4};
  const int64_t channels[] = {116, 232, 464};
  for (int stage = 0; stage < 3; ++stage) {
    x = shuffle_unit_down(net, x, channels[stage]);
    for (int unit = 1; unit < repeats[stage]; ++unit) x = shuffle_unit(net, x);
  }
  net.classify(net.conv_bn_relu(x, 1024, {1, 1, 0}), 1000);
}

void build_efficientnet_b0(NetBuilder& net) {
  const Stage stages[] = {{1, 16, 1, 1, 3},  {6, 24, 2, 2, 3},  {6, 40, 2, 2, 5}, {6, 80, 3, 2, 3},
                          {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5}, {6, 320, 1, 1, 3}};
  Feature x = net.swish(net.conv_bn(net.input(), 32, {3, 2, 1}));
  for (const Stage& stage : stages) {
    x = mbconv(net, x, stage, stage.stride);
    for (int64_t block = 1; block < stage.repeats; ++block) x = mbconv(net, x, stage, 1);
  }
  net.classify(net.swish(net.conv_bn(x, 1280, {1, 1, 0})), 1000);
}

}  // namespace raceline
