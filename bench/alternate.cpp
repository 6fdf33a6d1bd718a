// Whether libraries disturb each other's threads: a small layer by each library in a row of its own, and by
// all in turn. With a second pool that spins, turns take a hundred times as long. Exit status 1 when they
// take more than a tenth longer. Argument: threads; 2 if not given.
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/profile/layer_run.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/operands.h"
#include "raceline/profile/store.h"

namespace raceline {
namespace {

constexpr const char* layer_key = "conv2d 1x64x14x14 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1";
constexpr int row = 20;  // calls of one library in a row
constexpr double most_ratio = 1.1;

int run(int threads) {
  const PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device(Machine::detect());
  pin_threads(threads);
  const auto queue = device.make_queue(threads);
  queue->bind();
  const LayerDesc layer = LayerDesc::parse(layer_key);
  LayerBuffers buffers(device, layer, random_operands(layer, 1));
  std::map<std::string, LayerRun> runs;  // the first primitive of each library
  for (const Primitive* primitive : registry.candidates(layer)) {
    const std::string& library = primitive->info().library;
    if (library == "reference" || runs.contains(library)) continue;
    LayerRun& run = runs.emplace(library, LayerRun(*primitive, layer, buffers, threads)).first->second;
    static_cast<void>(run.produce(*queue));
  }
  const auto call = [&](LayerRun& one, Queue& on) { return one.run(on); };
  std::vector<Contender> contenders;
  for (auto& [library, one] : runs) {
    contenders.push_back({.name = library, .run = [&one = one, &call](Queue& on) {
                            for (int i = 0; i < row; ++i) {
                              if (const Status status = call(one, on); !status.is_ok()) return status;
                            }
                            return Status::ok();
                          }});
  }
  contenders.push_back({.name = "in turn", .run = [&](Queue& on) {
                          for (int i = 0; i < row; ++i) {
                            for (auto& [library, one] : runs) {
                              if (const Status status = call(one, on); !status.is_ok()) return status;
                            }
                          }
                          return Status::ok();
                        }});
  Sentinel sentinel(steady_clock());
  const MeasureResult result = measure(contenders, *queue, sentinel, {.rounds = 50, .enough_us = 20e6});
  fmt::print("{}, {} threads; us a call, median\n", layer_key, threads);
  double sum = 0;
  for (size_t index = 0; index < contenders.size(); ++index) {
    const Measurement& measured = result.contenders[index];
    if (!measured.why.empty()) throw Error(fmt::format("{}: {}", contenders[index].name, measured.why));
    const double us = percentile(measured.samples_us, 0.5) / row;
    fmt::print("  {:10} {:9.1f}\n", contenders[index].name, us);
    if (index + 1 < contenders.size()) {
      sum += us;
    } else {
      fmt::print("all in a row of their own {:.1f}, in turn {:.1f}: {:.3f} times\n", sum, us, us / sum);
      return us <= most_ratio * sum ? 0 : 1;
    }
  }
  return 2;
}

}  // namespace
}  // namespace raceline

int main(int count, char** arguments) {
  try {
    return raceline::run(count > 1 ? std::max(1, std::atoi(arguments[1])) : 2);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
