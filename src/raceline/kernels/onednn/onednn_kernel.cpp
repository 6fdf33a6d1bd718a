// A primitive of the library made ready for one layer: constants packed, arguments bound once, nothing
// allocated by us when it runs.
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline::onednn {
namespace {

constexpr int64_t copy_grain = 16;     ///< floats: a cache line
constexpr int64_t copy_least = 16384;  ///< floats a thread that are worth waking one

/// An argument whose address is known when the kernel runs.
struct Binding {
  enum class Source : uint8_t { operand, output, workspace } source;
  size_t index;
  dnnl::memory memory;
};

class OnednnKernel final : public Kernel {
 public:
  OnednnKernel(const LayerDesc& layer, const Question& question, const Recipe& recipe,
               const dnnl::engine& engine, const PrepareArgs& args, Layout output)
      : engine_(engine),
        stream_(engine),
        primitive_(recipe.desc.get()),
        threads_(args.threads),
        read_(layer.inputs.size(), false) {
    for (const Argument& argument : question.arguments) add(layer, recipe, argument, args);
    if (recipe.residual == ResidualMode::binary) {
      bind(recipe.residual_id, Binding::Source::operand, layer.residual(), question.output());
    }
    if (recipe.residual == ResidualMode::sum) copied_ = layer.residual();
    if (layer.has_residual()) read_[layer.residual()] = true;
    const dnnl::memory::desc scratch = recipe.desc.scratchpad_desc();
    if (scratch.get_size() > 0) bind(DNNL_ARG_SCRATCHPAD, Binding::Source::workspace, 0, scratch);
    LayerDesc rest = layer;
    rest.epilogue.erase(rest.epilogue.begin(), rest.epilogue.begin() + static_cast<ptrdiff_t>(recipe.fused));
    rest_ = Epilogue(rest, output);
  }

  Status run(const KernelArgs& args) const noexcept override {
    const ThreadScope scope(threads_);
    try {
      for (const Binding& binding : bindings_) {
        if (!point(binding, args)) return Status::failed("oneDNN: a tensor could not be bound");
      }
      if (copied_ != 0) copy_residual(args);
      if (dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()),
                                 arguments_.data()) != dnnl_success) {
        return Status::failed("oneDNN: the primitive failed");
      }
      // The CPU's streams are in order and synchronous, so the primitive has run.
      if (!rest_.empty()) rest_.apply_all(args.outputs[0].data<float>(), rest_.residual(args), threads_);
    } catch (...) {
      return Status::failed("oneDNN: the primitive threw");
    }
    return Status::ok();
  }

  bool reads_constant(size_t operand) const override { return read_[operand]; }
  size_t packed_bytes() const override { return packed_bytes_; }

 private:
  /// Binds an argument, or packs it when it is a constant that the implementation wants otherwise.
  void add(const LayerDesc& layer, const Recipe& recipe, const Argument& argument, const PrepareArgs& args) {
    if (argument.source == Argument::Source::output) {
      return bind(argument.id, Binding::Source::output, argument.index, argument.given);
    }
    if (layer.inputs[argument.index].constant) {
      const dnnl::memory::desc wanted = recipe.desc.query_md(dnnl::query::exec_arg_md, argument.id);
      if (wanted != argument.given) return pack(argument, wanted, args);
    }
    read_[argument.index] = true;
    bind(argument.id, Binding::Source::operand, argument.index, argument.given);
  }

  void bind(int id, Binding::Source source, size_t index, const dnnl::memory::desc& desc) {
    bindings_.push_back({source, index, dnnl::memory(desc, engine_, DNNL_MEMORY_NONE)});
    arguments_.push_back({id, bindings_.back().memory.get()});
  }

  void pack(const Argument& argument, const dnnl::memory::desc& wanted, const PrepareArgs& args) {
    dnnl::memory from(argument.given, engine_, args.constants[argument.index].memory.host());
    packed_.push_back(args.pack(argument.index, wanted.get_size(), [&](Memory place) {
      dnnl::memory to(wanted, engine_, place.host());
      dnnl::reorder(from, to).execute(stream_, from, to);
      stream_.wait();
    }));
    packed_bytes_ += wanted.get_size();
    packed_memories_.emplace_back(wanted, engine_, packed_.back().memory().host());
    arguments_.push_back({argument.id, packed_memories_.back().get()});
  }

  /// Points a bound argument to its tensor. The library clears the padding of a blocked tensor whenever it is
  /// told an address, so it is told only new ones.
  static bool point(const Binding& binding, const KernelArgs& args) {
    void* address = nullptr;
    switch (binding.source) {
      case Binding::Source::operand:
        address = args.inputs[binding.index].memory.host();
        break;
      case Binding::Source::output:
        address = args.outputs[binding.index].memory.host();
        break;
      case Binding::Source::workspace:
        address = args.workspace.host();
        break;
    }
    void* before = nullptr;
    dnnl_memory_t memory = binding.memory.get();
    if (dnnl_memory_get_data_handle(memory, &before) != dnnl_success) return false;
    return before == address || dnnl_memory_set_data_handle(memory, address) == dnnl_success;
  }

  void copy_residual(const KernelArgs& args) const {
    const float* from = args.inputs[copied_].data<const float>();
    float* to = args.outputs[0].data<float>();
    parallel_slices(threads_, args.outputs[0].desc.stored_elements(), copy_grain, copy_least,
                    [&](const Slice& slice, int) {
                      std::memcpy(to + slice.first, from + slice.first,
                                  static_cast<size_t>(slice.size()) * sizeof(float));
                    });
  }

  // The library's objects are handles, so a const run() may point them elsewhere: one thread at a time runs a
  // kernel.
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::vector<Binding> bindings_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::vector<PackedBytes> packed_;
  std::vector<dnnl::memory> packed_memories_;
  size_t packed_bytes_ = 0;
  int threads_;
  size_t copied_ = 0;  ///< operand that is copied into the output first; 0 is never a residual
  std::vector<bool> read_;
  Epilogue rest_;
};

}  // namespace

std::unique_ptr<const Kernel> make_kernel(const LayerDesc& layer, const Question& question,
                                          const Recipe& recipe, const dnnl::engine& engine,
                                          const PrepareArgs& args, Layout output) {
  return std::make_unique<OnednnKernel>(layer, question, recipe, engine, args, output);
}

}  // namespace raceline::onednn
