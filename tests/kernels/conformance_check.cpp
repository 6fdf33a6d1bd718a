#include "tests/kernels/conformance_check.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/primitive/placement.h"
#include "raceline/profile/accuracy.h"
#include "raceline/profile/error_bound.h"
#include "raceline/profile/operands.h"

namespace raceline {
namespace {

constexpr size_t guard_bytes = 64;
constexpr std::byte guard{0xa5};

/// Memory between two guards, on any device; what is not the host's is looked at in a mirror.
class GuardedBuffer {
 public:
  GuardedBuffer(Device& device, size_t bytes) : bytes_(bytes), buffer_(device, bytes + 2 * guard_bytes) {
    if (device.id() != DeviceId{}) {
      mirror_.resize(buffer_.bytes());
      queue_ = device.make_queue(1);
    }
    std::memset(whole(), static_cast<int>(guard), buffer_.bytes());
    push();
  }
  Memory memory() const { return buffer_.memory().at(guard_bytes); }
  std::span<std::byte> content() { return {whole() + guard_bytes, bytes_}; }
  /// Spoils the content: 0xff bytes are NaN in every float type.
  void spoil() {
    std::memset(content().data(), 0xff, bytes_);
    push();
  }
  void fill(const Tensor& tensor) {
    std::memcpy(content().data(), tensor.bytes().data(), bytes_);
    push();
  }
  /// Brings the mirror to what the device holds.
  void pull() { copy(mirror_memory(), buffer_.memory()); }
  bool guards_hold() {
    const auto intact = [](const std::byte* at) {
      return std::all_of(at, at + guard_bytes, [](std::byte byte) { return byte == guard; });
    };
    return intact(whole()) && intact(whole() + guard_bytes + bytes_);
  }

 private:
  std::byte* whole() { return queue_ ? mirror_.data() : buffer_.memory().host(); }
  Memory mirror_memory() { return {{}, mirror_.data(), 0}; }
  void push() { copy(buffer_.memory(), mirror_memory()); }
  void copy(Memory to, Memory from) {
    if (!queue_) return;
    const Status copied = queue_->copy(to, from, buffer_.bytes());
    const Status finished = queue_->wait();
    if (!copied.is_ok() || !finished.is_ok()) throw IoError("a copy to or from the device failed");
  }

  size_t bytes_;
  Buffer buffer_;
  std::vector<std::byte> mirror_;
  std::unique_ptr<Queue> queue_;
};

bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

Tensor copy_of(const Tensor& tensor) {
  Tensor copy(tensor.desc());
  std::memcpy(copy.bytes().data(), tensor.bytes().data(), tensor.bytes().size());
  return copy;
}

/// One primitive on one layer. Each step returns what is wrong, or an empty text.
class Trial {
 public:
  Trial(const Primitive& primitive, const LayerDesc& layer, Devices devices, std::span<const Tensor> operands,
        const Expected& expected, int threads)
      : primitive_(primitive),
        layer_(layer),
        device_(devices.at(primitive.info().processor)),
        from_(devices.at(device_of_inputs(primitive, layer))),
        to_(devices.at(device_of_outputs(primitive, layer))),
        host_(devices.host()),
        operands_(operands),
        expected_(expected),
        layouts_(primitive.layouts(layer)),
        queue_(device_.make_queue(threads)),
        workspace_(device_, primitive.workspace_bytes(layer, queue_->threads())),
        inputs_(operands.size()) {
    queue_->bind();
  }

  std::string run_all() {
    if (std::string why = check_layouts(); !why.empty()) return why;
    prepare();
    const Sharing sharing = primitive_.sharing(layer_);
    // A view need not be able to copy, but for the reference, which has to give outputs of their own.
    const bool apart = sharing != Sharing::view || primitive_.info().library == "reference";
    if (apart) {
      if (std::string why = check_apart(); !why.empty()) return why;
    }
    if (sharing == Sharing::gathered) {
      std::string why = check_gathered();
      return why.empty() ? why : "gathered: " + why;
    }
    if (sharing == Sharing::none || layer_.inputs[0].constant) return {};
    std::string why = check_shared(sharing);
    return why.empty() ? why : (sharing == Sharing::view ? "as a view: " : "in place: ") + why;
  }

