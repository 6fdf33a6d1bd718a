// The networks of the zoo, one function each. Their papers are named in zoo.cpp.
#pragma once

namespace raceline {

class NetBuilder;

// nets_plain.cpp
void build_lenet5(NetBuilder& net);
void build_lenet5_caffe(NetBuilder& net);
void build_alexnet(NetBuilder& net);
void build_alexnet_one_tower(NetBuilder& net);
void build_squeezenet(NetBuilder& net);
void build_vgg16(NetBuilder& net);
void build_vgg19(NetBuilder& net);
// nets_mobile.cpp
void build_mobilenet_v1(NetBuilder& net);
void build_mobilenet_v1_ssd(NetBuilder& net);
void build_mobilenet_v2(NetBuilder& net);
void build_mobilefacenet(NetBuilder& net);
void build_shufflenet_v2(NetBuilder& net);
void build_efficientnet_b0(NetBuilder& net);
// nets_residual.cpp
void build_resnet18(NetBuilder& net);
void build_resnet32(NetBuilder& net);
void build_resnet50(NetBuilder& net);
// nets_branched.cpp
void build_googlenet(NetBuilder& net);
void build_inception_v3(NetBuilder& net);
void build_densenet121(NetBuilder& net);
void build_unet(NetBuilder& net);

}  // namespace raceline
