// Problems shaped like known networks, with made-up costs: choices of a few libraries over shared layouts,
// all conversions possible, and fusions through private interfaces.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/search/problem.h"

namespace raceline::test {

class Net {
 public:
  explicit Net(uint64_t seed, int layouts = 6, int choices = 20)
      : random_(seed), layouts_(layouts), choices_(choices) {
    for (int i = 0; i < layouts; ++i) problem_.intern("cpu:layout" + std::to_string(i));
    problem_.layers.push_back({"input", {{"", 0, {}, {0}}}});
    problem_.tensors.push_back({{0, 0}, {}, conversions()});
  }

  /// The network's input.
  static int input() { return 0; }

  /// A layer on these layers' outputs; its index. Joins want all inputs in one layout.
  int layer(const std::vector<int>& inputs) {
    const int index = static_cast<int>(problem_.layers.size());
    ProblemLayer added{"layer" + std::to_string(index), {}};
    for (int choice = 0; choice < choices_; ++choice) {
      const int in = layout();
      const int out = inputs.size() == 1 && random_.below(4) == 0 ? layout() : in;
      added.choices.push_back({"op." + std::string(choice % 3 == 0 ? "onednn" : "native") + ".x",
                               20 * std::exp(random_.normal()),
                               std::vector<int>(inputs.size(), in),
                               {out}});
    }
    problem_.layers.push_back(std::move(added));
    for (size_t slot = 0; slot < inputs.size(); ++slot) {
      problem_.tensors[static_cast<size_t>(inputs[slot])].consumers.push_back(
          {index, static_cast<int>(slot)});
    }
    problem_.tensors.push_back({{index, 0}, {}, conversions()});
    return index;
  }

  /// A layer of one input that may be fused with its producer, whose only consumer it is.
  int fused(int producer) {
    const int index = layer({producer});
    for (int layout = 0; layout < 3; ++layout) {
      const int hidden =
          problem_.intern("cpu:layout" + std::to_string(layout) + "+deferred." + std::to_string(index));
      auto& before = problem_.layers[static_cast<size_t>(producer)].choices;
      Choice deferred = before[static_cast<size_t>(layout)];
      deferred.primitive = "deferred";
      deferred.outputs = {hidden};
      const double cost = deferred.cost_us;
      deferred.cost_us = 0;
      const int in = deferred.inputs[0];
      before.push_back(std::move(deferred));
      problem_.layers[static_cast<size_t>(index)].choices.push_back(
          {"op.onednn.fused", cost + 1, {hidden}, {in}});
    }
    return index;
  }

  SelectionProblem problem() const { return problem_; }

 private:
  int layout() { return static_cast<int>(random_.below(layouts_)); }

  std::vector<Conversion> conversions() {
    std::vector<Conversion> all;
    const double size = 4 * std::exp(random_.normal());
    for (int from = 0; from < layouts_; ++from) {
      for (int to = 0; to < layouts_; ++to) {
        if (from != to) all.push_back({from, to, size * random_.uniform(0.5, 1.5)});
      }
    }
    return all;
  }

  SelectionProblem problem_;
  Random random_;
  int layouts_, choices_;
};

inline Net chain_like(uint64_t seed, int length) {
  Net net(seed);
  int last = Net::input();
  for (int i = 0; i < length; ++i) last = i % 3 == 1 ? net.fused(last) : net.layer({last});
  return net;
}

/// Nine modules of four branches and a concatenation.
inline Net googlenet_like(uint64_t seed) {
  Net net(seed);
  int last = net.layer({net.layer({net.layer({Net::input()})})});
  for (int module = 0; module < 9; ++module) {
    const int a = net.fused(net.layer({last}));
    const int b = net.fused(net.layer({net.fused(net.layer({last}))}));
    const int c = net.fused(net.layer({net.fused(net.layer({last}))}));
    const int d = net.fused(net.layer({net.layer({last})}));
    last = net.layer({a, b, c, d});
  }
  net.layer({last});
  return net;
}

/// Sixteen bottleneck blocks; four of them with a convolution on the shortcut.
inline Net resnet_like(uint64_t seed) {
  Net net(seed);
  int last = net.fused(net.layer({Net::input()}));
  for (int block = 0; block < 16; ++block) {
    const int main = net.layer({net.fused(net.layer({net.fused(net.layer({last}))}))});
    const int shortcut = block % 4 == 0 ? net.layer({last}) : last;
    last = net.fused(net.layer({main, shortcut}));
  }
  net.layer({last});
  return net;
}

/// Down, and up again with a connection across at every level.
inline Net unet_like(uint64_t seed) {
  Net net(seed);
  std::vector<int> across;
  int last = Net::input();
  for (int level = 0; level < 5; ++level) {
    last = net.fused(net.layer({net.fused(net.layer({last}))}));
    across.push_back(last);
    last = net.layer({last});
  }
  for (int level = 5; level-- > 0;) {
    last = net.layer({net.layer({last}), across[static_cast<size_t>(level)]});
    last = net.fused(net.layer({net.fused(net.layer({last}))}));
  }
  return net;
}

/// A chain from which six levels feed two heads each; the heads meet in two wide concatenations.
inline Net ssd_like(uint64_t seed) {
  Net net(seed);
  int last = Net::input();
  std::vector<int> boxes, scores;
  for (int level = 0; level < 6; ++level) {
    for (int i = 0; i < 5; ++i) last = net.fused(net.layer({last}));
    boxes.push_back(net.layer({net.layer({last})}));
    scores.push_back(net.layer({net.layer({last})}));
  }
  net.layer({net.layer(boxes), net.layer(scores)});
  return net;
}

/// Blocks in which every concatenation takes all outputs before it: wide.
inline Net densenet_like(uint64_t seed, int blocks, int layers) {
  Net net(seed, 4, 12);
  int last = net.layer({Net::input()});
  for (int block = 0; block < blocks; ++block) {
    std::vector<int> outputs{last};
    for (int i = 0; i < layers; ++i) {
      outputs.push_back(net.layer({net.layer({outputs.size() == 1 ? last : net.layer(outputs)})}));
    }
    last = net.layer({net.layer(outputs)});
  }
  return net;
}

}  // namespace raceline::test