 private:
  std::string check_layouts() const {
    if (layouts_.inputs.size() != layer_.inputs.size() || layouts_.outputs.size() != layer_.outputs.size()) {
      return "layouts() names another number of operands or outputs than the layer has";
    }
    for (size_t i = 0; i < layer_.inputs.size(); ++i) {
      const OperandDesc& operand = layer_.inputs[i];
      if (!operand.present || operand.constant) continue;
      if (!exists_for(layouts_.inputs[i], operand.desc.shape)) {
        return fmt::format("operand {} in {}, which does not exist for it", i, to_string(layouts_.inputs[i]));
      }
    }
    for (size_t slot = 0; slot < layer_.outputs.size(); ++slot) {
      if (!exists_for(layouts_.outputs[slot], layer_.outputs[slot].shape)) {
        return fmt::format("output {} in {}, which does not exist for it", slot,
                           to_string(layouts_.outputs[slot]));
      }
    }
    if (layer_.op != OpKind::reorder) return {};
    const ReorderParams& params = layer_.as<ReorderParams>();
    const bool fits = layouts_.inputs[0] == params.from.layout && layouts_.outputs[0] == params.to.layout;
    return fits ? "" : "a reorder between other layouts than the layer's";
  }

  void prepare() {
    std::vector<TensorView> constants(operands_.size());
    std::vector<Tensor> originals(operands_.size());
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (!operands_[i] || !layer_.inputs[i].constant) continue;
      originals[i] = copy_of(operands_[i]);
      constants[i] = originals[i].view();
    }
    kernel_ = primitive_.prepare(layer_, {constants, device_, queue_->threads()});
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (!operands_[i]) {
        buffers_.emplace_back(host_, 0);
        sources_.emplace_back();
        continue;
      }
      const bool constant = layer_.inputs[i].constant;
      sources_.push_back(with_layout(operands_[i].view(), constant ? Layout::nchw : layouts_.inputs[i]));
      buffers_.emplace_back(constant ? host_ : from_, sources_[i].bytes().size());
      if (constant && !kernel_->reads_constant(i)) continue;
      inputs_[i] = {sources_[i].desc(), buffers_[i].memory()};
    }
    // The originals end here: a kernel that still points into them is found out by the sanitizer, or by this.
    for (const Tensor& original : originals) {
      if (original) std::memset(original.bytes().data(), 0xff, original.bytes().size());
    }
    for (size_t slot = 0; slot < layer_.outputs.size(); ++slot) {
      const TensorDesc desc = layer_.outputs[slot].with(layouts_.outputs[slot]);
      outputs_.emplace_back(to_, desc.bytes());
      views_.push_back({desc, outputs_[slot].memory()});
    }
  }

