// Networks that concatenate: branches of a module, all layers before (DenseNet), a path and its skip (U-Net).
#include "raceline/model/zoo/net_builder.h"
#include "raceline/model/zoo/nets.h"

namespace raceline {
namespace {

/// Channels of a module of GoogLeNet: 1x1, 3x3 after its reduction, 5x5 after its, after pooling.
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

// The modules of Inception v3, named by the figures of its paper. All convolutions carry batch-norm and ReLU.

constexpr Window one_by_one{1, 1, 0}, three_by_three{3, 1, 1}, halving{3, 2, 0};
constexpr Window one_by_seven{{1, 7}, 1, {0, 3}}, seven_by_one{{7, 1}, 1, {3, 0}};
constexpr Window one_by_three{{1, 3}, 1, {0, 1}}, three_by_one{{3, 1}, 1, {1, 0}};

/// Figure 5: 5x5 as two 3x3, and what the released network keeps as 5x5.
Feature module_35(NetBuilder& net, const Feature& x, int64_t pool_channels) {
  const Feature one = net.conv_bn_relu(x, 64, one_by_one);
  const Feature five = net.conv_bn_relu(net.conv_bn_relu(x, 48, one_by_one), 64, {5, 1, 2});
  Feature deep = net.conv_bn_relu(net.conv_bn_relu(x, 64, one_by_one), 96, three_by_three);
  deep = net.conv_bn_relu(deep, 96, three_by_three);
  const Feature pool = net.conv_bn_relu(net.average_pool(x, three_by_three), pool_channels, one_by_one);
  return net.concat({one, five, deep, pool});
}

/// Figure 10: to half the height and width.
Feature reduce_35(NetBuilder& net, const Feature& x) {
  const Feature three = net.conv_bn_relu(x, 384, halving);
  Feature deep = net.conv_bn_relu(net.conv_bn_relu(x, 64, one_by_one), 96, three_by_three);
  deep = net.conv_bn_relu(deep, 96, halving);
  return net.concat({three, deep, net.max_pool(x, halving)});
}

/// Figure 6: 7x7 as 1x7 and 7x1.
Feature module_17(NetBuilder& net, const Feature& x, int64_t channels) {
  const Feature one = net.conv_bn_relu(x, 192, one_by_one);
  Feature seven = net.conv_bn_relu(net.conv_bn_relu(x, channels, one_by_one), channels, one_by_seven);
  seven = net.conv_bn_relu(seven, 192, seven_by_one);
  Feature deep = net.conv_bn_relu(net.conv_bn_relu(x, channels, one_by_one), channels, seven_by_one);
  deep = net.conv_bn_relu(net.conv_bn_relu(deep, channels, one_by_seven), channels, seven_by_one);
  deep = net.conv_bn_relu(deep, 192, one_by_seven);
  const Feature pool = net.conv_bn_relu(net.average_pool(x, three_by_three), 192, one_by_one);
  return net.concat({one, seven, deep, pool});
}

Feature reduce_17(NetBuilder& net, const Feature& x) {
  const Feature three = net.conv_bn_relu(net.conv_bn_relu(x, 192, one_by_one), 320, halving);
  Feature seven = net.conv_bn_relu(net.conv_bn_relu(x, 192, one_by_one), 192, one_by_seven);
  seven = net.conv_bn_relu(net.conv_bn_relu(seven, 192, seven_by_one), 192, halving);
  return net.concat({three, seven, net.max_pool(x, halving)});
}

/// Figure 7: 1x3 and 3x1 side by side.
Feature module_8(NetBuilder& net, const Feature& x) {
  const auto both = [&](const Feature& from) {
    return net.concat({net.conv_bn_relu(from, 384, one_by_three), net.conv_bn_relu(from, 384, three_by_one)});
  };
  const Feature one = net.conv_bn_relu(x, 320, one_by_one);
  const Feature three = both(net.conv_bn_relu(x, 384, one_by_one));
  const Feature deep = both(net.conv_bn_relu(net.conv_bn_relu(x, 448, one_by_one), 384, three_by_three));
  const Feature pool = net.conv_bn_relu(net.average_pool(x, three_by_three), 192, one_by_one);
  return net.concat({one, three, deep, pool});
}

/// Batch-norm and ReLU before each convolution; `growth` channels join those given.
Feature dense_layer(NetBuilder& net, const Feature& x, int64_t growth) {
  const Feature narrow = net.conv(net.relu(net.batch_norm(x)), 4 * growth, {1, 1, 0}, 1, false);
  return net.concat({x, net.conv(net.relu(net.batch_norm(narrow)), growth, {3, 1, 1}, 1, false)});
}

}  // namespace

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

void build_inception_v3(NetBuilder& net) {
  Feature x = net.conv_bn_relu(net.input(), 32, halving);
  x = net.conv_bn_relu(x, 32, {3, 1, 0});
  x = net.max_pool(net.conv_bn_relu(x, 64, three_by_three), halving);
  x = net.conv_bn_relu(x, 80, one_by_one);
  x = net.max_pool(net.conv_bn_relu(x, 192, {3, 1, 0}), halving);
  for (const int64_t pool_channels : {32, 64, 64}) x = module_35(net, x, pool_channels);
  x = reduce_35(net, x);
  for (const int64_t channels : {128, 160, 160, 192}) x = module_17(net, x, channels);
  x = reduce_17(net, x);
  x = module_8(net, module_8(net, x));
  x = net.flatten(net.dropout(net.global_average_pool(x)));
  net.output(net.softmax(net.dense(x, 1000)));
}

void build_densenet121(NetBuilder& net) {
  constexpr int64_t growth = 32;
  const int layers[] = {6, 12, 24, 16};
  Feature x = net.max_pool(net.conv_bn_relu(net.input(), 64, {7, 2, 3}), {3, 2, 1});
  for (int block = 0; block < 4; ++block) {
    if (block > 0) {
      x = net.conv(net.relu(net.batch_norm(x)), x.shape[1] / 2, {1, 1, 0}, 1, false);
      x = net.average_pool(x, {2, 2, 0});
    }
    for (int layer = 0; layer < layers[block]; ++layer) x = dense_layer(net, x, growth);
  }
  net.classify(net.relu(net.batch_norm(x)), 1000);
}

void build_unet(NetBuilder& net) {
  const auto twice = [&](const Feature& x, int64_t channels) {
    return net.conv_relu(net.conv_relu(x, channels, {3, 1, 1}), channels, {3, 1, 1});
  };
  std::vector<Feature> skips;
  Feature x = net.input();
  for (const int64_t channels : {64, 128, 256, 512}) {
    skips.push_back(twice(x, channels));
    x = net.max_pool(skips.back(), {2, 2, 0});
  }
  x = twice(x, 1024);
  for (auto skip = skips.rbegin(); skip != skips.rend(); ++skip) {
    const int64_t channels = skip->shape[1];
    x = twice(net.concat({*skip, net.conv_transpose(x, channels, {2, 2, 0})}), channels);
  }
  net.output(net.conv(x, 2, {1, 1, 0}));
}

}  // namespace raceline
