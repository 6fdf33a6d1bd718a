// Primitives that pretend: they compute a ReLU or a reorder rightly (or not), and take the time they are told
// to.
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "raceline/base/error.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// Time that passes only when a stand-in runs, and how often each ran.
struct Pretence {
  double now_us = 0;
  std::map<std::string, int> runs;
};

enum class Behaviour : uint8_t {
  right,
  wrong_at_end,   ///< the last element is off
  skips_element,  ///< never writes the last one
  fails,
  refuses,        ///< prepare() throws
  overruns,       ///< writes one element too many
  breaks_later,   ///< right at first, fails from the sixth run on
  slow_at_first,  ///< the first run takes 20 ms more
  inexact,        ///< an error of about 1e-5, and says so
};

inline PrimitiveInfo stand_in_info(OpKind op, std::string library, Layout from, Layout to) {
  PrimitiveInfo info;
  info.op = op;
  info.library = std::move(library);
  info.algorithm = "pretend";
  info.input = from;
  info.output = to;
  return info;
}

class StandIn final : public Primitive {
 public:
  StandIn(PrimitiveInfo info, Pretence& pretence, double us, Behaviour behaviour = Behaviour::right)
      : Primitive(std::move(info)), pretence_(pretence), us_(us), single_us_(us), behaviour_(behaviour) {}
  /// On one thread it takes another time.
  void set_single_us(double us) { single_us_ = us; }

  Support supports(const LayerDesc& layer) const override {
    if (layer.op == OpKind::reorder) {
      const auto& params = layer.as<ReorderParams>();
      const bool mine = params.from.layout == info().input && params.to.layout == info().output;
      return mine ? Support::yes() : Support::no("other layouts");
    }
    const DataType type = layer.inputs[0].desc.type;
    if (type != DataType::f32 && info().library != "reference") return Support::no("f32 only");
    return Support::yes();
  }
  std::optional<double> error_bound(const LayerDesc&) const override {
    if (behaviour_ == Behaviour::inexact) return 1e-3;
    return std::nullopt;
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    if (behaviour_ == Behaviour::refuses) throw UnsupportedError("the library refuses after all");
    return std::make_unique<Run>(*this, layer.op == OpKind::reorder);
  }

 private:
  struct Run final : Kernel {
    Run(const StandIn& owner, bool reorder) : owner_(owner), reorder_(reorder) {}
    Status run(const KernelArgs& args) const noexcept override {
      const int count = ++owner_.pretence_.runs[owner_.name()];
      owner_.pretence_.now_us += args.queue.threads() == 1 ? owner_.single_us_ : owner_.us_;
      if (owner_.behaviour_ == Behaviour::slow_at_first && count == 1) owner_.pretence_.now_us += 20'000;
      if (owner_.behaviour_ == Behaviour::fails) return Status::failed("out of luck");
      if (owner_.behaviour_ == Behaviour::breaks_later && count > 5) return Status::failed("worn out");
      if (args.inputs[0].desc.type == DataType::f64) {
        compute<double>(args);
      } else {
        compute<float>(args);
      }
      return Status::ok();
    }
    template <class T>
    void compute(const KernelArgs& args) const {
      const TensorView& x = args.inputs[0];
      const TensorView& y = args.outputs[0];
      const Shape& shape = x.desc.shape;
      const int64_t last = shape.elements() - 1;
      int64_t index = 0;
      for (int64_t n = 0; n < shape[0]; ++n) {
        for (int64_t c = 0; c < shape[1]; ++c) {
          for (int64_t h = 0; h < shape[2]; ++h) {
            for (int64_t w = 0; w < shape[3]; ++w, ++index) {
              T value = x.data<T>()[element_offset(x.desc, n, c, h, w)];
              if (!reorder_) value = std::max(value, T{0});
              if (index == last && owner_.behaviour_ == Behaviour::wrong_at_end) value += 1;
              if (index == last && owner_.behaviour_ == Behaviour::inexact) value += T(2e-5);
              if (index == last && owner_.behaviour_ == Behaviour::skips_element) continue;
              y.data<T>()[element_offset(y.desc, n, c, h, w)] = value;
            }
          }
        }
      }
      if (owner_.behaviour_ == Behaviour::overruns) y.data<T>()[y.desc.stored_elements()] = T{1};
    }
    const StandIn& owner_;
    bool reorder_;
  };

  Pretence& pretence_;
  double us_, single_us_;
  Behaviour behaviour_;
};

}  // namespace raceline