  /// Runs on fresh operands, and spoilt outputs and workspace. `shares`: the output lies over operand 0.
  std::string run_once(std::span<const TensorView> views, bool shares) {
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (operands_[i]) buffers_[i].fill(sources_[i]);
    }
    for (GuardedBuffer& output : outputs_) output.spoil();
    workspace_.spoil();
    Status status = kernel_->run({inputs_, views, workspace_.memory(), *queue_});
    if (status.is_ok()) status = queue_->wait();
    if (!status.is_ok()) return fmt::format("failed: {}", status.message());
    workspace_.pull();
    for (auto* buffers : {&outputs_, &buffers_}) {
      for (GuardedBuffer& buffer : *buffers) buffer.pull();
    }
    if (!workspace_.guards_hold()) return "wrote outside of its workspace";
    for (size_t slot = 0; slot < outputs_.size(); ++slot) {
      if (!outputs_[slot].guards_hold()) return fmt::format("wrote outside of output {}", slot);
    }
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (!buffers_[i].guards_hold()) return fmt::format("wrote outside of operand {}", i);
      if (!operands_[i] || (i == 0 && shares)) continue;
      if (!same_bytes(buffers_[i].content(), sources_[i].bytes())) {
        return fmt::format("changed operand {}", i);
      }
    }
    return {};
  }

  /// The view in the host's memory: of the buffer that it lies in.
  TensorView on_host(TensorView view) {
    for (auto* buffers : {&outputs_, &buffers_}) {
      for (GuardedBuffer& buffer : *buffers) {
        if (buffer.memory() == view.memory) return {view.desc, {{}, buffer.content().data(), 0}};
      }
    }
    return view;
  }

  std::string compare(std::span<const TensorView> given) {
    std::vector<TensorView> views;
    for (const TensorView& view : given) views.push_back(on_host(view));
    const CheckResult result = compare_outputs(expected_, views);
    if (!result.why.empty()) return result.why;
    const double bound = error_bound(primitive_, layer_);
    if (!(result.error <= bound)) return fmt::format("error {:.3g}, allowed {:.3g}", result.error, bound);
    for (size_t slot = 0; slot < views.size(); ++slot) {
      if (is_float(views[slot].desc.type)) continue;
      const Tensor plain = with_layout(views[slot], Layout::nchw);
      if (!same_bytes(plain.bytes(), expected_.outputs[slot].whole.bytes())) {
        return fmt::format("output {} differs from the reference", slot);
      }
    }
    return {};
  }

  std::string check_apart() {
    if (std::string why = run_once(views_, false); !why.empty()) return why;
    if (std::string why = compare(views_); !why.empty()) return why;
    std::vector<std::vector<std::byte>> first;
    for (GuardedBuffer& output : outputs_) {
      first.emplace_back(output.content().begin(), output.content().end());
    }
    if (std::string why = run_once(views_, false); !why.empty()) return "second run: " + why;
    for (size_t slot = 0; slot < outputs_.size(); ++slot) {
      if (same_bytes(first[slot], outputs_[slot].content())) continue;
      return fmt::format("output {} differs between two runs", slot);
    }
    return {};
  }

  std::string check_shared(Sharing sharing) {
    if (!inputs_[0]) return "operand 0 is absent";
    if (inputs_[0].desc.bytes() != views_[0].desc.bytes()) return "operand 0 and the output differ in size";
    std::vector<TensorView> views = views_;
    views[0].memory = inputs_[0].memory;
    if (std::string why = run_once(views, true); !why.empty()) return why;
    if (sharing == Sharing::view && !same_bytes(buffers_[0].content(), sources_[0].bytes())) {
      return "changed the memory";
    }
    return compare(views);
  }

  /// Each operand lies where it belongs in the output, which is not spoilt.
  std::string check_gathered() {
    size_t place = 0;
    for (size_t i = 0; i < operands_.size(); ++i) {
      const std::span<const std::byte> bytes = sources_[i].bytes();
      if (place + bytes.size() > views_[0].desc.bytes()) return "the operands are larger than the output";
      std::memcpy(views_[0].memory.at(place).host(), bytes.data(), bytes.size());
      inputs_[i].memory = views_[0].memory.at(place);
      place += bytes.size();
    }
    Status status = kernel_->run({inputs_, views_, workspace_.memory(), *queue_});
    if (status.is_ok()) status = queue_->wait();
    if (!status.is_ok()) return fmt::format("failed: {}", status.message());
    if (!outputs_[0].guards_hold()) return "wrote outside of the output";
    return compare(views_);
  }

  const Primitive& primitive_;
  const LayerDesc& layer_;
  Device &device_, &from_, &to_, &host_;
  std::span<const Tensor> operands_;
  const Expected& expected_;
  LayerLayouts layouts_;
  std::unique_ptr<Queue> queue_;
  GuardedBuffer workspace_;
  std::unique_ptr<const Kernel> kernel_;
  std::vector<Tensor> sources_;  ///< operands as the kernel is to see them
  std::vector<GuardedBuffer> buffers_, outputs_;
  std::vector<TensorView> inputs_, views_;
};

}  // namespace

std::string Finding::to_string() const {
  return fmt::format("{}\n    {}: {} (seed {}, {} threads)", layer, primitive, what, seed, threads);
}

void Conformance::check(const LayerDesc& layer, uint64_t seed, int threads) {
  operands_ = random_operands(layer, seed);
  expected_ = {};
  const double usual = usual_size(registry_, devices_.host(), layer, operands_);
  for (Tensor& whole : reference_outputs_f64(registry_, devices_.host(), layer, operands_)) {
    expected_.outputs.push_back({std::move(whole), {}, {}, usual});
  }
  for (const auto& primitive : registry_.all()) {
    if (primitive->info().op == layer.op && tries(*primitive))
      check_primitive(*primitive, layer, seed, threads);
  }
}

void Conformance::check_primitive(const Primitive& primitive, const LayerDesc& layer, uint64_t seed,
                                  int threads) {
  const auto report = [&](std::string what) {
    findings_.push_back({layer.key(), primitive.name(), seed, threads, std::move(what)});
  };
  if (const Support support = primitive.supports(layer); !support) {
    refusing_.insert(primitive.name());
    return;
  }
  try {
    Trial trial(primitive, layer, devices_, operands_, expected_, threads);
    if (std::string what = trial.run_all(); !what.empty()) report(std::move(what));
    exercised_.insert(primitive.name());
    ++runs_;
  } catch (const UnsupportedError&) {
    // The library refuses after all, which prepare() may say: it was not exercised.
    refusing_.insert(primitive.name());
  } catch (const Error& error) {
    report(fmt::format("threw: {}", error.what()));
  }
}

}  // namespace raceline
