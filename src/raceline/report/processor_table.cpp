// Who works in plans over two devices, and what crossing costs.
#include <fmt/format.h>

#include "raceline/primitive/on_threads.h"
#include "raceline/report/qs_dnn.h"

namespace raceline {
namespace {

/// What a plan has on each side, by the costs that it was made of.
struct Shares {
  size_t host_layers = 0, accelerator_layers = 0, copies = 0;
  double host_us = 0, accelerator_us = 0, copies_us = 0;

  explicit Shares(const Plan& plan) {
    for (const PlanStep& step : plan.steps) add(step.primitive, step.expected_us, true);
    for (const PlanConversion& conversion : plan.conversions) {
      if (conversion.from.device == conversion.to.device) {
        add(conversion.primitive, conversion.expected_us, false);
      } else {
        ++copies;
        copies_us += conversion.expected_us;
      }
    }
  }

 private:
  void add(const std::string& primitive, double us, bool is_layer) {
    const bool on_host = device_of(primitive) == "cpu";
    (on_host ? host_us : accelerator_us) += us;
    if (is_layer) ++(on_host ? host_layers : accelerator_layers);
  }
};

bool is_shown(const MethodRun& run) {
  return run.method == Method::processor || run.method == Method::q_learning ||
         run.method == Method::optimum || run.method == Method::tuned;
}

bool has_two_devices(const MethodRuns& methods) {
  for (const MethodRun& run : methods.runs) {
    if (run.method == Method::processor) return true;
  }
  return false;
}

std::string ms(double us) {
  return fmt::format("{:.3f}", us * 1e-3);
}

}  // namespace

ReportTable processor_table(const QsDnnReport& report) {
  ReportTable table{.title = "Two processors: layers and time on each, and copies between them"};
  table.rows.push_back({"network", "graph", "plan", "cpu layers", "cpu ms", "opencl layers", "opencl ms",
                        "copies", "copies ms", "sum ms", "whole ms", "ratio", "95 %"});
  for (const QsDnnNet& net : report.nets) {
    for (const bool paper_layers : {true, false}) {
      const MethodRuns& methods = (paper_layers ? net.paper : net.passes).methods;
      if (!has_two_devices(methods)) continue;
      for (const MethodRun& run : methods.runs) {
        if (!is_shown(run)) continue;
        const Shares shares(run.run.plan);
        table.rows.push_back({net.name, paper_layers ? "paper" : "default", run.run.name,
                              std::to_string(shares.host_layers), ms(shares.host_us),
                              std::to_string(shares.accelerator_layers), ms(shares.accelerator_us),
                              std::to_string(shares.copies), ms(shares.copies_us),
                              ms(shares.host_us + shares.accelerator_us + shares.copies_us),
                              ms(run.run.measured_us), fmt::format("{:.3f}", run.run.ratio),
                              fmt::format("{:.3f} to {:.3f}", run.run.ratio_low, run.run.ratio_high)});
      }
    }
  }
  table.notes = {
      "Alone: every layer that the device can do is done there, the others on any. Costs of layers by "
      "themselves; those of the tuned plan as corrected inside whole runs. The CPU has one thread where an "
      "OpenCL driver for CPUs may use all cores.",
      "ratio: time over that of the tuned plan, on the paper's layers of QS-DNN's: median of paired whole "
      "runs."};
  return table;
}

}  // namespace raceline
