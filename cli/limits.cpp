#include "cli/limits.h"

#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

double percent_above(double us, double least_us) {
  return least_us > 0 ? 100 * (us / least_us - 1) : 0;
}

std::string size_text(int64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

}  // namespace

void add_limits(CLI::App& app, PlanLimits& limits) {
  app.add_option(
         "--max-memory", limits.max_memory_bytes,
         "Most memory of a plan: weights, also while they are packed, and the arena of tensors and scratch "
         "memory. The program itself comes on top. Bytes, or with K, M or G (of 1024)")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 60).description(""));
  app.add_flag(
      "--deterministic", limits.deterministic,
      "Only primitives that give the same bits with 1, 2 and all threads, and run after run: what is "
      "chosen is run to see");
}

void print_limited(const LimitedSearch& found, const PlanLimits& limits) {
  for (const std::string& excluded : found.excluded) fmt::print("not deterministic: {}\n", excluded);
  if (found.memory) {
    fmt::print("memory {}: weights {} + arena {}, {} while weights are packed; within {}\n",
               size_text(found.memory->total()), size_text(found.memory->weights_bytes),
               size_text(found.memory->arena_bytes), size_text(found.memory->packing_bytes),
               size_text(limits.max_memory_bytes));
  }
  if (limits.any()) {
    fmt::print("the limits cost {:+.2f} %: {} without them\n",
               percent_above(found.answer.cost_us, found.unlimited_us), human_us(found.unlimited_us));
  }
}

Json limited_json(const LimitedSearch& found, const PlanLimits& limits) {
  Json document{{"unlimited_us", found.unlimited_us}, {"excluded", found.excluded}};
  if (found.memory) {
    document["max_memory_bytes"] = limits.max_memory_bytes;
    document["memory_bytes"] = found.memory->total();
    document["weights_bytes"] = found.memory->weights_bytes;
    document["arena_bytes"] = found.memory->arena_bytes;
    document["packing_bytes"] = found.memory->packing_bytes;
  }
  return document;
}

void print_curve(const std::vector<LimitedAnswer>& points, bool csv) {
  if (csv) fmt::print("memory_bytes,weights_bytes,cost_us,lower_bound_us,optimal\n");
  std::vector<std::vector<std::string>> rows{
      {"memory", "weights", "other", "time", "slower %", "than the best within it %"}};
  for (const LimitedAnswer& point : points) {
    const SearchAnswer& answer = point.answer;
    if (csv) {
      fmt::print("{},{},{},{},{}\n", point.memory_bytes, point.weights_bytes, number(answer.cost_us),
                 number(answer.lower_bound_us), answer.optimal ? 1 : 0);
      continue;
    }
    rows.push_back({size_text(point.memory_bytes), size_text(point.weights_bytes),
                    size_text(point.memory_bytes - point.weights_bytes), human_us(answer.cost_us),
                    fmt::format("{:.2f}", percent_above(answer.cost_us, points.front().answer.cost_us)),
                    answer.optimal ? "0, proven"
                                   : fmt::format("at most {:.2f}",
                                                 percent_above(answer.cost_us, answer.lower_bound_us))});
  }
  if (!csv) fmt::print("{}", align_table(rows));
}

Json curve_json(const std::vector<LimitedAnswer>& points) {
  Json list = Json::array();
  for (const LimitedAnswer& point : points) {
    list.push_back({{"memory_bytes", point.memory_bytes},
                    {"weights_bytes", point.weights_bytes},
                    {"cost_us", point.answer.cost_us},
                    {"lower_bound_us", point.answer.lower_bound_us},
                    {"optimal", point.answer.optimal},
                    {"choice", point.answer.choice}});
  }
  return list;
}

}  // namespace raceline::cli
