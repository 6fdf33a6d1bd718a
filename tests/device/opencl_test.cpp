// An OpenCL device: memory, copies, order, timing, programs, and what is said when something fails. Skipped
// where no driver is installed.
#include <gtest/gtest.h>

#ifdef RACELINE_HAS_OPENCL

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "raceline/base/error.h"
#include "raceline/device/cpu_device.h"
#include "raceline/device/devices.h"
#include "raceline/device/opencl/opencl_queue.h"

namespace raceline {
namespace {

constexpr const char* add_source = R"(
__kernel void add(__global float* x, ulong x_at, float term) {
  x[x_at + get_global_id(0)] += term;
})";

Memory host_memory(std::vector<float>& data) {
  return {{}, data.data(), 0};
}

class OpenCl : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    const auto api = load_opencl(why);
    if (!api) GTEST_SKIP() << why;
    api_ = *api;
    const OpenClListing listing = list_opencl_devices();
    if (listing.devices.empty()) GTEST_SKIP() << listing.why_none;
    device_ = open_opencl_device(api_, "0");
  }

  /// The device again, with a function replaced.
  std::unique_ptr<OpenClDevice> with(const OpenClApi& api) { return open_opencl_device(api, "0"); }

  OpenClApi api_{};
  std::unique_ptr<OpenClDevice> device_;
};

TEST_F(OpenCl, is_listed_and_opened_by_index_and_by_a_part_of_its_name) {
  const OpenClListing listing = list_opencl_devices();
  EXPECT_EQ(device_->name(), listing.devices[0].name);
  EXPECT_GT(listing.devices[0].compute_units, 0);
  EXPECT_GT(listing.devices[0].memory_bytes, 0);
  const auto by_name = open_opencl_device(api_, device_->name().substr(1, 4));
  EXPECT_EQ(by_name->fingerprint(), device_->fingerprint());
  for (const char* unknown : {"", "99", "no such device", "123456789012345678901"}) {
    try {
      open_opencl_device(api_, unknown);
      ADD_FAILURE() << unknown << " was opened";
    } catch (const UnsupportedError& error) {
      EXPECT_NE(std::string(error.what()).find(listing.devices[0].name), std::string::npos) << error.what();
    }
  }
}

TEST_F(OpenCl, copies_there_and_back_at_offsets_and_runs_kernels_in_order) {
  std::vector<float> source(1000), result(1000);
  std::iota(source.begin(), source.end(), 0.0f);
  const Buffer buffer(*device_, 2 * 4096), other(*device_, 4096);
  const auto queue = device_->make_queue(1);
  const OpenClKernel kernel = device_->kernel(add_source, "add");
  ASSERT_TRUE(queue->copy(buffer.memory().at(4096), host_memory(source), 4000).is_ok());
  auto& own = static_cast<OpenClQueue&>(*queue);
  ASSERT_TRUE(own.launch(kernel, {.items = {1000, 1, 1}}, buffer.memory().at(4096), 1.5f).is_ok());
  ASSERT_TRUE(own.launch(kernel, {.items = {0, 1, 1}}, buffer.memory().at(4096), 99.0f).is_ok());
  ASSERT_TRUE(queue->copy(other.memory(), buffer.memory().at(4096), 4000).is_ok());
  ASSERT_TRUE(queue->copy(host_memory(result), other.memory(), 4000).is_ok());
  ASSERT_TRUE(queue->wait().is_ok());
  for (size_t i = 0; i < result.size(); ++i) ASSERT_EQ(result[i], source[i] + 1.5f) << i;
}

