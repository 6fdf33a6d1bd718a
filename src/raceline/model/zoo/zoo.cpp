#include "raceline/model/zoo/zoo.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/model/zoo/net_builder.h"
#include "raceline/model/zoo/nets.h"

namespace raceline {
namespace {

constexpr int opset = 13;

const ZooNet nets[] = {
    {"lenet5",
     "LeNet-5, ReLU, max-pooling, dense layers of 120, 84 and 10",
     "LeCun 1998; PerfNetRT, figure 2",
     {1, 1, 28, 28},
     build_lenet5},
    {"lenet5_caffe",
     "LeNet-5 as Caffe has it: 20 and 50 channels, dense layers of 500 and 10",
     "LeCun 1998",
     {1, 1, 28, 28},
     build_lenet5_caffe},
    {"alexnet", "AlexNet, two groups, LRN", "Krizhevsky 2012", {1, 3, 227, 227}, build_alexnet},
    {"alexnet_one_tower",
     "AlexNet in one tower, no groups, no LRN",
     "Krizhevsky 2014, arXiv:1404.5997",
     {1, 3, 224, 224},
     build_alexnet_one_tower},
    {"squeezenet", "SqueezeNet 1.1", "Iandola 2016, arXiv:1602.07360", {1, 3, 224, 224}, build_squeezenet},
    {"vgg16", "VGG-16", "Simonyan 2014, arXiv:1409.1556", {1, 3, 224, 224}, build_vgg16},
    {"vgg19", "VGG-19", "Simonyan 2014, arXiv:1409.1556", {1, 3, 224, 224}, build_vgg19},
    {"googlenet",
     "GoogLeNet, LRN, without the auxiliary heads",
     "Szegedy 2014, arXiv:1409.4842",
     {1, 3, 224, 224},
     build_googlenet},
    {"inception_v3",
     "Inception v3, without the auxiliary head",
     "Szegedy 2015, arXiv:1512.00567",
     {1, 3, 299, 299},
     build_inception_v3},
    {"resnet18",
     "ResNet-18, projection shortcuts (option B)",
     "He 2015, arXiv:1512.03385",
     {1, 3, 224, 224},
     build_resnet18},
    {"resnet32",
     "ResNet-32 for CIFAR-10, shortcuts without weights (option A)",
     "He 2015, arXiv:1512.03385",
     {1, 3, 32, 32},
     build_resnet32},
    {"resnet50",
     "ResNet-50 v1.5: the 3x3 convolution has the stride",
     "He 2015, arXiv:1512.03385",
     {1, 3, 224, 224},
     build_resnet50},
    {"densenet121",
     "DenseNet-121, growth 32",
     "Huang 2016, arXiv:1608.06993",
     {1, 3, 224, 224},
     build_densenet121},
    {"mobilenet_v1",
     "MobileNet v1 1.0",
     "Howard 2017, arXiv:1704.04861",
     {1, 3, 224, 224},
     build_mobilenet_v1},
    {"mobilenet_v1_ssd",
     "SSD on MobileNet v1: six maps, 1917 boxes, 91 classes of COCO, raw outputs",
     "Howard 2017, arXiv:1704.04861; Liu 2015, arXiv:1512.02325",
     {1, 3, 300, 300},
     build_mobilenet_v1_ssd},
    {"mobilenet_v2",
     "MobileNet v2 1.0, ReLU6",
     "Sandler 2018, arXiv:1801.04381",
     {1, 3, 224, 224},
     build_mobilenet_v2},
    {"mobilefacenet",
     "MobileFaceNet, PReLU, embedding of 128",
     "Chen 2018, arXiv:1804.07573",
     {1, 3, 112, 112},
     build_mobilefacenet},
    {"shufflenet_v2",
     "ShuffleNet v2 1.0x",
     "Ma 2018, arXiv:1807.11164",
     {1, 3, 224, 224},
     build_shufflenet_v2},
    {"efficientnet_b0",
     "EfficientNet-B0, swish, squeeze-excite",
     "Tan 2019, arXiv:1905.11946",
     {1, 3, 224, 224},
     build_efficientnet_b0},
    {"unet",
     "U-Net, padded such that the output is of the input's size, two classes, raw outputs",
     "Ronneberger 2015, arXiv:1505.04597",
     {1, 1, 256, 256},
     build_unet},
};

}  // namespace

std::span<const ZooNet> zoo() {
  return nets;
}

ZooSize zoo_size(const ZooNet& net) {
  NetBuilder builder(nullptr, net.input, {});
  net.build(builder);
  return builder.size();
}

void write_zoo(std::string_view name, const std::filesystem::path& path, const ZooOptions& options) {
  std::vector<std::string> names;
  for (const ZooNet& net : zoo()) {
    names.emplace_back(net.name);
    if (net.name != name) continue;
    OnnxWriter writer(std::string(name), opset);
    NetBuilder builder(&writer, net.input, options);
    net.build(builder);
    writer.write(path);
    return;
  }
  throw UnsupportedError(
      fmt::format("the zoo has no network '{}'; the nearest are {}", name, join(nearest(name, names), ", ")));
}

}  // namespace raceline
