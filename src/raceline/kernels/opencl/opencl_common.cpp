#include "raceline/kernels/opencl/opencl_common.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

template <class Number>
Buffer upload_numbers(OpenClDevice& device, std::span<const Number> numbers) {
  Buffer buffer(device, numbers.size_bytes());
  const auto queue = device.make_queue(1);
  const Memory source{{}, const_cast<Number*>(numbers.data()), 0};
  const Status copied = queue->copy(buffer.memory(), source, numbers.size_bytes());
  const Status finished = queue->wait();
  for (const Status& status : {copied, finished}) {
    if (!status.is_ok()) throw DeviceError(fmt::format("{}: {}", device.name(), status.message()));
  }
  return buffer;
}

}  // namespace

const std::string_view prelude = R"(
#define AT(pointer) pointer += pointer##_at

// NaN is neither below nor above, and stays; fmin and fmax would drop it.
float16 between(float16 x, float low, float high) {
  x = select(x, (float16)low, x < (float16)low);
  return select(x, (float16)high, x > (float16)high);
}

float16 finish(float16 x, float16 residual, int adds, int function, float low, float high) {
  if (adds) x += residual;
  if (function == 1) x = between(x, low, high);
  if (function == 2) x = select(x, x * low, x < (float16)0.0f);
  return x;
}

float finish_one(float x, float residual, int adds, int function, float low, float high) {
  if (adds) x += residual;
  if (function == 1) {
    x = x < low ? low : x;
    x = x > high ? high : x;
  }
  if (function == 2) x = x < 0.0f ? x * low : x;
  return x;
}
)";

std::string with_prelude(std::string_view source) {
  return std::string(prelude) + std::string(source);
}

PrimitiveInfo opencl_info(OpKind op, std::string algorithm, std::string implementation, std::string library) {
  return {.op = op,
          .library = std::move(library),
          .algorithm = std::move(algorithm),
          .implementation = std::move(implementation),
          .processor = {DeviceKind::opencl, 0}};
}

OpenClDevice& opencl_device(const PrepareArgs& args) {
  return static_cast<OpenClDevice&>(args.device);
}

OpenClQueue& opencl_queue(const KernelArgs& args) {
  return static_cast<OpenClQueue&>(args.queue);
}

Support needs_f32_on_device(const LayerDesc& layer) {
  if (const Support typed = needs_f32(layer); !typed) return typed;
  if (layer.inputs[0].constant) return Support::no("a constant first operand is not in the device's memory");
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  for (const OperandDesc& operand : layer.inputs) {
    if (operand.present && operand.desc.shape.elements() > most)
      return Support::no("an operand has more than 2^31 elements");
  }
  if (layer.outputs[0].shape.elements() > most) return Support::no("the output has more than 2^31 elements");
  return Support::yes();
}

Buffer upload(OpenClDevice& device, std::span<const float> numbers) {
  return upload_numbers(device, numbers);
}

Buffer upload(OpenClDevice& device, std::span<const int32_t> numbers) {
  return upload_numbers(device, numbers);
}

std::span<const float> floats_of(const TensorView& view) {
  return {view.data<const float>(), static_cast<size_t>(view.desc.shape.elements())};
}

int64_t grain(const OpenClDevice& device, int64_t items, double operations_each) {
  constexpr double worthwhile = 10'000;  // operations of a work-item on a CPU: some microseconds
  if (!device.info().is_cpu) return 1;
  const auto wanted = static_cast<int64_t>(worthwhile / std::max(1.0, operations_each));
  const int64_t most = (items + device.info().compute_units - 1) / std::max(1, device.info().compute_units);
  return std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, most));
}

Support DeviceEpilogue::supports(const LayerDesc& layer) {
  bool added = false, done = false;
  for (const EpilogueStep& step : layer.epilogue) {
    if (done) return Support::no("nothing follows a function in the epilogue");
    if (step.kind == EpilogueStep::Kind::add) {
      if (added) return Support::no("one residual is added at most");
      added = true;
      continue;
    }
    const UnaryKind kind = step.unary.kind;
    if (kind != UnaryKind::relu && kind != UnaryKind::clip && kind != UnaryKind::leaky_relu)
      return Support::no(fmt::format("no {} in the epilogue", to_string(step)));
    done = true;
  }
  if (layer.has_residual() && layer.inputs[layer.residual()].constant)
    return Support::no("a constant residual is not in the device's memory");
  return Support::yes();
}

DeviceEpilogue::DeviceEpilogue(const LayerDesc& layer) {
  for (const EpilogueStep& step : layer.epilogue) {
    if (step.kind == EpilogueStep::Kind::add) {
      adds = 1;
    } else if (step.unary.kind == UnaryKind::leaky_relu) {
      function = 2;
      low = step.unary.alpha;
    } else {
      function = 1;
      low = step.unary.kind == UnaryKind::clip ? step.unary.alpha : 0;
      high = step.unary.kind == UnaryKind::clip ? step.unary.beta : std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace raceline