TEST_F(OpenCl, times_commands_by_its_own_clock) {
  const size_t bytes = size_t{8} << 20;
  std::vector<float> source(bytes / 4);
  const Buffer buffer(*device_, bytes);
  const auto queue = device_->make_queue(1);
  const Event before = queue->record();
  const Event still = queue->record();
  ASSERT_TRUE(queue->copy(buffer.memory(), host_memory(source), bytes).is_ok());
  const Event after = queue->record();
  const Event same = queue->record();
  ASSERT_TRUE(queue->wait().is_ok());
  EXPECT_GT(queue->elapsed_us(before, after), 0);
  EXPECT_GE(queue->elapsed_us(before, after), queue->elapsed_us(still, after));
  EXPECT_EQ(queue->elapsed_us(after, same), 0);
}

TEST_F(OpenCl, tells_when_each_traced_command_was_given_began_and_ended) {
  std::vector<float> source(1 << 20);
  const size_t bytes = source.size() * sizeof(float);
  const Buffer buffer(*device_, bytes);
  const auto queue = device_->make_queue(1);
  const OpenClKernel kernel = device_->kernel(add_source, "add");
  auto& own = static_cast<OpenClQueue&>(*queue);
  ASSERT_TRUE(queue->copy(buffer.memory(), host_memory(source), bytes).is_ok());
  EXPECT_EQ(queue->traced(), 0u);
  queue->trace(true);
  ASSERT_TRUE(queue->copy(buffer.memory(), host_memory(source), bytes).is_ok());
  ASSERT_TRUE(own.launch(kernel, {.items = {source.size(), 1, 1}}, buffer.memory(), 1.5f).is_ok());
  ASSERT_TRUE(queue->copy(host_memory(source), buffer.memory(), bytes).is_ok());
  EXPECT_EQ(queue->traced(), 3u);
  ASSERT_TRUE(queue->wait().is_ok());
  const std::vector<CommandTimes> commands = queue->commands();
  ASSERT_EQ(commands.size(), 3u);
  EXPECT_EQ(commands[0].queued_us, 0);
  double end = 0;
  for (const CommandTimes& each : commands) {
    EXPECT_LE(each.queued_us, each.start_us);
    EXPECT_LT(each.start_us, each.end_us);
    EXPECT_LE(end, each.start_us) << "commands run in their order";
    end = each.end_us;
  }
  queue->trace(false);
  EXPECT_EQ(queue->traced(), 0u);
}

TEST_F(OpenCl, that_does_not_tell_times_is_said_and_not_taken_as_no_time) {
  OpenClApi api = api_;
  api.get_event_times = [](cl_event, cl_profiling_info, size_t, void*, size_t*) -> cl_int {
    return CL_PROFILING_INFO_NOT_AVAILABLE;
  };
  const auto device = with(api);
  const auto queue = device->make_queue(1);
  const Event before = queue->record();
  const Event after = queue->record();
  ASSERT_TRUE(queue->wait().is_ok());
  EXPECT_THROW(static_cast<void>(queue->elapsed_us(before, after)), DeviceError);
}

TEST_F(OpenCl, that_lacks_memory_for_a_program_has_not_refused_the_program) {
  OpenClApi api = api_;
  api.build_program = [](cl_program, cl_uint, const cl_device_id*, const char*, void (*)(cl_program, void*),
                         void*) -> cl_int { return CL_OUT_OF_HOST_MEMORY; };
  const auto device = with(api);
  EXPECT_THROW(static_cast<void>(device->kernel(add_source, "add")), DeviceError);
}

TEST_F(OpenCl, builds_a_program_once) {
  const OpenClKernel one = device_->kernel(add_source, "add");
  const OpenClKernel again = device_->kernel(add_source, "add");
  EXPECT_NE(one.get(), again.get());
  EXPECT_EQ(device_->programs(), 1u);
  (void)device_->kernel(add_source, "add", "-DX=1");
  EXPECT_EQ(device_->programs(), 2u);
}

TEST_F(OpenCl, says_why_a_kernel_does_not_build) {
  try {
    (void)device_->kernel("__kernel void broken() { nonsense; }", "broken");
    ADD_FAILURE() << "it was built";
  } catch (const UnsupportedError& error) {
    EXPECT_NE(std::string(error.what()).find("nonsense"), std::string::npos) << error.what();
  }
  EXPECT_THROW((void)device_->kernel(add_source, "subtract"), UnsupportedError);
  EXPECT_EQ(device_->programs(), 1u);  // the broken one is forgotten
}

