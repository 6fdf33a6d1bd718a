#include "raceline/base/file_identity.h"

#include <string>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"

namespace raceline {
namespace {

class FileIdentityTest : public testing::Test {
 protected:
  FileIdentityTest()
      : folder_(std::filesystem::path(testing::TempDir()) /
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(folder_);
    write_file(folder_ / "theirs", "abc");
  }
  ~FileIdentityTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(FileIdentityTest, AFileWrittenAnewIsAnother) {
  const FileIdentity before = identity_of(folder_ / "theirs");
  EXPECT_EQ(before.size, 3u);
  EXPECT_EQ(identity_of(folder_ / "theirs"), before);
  write_file(folder_ / "theirs", "abcd");
  EXPECT_NE(identity_of(folder_ / "theirs"), before);
  EXPECT_THROW((void)identity_of(folder_ / "nosuch"), IoError);
}

TEST_F(FileIdentityTest, OnlyJustThatFileIsLinked) {
  const FileIdentity same = identity_of(folder_ / "theirs");
  FileIdentity other = same;
  ++other.modified_ns;
  EXPECT_FALSE(link_to_same(folder_ / "theirs", other, folder_ / "here"));
  EXPECT_FALSE(link_to_same(folder_ / "nosuch", same, folder_ / "here"));
  EXPECT_TRUE(link_to_same(folder_ / "theirs", same, folder_ / "here"));
  EXPECT_EQ(read_file(folder_ / "here"), "abc");
}

}  // namespace
}  // namespace raceline
