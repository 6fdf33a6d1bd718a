// Whether computing a 1x1 convolution together with the depthwise one behind it pays: oneDNN's fusion of the
// two against its best two, on one thread, at the layers of MobileNet v1 and v2. Fused, what lies between
// them never leaves the cache. Prints a row a layer, and what the fusion would save of each network.
#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include <dnnl.hpp>
#include <fmt/format.h>

#include "raceline/device/cpu_device.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/store.h"

namespace raceline {
namespace {

using dnnl::convolution_forward;
using dnnl::memory;

/// A 1x1 convolution and, behind it, a depthwise one of 3x3; how many of them the network has.
struct Pair {
  const char* net;
  int64_t inputs, channels, extent, stride;
  int count;
};
constexpr std::array<Pair, 18> pairs{{{"mobilenet_v1", 32, 64, 112, 2, 1},
                                      {"mobilenet_v1", 64, 128, 56, 1, 1},
                                      {"mobilenet_v1", 128, 128, 56, 2, 1},
                                      {"mobilenet_v1", 128, 256, 28, 1, 1},
                                      {"mobilenet_v1", 256, 256, 28, 2, 1},
                                      {"mobilenet_v1", 256, 512, 14, 1, 1},
                                      {"mobilenet_v1", 512, 512, 14, 1, 4},
                                      {"mobilenet_v1", 512, 512, 14, 2, 1},
                                      {"mobilenet_v1", 512, 1024, 7, 1, 1},
                                      {"mobilenet_v2", 16, 96, 112, 2, 1},
                                      {"mobilenet_v2", 24, 144, 56, 1, 1},
                                      {"mobilenet_v2", 24, 144, 56, 2, 1},
                                      {"mobilenet_v2", 32, 192, 28, 1, 2},
                                      {"mobilenet_v2", 32, 192, 28, 2, 1},
                                      {"mobilenet_v2", 64, 384, 14, 1, 4},
                                      {"mobilenet_v2", 96, 576, 14, 1, 2},
                                      {"mobilenet_v2", 96, 576, 14, 2, 1},
                                      {"mobilenet_v2", 160, 960, 7, 1, 3}}};

/// It must outlive what is made on it.
const dnnl::engine& engine() {
  static const dnnl::engine one(dnnl::engine::kind::cpu, 0);
  return one;
}

void add_relu6(dnnl::post_ops& ops) {
  ops.append_eltwise(1, dnnl::algorithm::eltwise_clip, 0, 6);
}

/// A primitive with operands of its own, ready to run.
class Call {
 public:
  Call(const convolution_forward::primitive_desc& desc, memory source, memory result)
      : desc_(desc), primitive_(desc) {
    arguments_ = {{DNNL_ARG_SRC, std::move(source)},
                  {DNNL_ARG_DST, std::move(result)},
                  {DNNL_ARG_WEIGHTS, filled(desc.weights_desc())},
                  {DNNL_ARG_BIAS, filled(desc.bias_desc())}};
  }
  void add(int argument) {
    const memory::desc wanted = desc_.query_md(dnnl::query::exec_arg_md, argument);
    arguments_[argument] = filled(wanted);
  }
  void run(dnnl::stream& stream) { primitive_.execute(stream, arguments_); }

  static memory filled(const memory::desc& desc) {
    memory made(desc, engine());
    auto* values = static_cast<float*>(made.get_data_handle());
    for (size_t index = 0; index < desc.get_size() / sizeof(float); ++index)
      values[index] = 0.01F * static_cast<float>(index % 7);
    return made;
  }

 private:
  convolution_forward::primitive_desc desc_;
  convolution_forward primitive_;
  std::unordered_map<int, memory> arguments_;
};

convolution_forward::primitive_desc convolution(const memory::dims& x, const memory::dims& filters,
                                                const memory::dims& y, int64_t stride, int64_t pad,
                                                const dnnl::post_ops& ops) {
  const auto blocked = memory::format_tag::nChw16c;
  constexpr auto f32 = memory::data_type::f32;
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  const int64_t channels = y[1];
  return {{dnnl::prop_kind::forward_inference,
           dnnl::algorithm::convolution_direct,
           {x, f32, blocked},
           {filters, f32, memory::format_tag::any},
           {{channels}, f32, memory::format_tag::x},
           {y, f32, blocked},
           {stride, stride},
           {pad, pad},
           {pad, pad}},
          attributes,
          engine()};
}

/// Times the pair, and gives what the fusion saves.
double saved_us(const Pair& pair, Queue& queue, Sentinel& sentinel) {
  const int64_t c = pair.channels, half = (pair.extent - 1) / pair.stride + 1;
  const memory::dims x{1, pair.inputs, pair.extent, pair.extent}, y{1, c, pair.extent, pair.extent};
  dnnl::post_ops relu, both;
  add_relu6(relu);
  add_relu6(both);
  both.append_dw(memory::data_type::f32, memory::data_type::f32, memory::data_type::f32, 3, pair.stride, 1, 0,
                 {});
  add_relu6(both);
  const auto first = convolution(x, {c, pair.inputs, 1, 1}, y, 1, 0, relu);
  const auto second = convolution(y, {c, 1, 1, 3, 3}, {1, c, half, half}, pair.stride, 1, relu);
  const auto fused = convolution(x, {c, pair.inputs, 1, 1}, y, 1, 0, both);
  const memory source = Call::filled(first.src_desc()), between = Call::filled(first.dst_desc());
  Call one(first, source, between), two(second, between, Call::filled(second.dst_desc()));
  Call joined(fused, source, Call::filled(fused.dst_desc()));
  joined.add(DNNL_ARG_ATTR_POST_OP_DW | DNNL_ARG_WEIGHTS);
  joined.add(DNNL_ARG_ATTR_POST_OP_DW | DNNL_ARG_BIAS);
  dnnl::stream stream(engine());
  const std::array<Contender, 2> contenders{
      Contender{.name = "apart",
                .run = [&](Queue&) { return one.run(stream), two.run(stream), Status::ok(); }},
      Contender{.name = "fused", .run = [&](Queue&) { return joined.run(stream), Status::ok(); }}};
  const MeasureResult result = measure(contenders, queue, sentinel, {.rounds = 200, .enough_us = 2e6});
  const double apart_us = percentile(result.contenders[0].samples_us, 0.1);
  const double fused_us = percentile(result.contenders[1].samples_us, 0.1);
  fmt::print(
      "{:13} {:4} to {:4} channels at {:3}, stride {}, x{}: apart {:7.1f} us, fused {:7.1f} us, {:.3f} times "
      " {}\n",
      pair.net, pair.inputs, c, pair.extent, pair.stride, pair.count, apart_us, fused_us, apart_us / fused_us,
      std::string(fused.impl_info_str()).starts_with("ref_fused") ? " (one after the other)" : "");
  return (apart_us - fused_us) * pair.count;
}

void run() {
  CpuDevice device(Machine::detect());
  pin_threads(1);
  const auto queue = device.make_queue(1);
  queue->bind();
  Sentinel sentinel(steady_clock());
  std::map<std::string, double> saved;
  for (const Pair& pair : pairs) saved[pair.net] += std::max(0.0, saved_us(pair, *queue, sentinel));
  for (const auto& [net, us] : saved) fmt::print("{}: {:.0f} us saved where it saves any\n", net, us);
}

}  // namespace
}  // namespace raceline

int main() {
  try {
    raceline::run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
