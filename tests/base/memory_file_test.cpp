#include "raceline/base/memory_file.h"

#include <gtest/gtest.h>

#include "raceline/base/file.h"

namespace raceline {
namespace {

TEST(MemoryFiles, HoldTheirBytesAtAPathAsLongAsTheyLive) {
  const std::string bytes = std::string(100'000, 'x') + '\0' + "end";
  std::filesystem::path path;
  {
    const MemoryFile file(bytes), empty("");
    path = file.path();
    EXPECT_EQ(read_file(path), bytes);
    EXPECT_EQ(read_file(path), bytes);
    EXPECT_EQ(read_file(empty.path()), "");
    EXPECT_NE(empty.path(), path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace raceline
