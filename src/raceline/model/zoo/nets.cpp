#include "raceline/model/zoo/nets.h"

#include "raceline/model/zoo/net_builder.h"

namespace raceline {
namespace {

/// Squeeze to few channels, expand by 1x1 and 3x3 side by side.
Feature fire(NetBuilder& net, const Feature& x, int64_t squeeze, int64_t expand) {
  const Feature squeezed = net.conv_relu(x, squeeze, {1, 1, 0});
  return net.concat({net.conv_relu(squeezed, expand, {1, 1, 0}), net.conv_relu(squeezed, expand, {3, 1, 1})});
}

Feature depthwise_separable(NetBuilder& net, const Feature& x, int64_t channels, int64_t stride) {
  const Feature depthwise = net.conv_bn_relu(x, x.shape[1], {3, stride, 1}, x.shape[1]);
  return net.conv_bn_relu(depthwise, channels, {1, 1, 0});
}

Feature basic_block(NetBuilder& net, const Feature& x, int64_t channels, int64_t stride) {
  const Feature first = net.conv_bn_relu(x, channels, {3, stride, 1});
  const Feature second = net.conv_bn(first, channels, {3, 1, 1}, 1, 0.3);
  const bool same = stride == 1 && x.shape[1] == channels;
  return net.relu(net.add(second, same ? x : net.conv_bn(x, channels, {1, stride, 0})));
}

/// Channels of an inception module: 1x1, 3x3 after its reduction, 5x5 after its, after pooling.
struct Inception {
  int64_t one, reduce3, three, reduce5, five, pool;
};

Feature inception(NetBuilder& net, const Feature& x, const Inception& c) {
  const Feature one = net.conv_relu(x, c.one, {1, 1, 0});
  const Feature three = net.conv_relu(net.conv_relu(x, c.reduce3, {1, 1, 0}), c.three, {3, 1, 1});
  const Feature five = net.conv_relu(net.conv_relu(x, c.reduce5, {1, 1, 0}), c.five, {5, 1, 2});
  const Feature pool = net.conv_relu(net.max_pool(x, {3, 1, 1}), c.pool, {1, 1, 0});
  return net.concat({one, three, five, pool});
}

}  // namespace

void build_lenet5(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_relu(net.input(), 6, {5, 1, 2}), {2, 2, 0});
  x = net.max_pool(net.conv_relu(x, 16, {5, 1, 0}), {2, 2, 0});
  x = net.relu(net.dense(net.flatten(x), 120));
  x = net.relu(net.dense(x, 84));
  net.output(net.softmax(net.dense(x, 10)));
}

void build_alexnet(NetBuilder& net) {
  Feature x = net.lrn(net.conv_relu(net.input(), 96, {11, 4, 0}), 5, 1e-4f, 0.75f, 1);
  x = net.max_pool(x, {3, 2, 0});
  x = net.lrn(net.conv_relu(x, 256, {5, 1, 2}, 2), 5, 1e-4f, 0.75f, 1);
  x = net.max_pool(x, {3, 2, 0});
  x = net.conv_relu(x, 384, {3, 1, 1});
  x = net.conv_relu(x, 384, {3, 1, 1}, 2);
  x = net.max_pool(net.conv_relu(x, 256, {3, 1, 1}, 2), {3, 2, 0});
  x = net.dropout(net.relu(net.dense(net.flatten(x), 4096)));
  x = net.dropout(net.relu(net.dense(x, 4096)));
  net.output(net.softmax(net.dense(x, 1000)));
}

void build_squeezenet(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_relu(net.input(), 64, {3, 2, 0}), {3, 2, 0});
  x = fire(net, fire(net, x, 16, 64), 16, 64);
  x = net.max_pool(x, {3, 2, 0});
  x = fire(net, fire(net, x, 32, 128), 32, 128);
  x = net.max_pool(x, {3, 2, 0});
  x = fire(net, fire(net, x, 48, 192), 48, 192);
  x = fire(net, fire(net, x, 64, 256), 64, 256);
  x = net.conv_relu(net.dropout(x), 1000, {1, 1, 0});
  net.output(net.softmax(net.flatten(net.global_average_pool(x))));
}

void build_mobilenet_v1(NetBuilder& net) {
  Feature x = net.conv_bn_relu(net.input(), 32, {3, 2, 1});
  x = depthwise_separable(net, x, 64, 1);
  x = depthwise_separable(net, x, 128, 2);
  x = depthwise_separable(net, x, 128, 1);
  x = depthwise_separable(net, x, 256, 2);
  x = depthwise_separable(net, x, 256, 1);
  x = depthwise_separable(net, x, 512, 2);
  for (int repeat = 0; repeat < 5; ++repeat) x = depthwise_separable(net, x, 512, 1);
  x = depthwise_separable(net, x, 1024, 2);
  x = depthwise_separable(net, x, 1024, 1);
  net.output(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), 1000)));
}

void build_resnet18(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_bn_relu(net.input(), 64, {7, 2, 3}), {3, 2, 1});
  for (const int64_t channels : {64, 128, 256, 512}) {
    x = basic_block(net, x, channels, channels == 64 ? 1 : 2);
    x = basic_block(net, x, channels, 1);
  }
  net.output(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), 1000)));
}

void build_googlenet(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_relu(net.input(), 64, {7, 2, 3}), {3, 2, 0}, true);
  x = net.conv_relu(net.lrn(x, 5, 1e-4f, 0.75f, 1), 64, {1, 1, 0});
  x = net.lrn(net.conv_relu(x, 192, {3, 1, 1}), 5, 1e-4f, 0.75f, 1);
  x = net.max_pool(x, {3, 2, 0}, true);
  x = inception(net, x, {64, 96, 128, 16, 32, 32});
  x = inception(net, x, {128, 128, 192, 32, 96, 64});
  x = net.max_pool(x, {3, 2, 0}, true);
  x = inception(net, x, {192, 96, 208, 16, 48, 64});
  x = inception(net, x, {160, 112, 224, 24, 64, 64});
  x = inception(net, x, {128, 128, 256, 24, 64, 64});
  x = inception(net, x, {112, 144, 288, 32, 64, 64});
  x = inception(net, x, {256, 160, 320, 32, 128, 128});
  x = net.max_pool(x, {3, 2, 0}, true);
  x = inception(net, x, {256, 160, 320, 32, 128, 128});
  x = inception(net, x, {384, 192, 384, 48, 128, 128});
  x = net.flatten(net.dropout(net.global_average_pool(x)));
  net.output(net.softmax(net.dense(x, 1000)));
}

void build_vgg16(NetBuilder& net) {
  Feature x = net.input();
  const int64_t widths[] = {64, 128, 256, 512, 512};
  const int depths[] = {2, 2, 3, 3, 3};
  for (int stage = 0; stage < 5; ++stage) {
    for (int layer = 0; layer < depths[stage]; ++layer) x = net.conv_relu(x, widths[stage], {3, 1, 1});
    x = net.max_pool(x, {2, 2, 0});
  }
  x = net.dropout(net.relu(net.dense(net.flatten(x), 4096)));
  x = net.dropout(net.relu(net.dense(x, 4096)));
  net.output(net.softmax(net.dense(x, 1000)));
}

}  // namespace raceline
