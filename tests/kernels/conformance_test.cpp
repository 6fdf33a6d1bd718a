// Every primitive of this build against the reference, on the layers of tests/kernels/cases and on layers
// drawn at random. A new primitive needs no new test; if no case exercises it, add a line to its op's file.
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/device/cpu_device.h"
#include "raceline/device/opencl/opencl.h"
#include "raceline/kernels/builtin.h"
#include "tests/kernels/conformance_check.h"
#include "tests/kernels/random_layers.h"

namespace raceline {
namespace {

std::filesystem::path cases_folder() {
  return std::filesystem::path(RACELINE_SOURCE_DIR) / "tests" / "kernels" / "cases";
}

/// The lines of a case file, comments and blank lines left out.
std::vector<std::string> case_lines(OpKind op) {
  const std::string content = read_file(cases_folder() / fmt::format("{}.txt", to_string(op)));
  std::vector<std::string> lines;
  for (const std::string_view line : split(content, '\n')) {
    if (!trim(line).empty() && line[0] != '#') lines.emplace_back(trim(line));
  }
  return lines;
}

/// Fails with the first findings in full and the number of all.
void expect_no_findings(const Conformance& conformance) {
  constexpr size_t most = 40;
  const auto& findings = conformance.findings();
  for (size_t i = 0; i < findings.size() && i < most; ++i) ADD_FAILURE() << findings[i].to_string();
  EXPECT_EQ(findings.size(), 0u) << "of " << conformance.runs() << " pairs of layer and primitive";
  EXPECT_GT(conformance.runs(), 0);
}

/// Whether an implementation is written for an instruction set that is not the best one here: a library
/// offers it on other machines, or only for the few layers that its better ones leave.
bool is_for_other_machines(const Primitive& primitive, const Machine& machine) {
  const std::string& implementation = primitive.info().implementation;
  const auto names = [&](std::string_view set) { return starts_with(implementation, set); };
  if (!names("sse") && !names("avx") && !names("amx")) return false;
  const std::string_view best = machine.has("avx512f") ? "avx512" : machine.has("avx2") ? "avx2" : "sse41";
  return !names(best);
}

/// Each primitive of the op ran on some case and refused another.
void expect_all_tried(const Conformance& conformance, const PrimitiveRegistry& registry, OpKind op,
                      const Machine& machine) {
  for (const auto& primitive : registry.all()) {
    if (primitive->info().op != op || !conformance.tries(*primitive)) continue;
    const bool exercised = conformance.exercised().contains(primitive->name());
    if (!exercised && is_for_other_machines(*primitive, machine)) {
      fmt::print("not offered on this machine, so not tested: {}\n", primitive->name());
    } else {
      EXPECT_TRUE(exercised) << "no case exercises " << primitive->name();
    }
    if (primitive->info().library == "reference") continue;
    EXPECT_TRUE(conformance.refusing().contains(primitive->name()))
        << primitive->name() << " refuses nothing";
  }
}

class Conforms : public testing::TestWithParam<OpKind> {
 protected:
  void check_random(int layers, uint64_t first_seed) {
    Conformance conformance(registry_, device_);
    for (int i = 0; i < layers; ++i) {
      const uint64_t seed = first_seed + static_cast<uint64_t>(i);
      const LayerDesc layer = random_layer(GetParam(), seed);
      SCOPED_TRACE(fmt::format("random layer of seed {}: {}", seed, layer.key()));
      conformance.check(layer, seed, 1 + i % 3);
    }
    expect_no_findings(conformance);
  }

