#include "raceline/dataset/worker_client.h"

#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "raceline/base/file.h"

namespace raceline {
namespace {

using Kind = ChildError::Kind;

/// A worker of a few lines of shell: what it answers to its requests, one line each.
class WorkerClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "raceline-worker-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::vector<std::string> script(const std::string& text) { return {"/bin/sh", "-c", text}; }
  /// Says hello, then goes on with the text.
  static std::vector<std::string> toy(const std::string& text) {
    return script(std::string("read line; echo '") + hello + "'; " + text);
  }
  template <class Work>
  static Kind kind_of(const Work& work) {
    try {
      work();
    } catch (const ChildError& error) {
      return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Kind::timeout;
  }

  static constexpr const char* hello =
      R"({"id":1,"protocol":"raceline-worker/1","platform":"toy","accelerator":"none","versions":{"toy":"1"},"modes":["optimised"]})";
  std::filesystem::path folder_;
};

TEST_F(WorkerClientTest, asks_and_understands) {
  WorkerClient worker(toy(R"(read line; echo '{"id":2,"samples_us":[1.5,2]}')"), {});
  EXPECT_EQ(worker.facts().platform, "toy");
  EXPECT_EQ(worker.facts().versions.at("toy"), "1");
  EXPECT_EQ(worker.run(2, 0, 10), (std::vector<double>{1.5, 2}));
}

TEST_F(WorkerClientTest, takes_files_that_the_worker_lacks_to_it) {
  write_file(folder_ / "model.onnx", "0123456789");
  const std::string kept = (folder_ / "kept").string();
  WorkerClient worker(
      toy("read line; echo '{\"id\":2,\"have\":false}'; read line; head -c 10 > " + kept +
          "; echo '{\"id\":3}'; read line; echo '{\"id\":4,\"outputs\":[\"y\"],\"load_us\":5}'"),
      {});
  const OpenedOnWorker opened = worker.open({.model = folder_ / "model.onnx", .plan = {}, .inputs = {}}, 10);
  EXPECT_EQ(opened.outputs, std::vector<std::string>{"y"});
  EXPECT_EQ(read_file(kept), "0123456789");
}

TEST_F(WorkerClientTest, says_where_files_lie_and_sends_none_that_the_worker_has) {
  write_file(folder_ / "model.onnx", "0123456789");
  const std::string kept = (folder_ / "kept").string();
  WorkerClient worker(toy("read line; echo \"$line\" > " + kept +
                          "; echo '{\"id\":2,\"have\":true}'; read line; echo "
                          "'{\"id\":3,\"outputs\":[\"y\"],\"load_us\":5}'"),
                      {});
  EXPECT_EQ(worker.open({.model = folder_ / "model.onnx", .plan = {}, .inputs = {}}, 10).outputs.size(), 1u);
  const std::string asked = read_file(kept);
  EXPECT_NE(asked.find((folder_ / "model.onnx").string()), std::string::npos) << asked;
  EXPECT_NE(asked.find(R"("size":10)"), std::string::npos) << asked;
}

TEST_F(WorkerClientTest, a_no_is_an_error_of_its_kind_and_the_worker_lives_on) {
  WorkerClient worker(toy(R"(read line; echo '{"id":2,"error":{"kind":"memory","message":"too large"}}'
                             read line; echo '{"id":3,"peak_bytes":7}')"),
                      {});
  try {
    (void)worker.run(1, 0, 10);
    FAIL();
  } catch (const WorkerError& error) {
    EXPECT_EQ(error.kind(), "memory");
    EXPECT_STREQ(error.what(), "toy: too large");
  }
  EXPECT_EQ(worker.peak_bytes(), 7);
}

TEST_F(WorkerClientTest, hostile_answers_are_garbage) {
  for (const char* answer :
       {"no JSON", "[1]", R"({"id":9,"samples_us":[1]})", R"({"id":2})", R"({"id":2,"samples_us":"x"})",
        R"({"id":2,"samples_us":[1,2]})", R"({"id":2,"samples_us":[-1]})", R"({"id":2,"error":3})",
        R"({"id":2,"bytes":99999999999999,"samples_us":[1]})"}) {
    WorkerClient worker(toy(std::string("read line; echo '") + answer + "'; sleep 1"), {});
    EXPECT_EQ(kind_of([&] { (void)worker.run(1, 0, 10); }), Kind::garbage) << answer;
  }
  EXPECT_EQ(
      kind_of([] { WorkerClient(script("read line; echo '{\"id\":1,\"protocol\":\"other/1\"}'"), {}); }),
      Kind::garbage);
  EXPECT_EQ(kind_of([] { WorkerClient(script("read line; yes | tr -d '\\n'"), {}); }), Kind::garbage);
}

TEST_F(WorkerClientTest, a_worker_that_ends_or_hangs_is_told_apart) {
  EXPECT_EQ(kind_of([] { WorkerClient({"/no/such/program"}, {}); }), Kind::ended);
  EXPECT_EQ(kind_of([] { WorkerClient(script("exit 3"), {}); }), Kind::ended);
  WorkerClient killed(toy("read line; kill -9 $$"), {});
  EXPECT_EQ(kind_of([&] { (void)killed.run(1, 0, 10); }), Kind::ended);
  WorkerClient hangs(toy("read line; sleep 60"), {});
  EXPECT_EQ(kind_of([&] { (void)hangs.run(1, 0, 0.2); }), Kind::timeout);
}

TEST_F(WorkerClientTest, a_worker_is_told_of_its_end_and_may_tidy_up) {
  const std::filesystem::path kept = folder_ / "kept";
  {
    WorkerClient worker(toy("read line; echo '{\"id\":2}'; sleep 0.2; echo \"$line\" > " + kept.string()),
                        {});
  }
  EXPECT_NE(read_file(kept).find("\"bye\""), std::string::npos);
}

TEST_F(WorkerClientTest, a_worker_that_does_not_end_is_killed_with_what_it_started) {
  const std::filesystem::path kept = folder_ / "kept";
  {
    // The shell's child has the group's number, and outlives a shell that ends.
    WorkerClient worker(
        toy("(sleep 3; echo alive > " + kept.string() + ") < /dev/null > /dev/null & read line; exit 3"), {});
    EXPECT_EQ(kind_of([&] { (void)worker.run(1, 0, 10); }), Kind::ended);
    WorkerClient hangs(toy("read line; echo '{\"id\":2}'; sleep 4; echo alive > " + kept.string()), {});
  }
  ::usleep(4'000'000);
  EXPECT_FALSE(std::filesystem::exists(kept));
}

TEST_F(WorkerClientTest, a_paused_worker_does_nothing_until_it_may_go_on) {
  WorkerClient worker(toy(R"(read line; echo '{"id":2,"samples_us":[1]}')"), {});
  worker.pause();
  EXPECT_EQ(kind_of([&] { (void)worker.run(1, 0, 0.3); }), Kind::timeout);
  WorkerClient other(toy(R"(read line; echo '{"id":2,"samples_us":[1]}')"), {});
  other.pause();
  other.resume();
  EXPECT_EQ(other.run(1, 0, 10).size(), 1u);
}

}  // namespace
}  // namespace raceline