TEST_F(OpenCl, counts_its_memory_and_refuses_what_it_has_not) {
  {
    const Buffer buffer(*device_, 1000);
    EXPECT_EQ(device_->allocated_bytes(), 1024u);
    Buffer moved(*device_, 0);
    moved.reset();
  }
  EXPECT_EQ(device_->allocated_bytes(), 0u);
  EXPECT_THROW((void)Buffer(*device_, size_t{1} << 50), IoError);
  EXPECT_EQ(device_->allocated_bytes(), 0u);

  OpenClApi full = api_;
  full.create_buffer = [](cl_context, cl_mem_flags, size_t, void*, cl_int* error) -> cl_mem {
    *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return nullptr;
  };
  try {
    (void)Buffer(*with(full), 100);
    ADD_FAILURE() << "memory that is not there";
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("100 bytes wanted on opencl"), std::string::npos)
        << error.what();
  }
}

TEST_F(OpenCl, tells_of_a_lost_device_when_waited_for) {
  OpenClApi lost = api_;
  lost.finish = [](cl_command_queue) -> cl_int { return CL_DEVICE_NOT_AVAILABLE; };
  const auto device = with(lost);
  const Buffer buffer(*device, 64);
  const auto queue = device->make_queue(1);
  const Status status = queue->wait();
  EXPECT_FALSE(status.is_ok());
  EXPECT_NE(status.message().find("lost"), std::string_view::npos) << status.message();

  OpenClApi refusing = api_;
  refusing.create_queue = [](cl_context, cl_device_id, cl_command_queue_properties,
                             cl_int* error) -> cl_command_queue {
    *error = CL_OUT_OF_RESOURCES;
    return nullptr;
  };
  EXPECT_THROW((void)with(refusing)->make_queue(1), IoError);
}

TEST_F(OpenCl, without_a_driver_there_is_no_device_and_a_reason) {
  OpenClApi bare = api_;
  bare.get_platforms = [](cl_uint, cl_platform_id*, cl_uint* count) -> cl_int {
    *count = 0;
    return CL_SUCCESS;
  };
  const OpenClFound found = find_opencl_devices(bare);
  EXPECT_TRUE(found.listing.devices.empty());
  EXPECT_NE(found.listing.why_none.find("pocl-opencl-icd"), std::string::npos);
  EXPECT_THROW((void)open_opencl_device(bare, "0"), UnsupportedError);
}

TEST_F(OpenCl, beside_the_host_has_a_fingerprint_of_both) {
  CpuDevice cpu(Machine::detect());
  const Devices alone(cpu), both(cpu, device_.get());
  EXPECT_EQ(alone.fingerprint(), cpu.fingerprint());
  EXPECT_EQ(alone.find(device_->id()), nullptr);
  EXPECT_THROW((void)alone.at(device_->id()), UnsupportedError);
  EXPECT_EQ(&both.at(device_->id()), device_.get());
  EXPECT_EQ(both.fingerprint({}, {}), cpu.fingerprint());
  EXPECT_EQ(both.fingerprint(device_->id(), device_->id()), device_->fingerprint());
  EXPECT_EQ(both.fingerprint({}, device_->id()), both.fingerprint());
  EXPECT_TRUE(has_devices(both.fingerprint(), cpu.fingerprint()));
  EXPECT_TRUE(has_devices(both.fingerprint(), both.fingerprint()));
  EXPECT_FALSE(has_devices(cpu.fingerprint(), both.fingerprint()));
}

}  // namespace
}  // namespace raceline

#else

TEST(OpenCl, is_absent) {
  GTEST_SKIP() << "built without OpenCL";
}

#endif
