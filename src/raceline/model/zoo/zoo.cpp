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
    {"lenet5", "LeNet-5 (LeCun 1998), ReLU, max-pooling, three dense layers", {1, 1, 28, 28}, build_lenet5},
    {"alexnet", "AlexNet (Krizhevsky 2012), two groups, LRN", {1, 3, 227, 227}, build_alexnet},
    {"squeezenet", "SqueezeNet 1.1 (Iandola 2016)", {1, 3, 224, 224}, build_squeezenet},
    {"mobilenet_v1", "MobileNet v1 1.0 (Howard 2017), batch-norm", {1, 3, 224, 224}, build_mobilenet_v1},
    {"resnet18", "ResNet-18 (He 2015), batch-norm", {1, 3, 224, 224}, build_resnet18},
    {"googlenet",
     "GoogLeNet (Szegedy 2014), LRN, without the auxiliary heads",
     {1, 3, 224, 224},
     build_googlenet},
    {"vgg16", "VGG-16 (Simonyan 2014)", {1, 3, 224, 224}, build_vgg16},
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