  PrimitiveRegistry registry_ = builtin_primitives();
  CpuDevice device_{Machine::detect()};
};

TEST_P(Conforms, on_the_cases) {
  Conformance conformance(registry_, device_);
  for (const std::string& line : case_lines(GetParam())) {
    SCOPED_TRACE(line);
    const LayerDesc layer = LayerDesc::parse(line);
    EXPECT_EQ(layer.op, GetParam()) << "the case stands in the wrong file";
    EXPECT_EQ(LayerDesc::parse(layer.key()), layer);
    EXPECT_NO_THROW((void)registry_.reference(layer));
    for (const int threads : {1, 2}) conformance.check(layer, 1, threads);
  }
  expect_no_findings(conformance);

  expect_all_tried(conformance, registry_, GetParam(), device_.machine());
}

TEST_P(Conforms, on_random_layers) {
  const bool is_conv = GetParam() == OpKind::conv2d;
  check_random(is_conv ? 100 : 20, 1000);
}

// Run by `ctest -L long`.
TEST_P(Conforms, DISABLED_on_thousands_of_random_layers) {
  check_random(3000, 100000);
}

std::vector<OpKind> op_kinds() {
  std::vector<OpKind> kinds;
  for (const OpInfo& info : all_ops()) kinds.push_back(info.op);
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(every_op, Conforms, testing::ValuesIn(op_kinds()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

/// Layers that no CPU computes.
constexpr const char* transfers[] = {
    "reorder 2x19x5x7 from=cpu:nchw to=opencl:nchw", "reorder 2x19x5x7 from=opencl:nchw to=cpu:nchw",
    "reorder 3x5:i64 from=cpu:nchw:i64 to=opencl:nchw:i64", "reorder 0x4 from=opencl:nchw to=cpu:nchw"};

/// The same promises on an OpenCL device, where a driver offers one. CLBlast compiles kernels for seconds, so
/// it is tried in the long test alone.
class ConformsOnOpenCl : public testing::TestWithParam<OpKind> {
 protected:
  void SetUp() override {
    const OpenClListing listing = list_opencl_devices();
    if (listing.devices.empty()) GTEST_SKIP() << listing.why_none;
    accelerator_ = open_opencl_device("0");
  }
  Conformance conformance(std::string without) {
    return Conformance(registry_, {device_, accelerator_.get()}, accelerator_->id(), std::move(without));
  }
  /// Random layers. Of conversions no primitive here computes random ones: the transfers in their place.
  void check_random(Conformance& conformance, int layers, uint64_t first_seed) const {
    if (GetParam() == OpKind::reorder) {
      for (const char* line : transfers) conformance.check(LayerDesc::parse(line), 1, 1);
      return;
    }
    for (int i = 0; i < layers; ++i) {
      const uint64_t seed = first_seed + static_cast<uint64_t>(i);
      const LayerDesc layer = random_layer(GetParam(), seed);
      SCOPED_TRACE(fmt::format("random layer of seed {}: {}", seed, layer.key()));
      conformance.check(layer, seed, 1);
    }
  }

  PrimitiveRegistry registry_ = builtin_primitives(DeviceKind::opencl);
  CpuDevice device_{Machine::detect()};
  std::unique_ptr<Device> accelerator_;
};

TEST_P(ConformsOnOpenCl, on_the_cases) {
  Conformance conformance = this->conformance("clblast");
  for (const std::string& line : case_lines(GetParam())) {
    SCOPED_TRACE(line);
    conformance.check(LayerDesc::parse(line), 1, 1);
  }
  check_random(conformance, 10, 5000);
  expect_no_findings(conformance);
  expect_all_tried(conformance, registry_, GetParam(), device_.machine());
}

TEST_P(ConformsOnOpenCl, DISABLED_on_thousands_of_random_layers) {
  Conformance conformance = this->conformance("");
  check_random(conformance, 1000, 200000);
  for (const std::string& line : case_lines(GetParam())) conformance.check(LayerDesc::parse(line), 2, 1);
  expect_no_findings(conformance);
}

/// Ops that some primitive computes there.
std::vector<OpKind> opencl_kinds() {
  std::set<OpKind> kinds;
  const PrimitiveRegistry registry = builtin_primitives(DeviceKind::opencl);
  for (const auto& primitive : registry.all()) {
    if (primitive->info().processor.kind == DeviceKind::opencl) kinds.insert(primitive->info().op);
  }
  return {kinds.begin(), kinds.end()};
}

INSTANTIATE_TEST_SUITE_P(every_op, ConformsOnOpenCl, testing::ValuesIn(opencl_kinds()),
                         [](const auto& info) { return std::string(to_string(info.param)); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConformsOnOpenCl);

TEST(ConformanceCases, every_file_belongs_to_an_op) {
  for (const auto& entry : std::filesystem::directory_iterator(cases_folder())) {
    EXPECT_NO_THROW((void)parse_op(entry.path().stem().string())) << entry.path();
  }
}

}  // namespace
}  // namespace raceline
