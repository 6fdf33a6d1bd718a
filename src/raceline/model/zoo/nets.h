// The networks of the zoo, one function each. Their papers are named in zoo.cpp.
#pragma once

namespace raceline {

class NetBuilder;

void build_lenet5(NetBuilder& net);
void build_alexnet(NetBuilder& net);
void build_squeezenet(NetBuilder& net);
void build_mobilenet_v1(NetBuilder& net);
void build_resnet18(NetBuilder& net);
void build_googlenet(NetBuilder& net);
void build_vgg16(NetBuilder& net);

}  // namespace raceline
