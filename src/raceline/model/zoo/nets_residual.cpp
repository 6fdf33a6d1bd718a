// Networks whose blocks add to what they were given.
#include "raceline/model/zoo/net_builder.h"
#include "raceline/model/zoo/nets.h"

namespace raceline {
namespace {

constexpr double branch_gain = 0.3;

/// Two 3x3 convolutions. A block that changes shape projects its input by a 1x1 convolution (option B).
Feature basic_block(NetBuilder& net, const Feature& x, int64_t channels, int64_t stride) {
  const Feature first = net.conv_bn_relu(x, channels, {3, stride, 1});
  const Feature second = net.conv_bn(first, channels, {3, 1, 1}, 1, branch_gain);
  const bool same = stride == 1 && x.shape[1] == channels;
  return net.relu(net.add(second, same ? x : net.conv_bn(x, channels, {1, stride, 0})));
}

/// The same for CIFAR-10: a block that changes shape leaves out rows and columns of its input, and fills the
/// new channels with zeros (option A).
Feature cifar_block(NetBuilder& net, const Feature& x, int64_t channels, int64_t stride) {
  const Feature first = net.conv_bn_relu(x, channels, {3, stride, 1});
  const Feature second = net.conv_bn(first, channels, {3, 1, 1}, 1, branch_gain);
  const int64_t more = (channels - x.shape[1]) / 2;
  return net.relu(net.add(second, stride == 1 ? x : net.pad_channels(net.subsample(x, stride), more, more)));
}

/// 1x1, 3x3, 1x1 to four times the channels. The stride is the 3x3 convolution's (v1.5).
Feature bottleneck(NetBuilder& net, const Feature& x, int64_t channels, int64_t stride) {
  Feature y = net.conv_bn_relu(x, channels, {1, 1, 0});
  y = net.conv_bn_relu(y, channels, {3, stride, 1});
  y = net.conv_bn(y, 4 * channels, {1, 1, 0}, 1, branch_gain);
  const bool same = stride == 1 && x.shape[1] == 4 * channels;
  return net.relu(net.add(y, same ? x : net.conv_bn(x, 4 * channels, {1, stride, 0})));
}

}  // namespace

void build_resnet18(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_bn_relu(net.input(), 64, {7, 2, 3}), {3, 2, 1});
  for (const int64_t channels : {64, 128, 256, 512}) {
    x = basic_block(net, x, channels, channels == 64 ? 1 : 2);
    x = basic_block(net, x, channels, 1);
  }
  net.classify(x, 1000);
}

void build_resnet32(NetBuilder& net) {
  Feature x = net.conv_bn_relu(net.input(), 16, {3, 1, 1});
  for (const int64_t channels : {16, 32, 64}) {
    x = cifar_block(net, x, channels, channels == 16 ? 1 : 2);
    for (int block = 1; block < 5; ++block) x = cifar_block(net, x, channels, 1);
  }
  net.classify(x, 10);
}

void build_resnet50(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_bn_relu(net.input(), 64, {7, 2, 3}), {3, 2, 1});
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t channels = int64_t{64} << stage;
    x = bottleneck(net, x, channels, stage == 0 ? 1 : 2);
    for (int block = 1; block < blocks[stage]; ++block) x = bottleneck(net, x, channels, 1);
  }
  net.classify(x, 1000);
}

}  // namespace raceline
