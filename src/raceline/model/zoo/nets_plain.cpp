// Networks of convolutions and pooling in a row, most of them from before batch-norm.
#include "raceline/model/zoo/net_builder.h"
#include "raceline/model/zoo/nets.h"

namespace raceline {
namespace {

/// Squeeze to few channels, expand by 1x1 and 3x3 side by side.
Feature fire(NetBuilder& net, const Feature& x, int64_t squeeze, int64_t expand) {
  const Feature squeezed = net.conv_relu(x, squeeze, {1, 1, 0});
  return net.concat({net.conv_relu(squeezed, expand, {1, 1, 0}), net.conv_relu(squeezed, expand, {3, 1, 1})});
}

/// Stages of 3x3 convolutions, each halved by pooling, then three dense layers.
void build_vgg(NetBuilder& net, const int (&depths)[5]) {
  Feature x = net.input();
  const int64_t widths[] = {64, 128, 256, 512, 512};
  for (int stage = 0; stage < 5; ++stage) {
    for (int layer = 0; layer < depths[stage]; ++layer) x = net.conv_relu(x, widths[stage], {3, 1, 1});
    x = net.max_pool(x, {2, 2, 0});
  }
  x = net.dropout(net.relu(net.dense(net.flatten(x), 4096)));
  x = net.dropout(net.relu(net.dense(x, 4096)));
  net.output(net.softmax(net.dense(x, 1000)));
}

}  // namespace

void build_lenet5(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_relu(net.input(), 6, {5, 1, 2}), {2, 2, 0});
  x = net.max_pool(net.conv_relu(x, 16, {5, 1, 0}), {2, 2, 0});
  x = net.relu(net.dense(net.flatten(x), 120));
  x = net.relu(net.dense(x, 84));
  net.output(net.softmax(net.dense(x, 10)));
}

void build_lenet5_caffe(NetBuilder& net) {
  Feature x = net.max_pool(net.conv(net.input(), 20, {5, 1, 0}), {2, 2, 0});
  x = net.max_pool(net.conv(x, 50, {5, 1, 0}), {2, 2, 0});
  x = net.relu(net.dense(net.flatten(x), 500));
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

void build_alexnet_one_tower(NetBuilder& net) {
  Feature x = net.max_pool(net.conv_relu(net.input(), 64, {11, 4, 2}), {3, 2, 0});
  x = net.max_pool(net.conv_relu(x, 192, {5, 1, 2}), {3, 2, 0});
  x = net.conv_relu(x, 384, {3, 1, 1});
  x = net.conv_relu(x, 256, {3, 1, 1});
  x = net.max_pool(net.conv_relu(x, 256, {3, 1, 1}), {3, 2, 0});
  x = net.relu(net.dense(net.dropout(net.flatten(x)), 4096));
  x = net.relu(net.dense(net.dropout(x), 4096));
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

void build_vgg16(NetBuilder& net) {
  build_vgg(net, {2, 2, 3, 3, 3});
}
void build_vgg19(NetBuilder& net) {
  build_vgg(net, {2, 2, 4, 4, 4});
}

}  // namespace raceline
