#include "raceline/base/text.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/system_memory.h"

namespace raceline {
namespace {

TEST(Printable, LeavesTextOfAnyLanguageAsItIs) {
  const std::string text = "conv1/7x7 \"a\\b\"\n\tÄ é 漢字 \xF0\x9F\x8F\x81 ~";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[2Jgone"), "\\x1b[2Jgone");
  EXPECT_EQ(printable("a\rb\bc\x7f"), "a\\x0db\\x08c\\x7f");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "\\x00x");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");  // the one-byte escape sequence, in UTF-8
}

TEST(Printable, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("a\xff"), "a\\xff");
  EXPECT_EQ(printable("\xe6\xbc"), "\\xe6\\xbc");  // cut off
  EXPECT_EQ(printable("\xc0\xaf"
                      "x"),
            "\\xc0\\xafx");                                          // overlong
  EXPECT_EQ(printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
  EXPECT_EQ(printable("\x80\xe6\xbc\xa2"), "\\x80\xe6\xbc\xa2");     // goes on behind it
}

TEST(Nearest, ComparesNamesOfMegabytesByTheirBeginning) {
  const std::string mega(4'000'000, 'x');
  const std::vector<std::string> names = {mega, "conv2d", "conv3d", "x" + mega};
  EXPECT_EQ(nearest("conv2", names, 1), std::vector<std::string>{"conv2d"});
  EXPECT_EQ(nearest(mega + "y", names, 1), std::vector<std::string>{mega});
}

TEST(Table, ANameOfAMegabyteWidensNoOtherRow) {
  std::vector<std::vector<std::string>> rows(1000, {"relu", "1.5"});
  rows[500][0] = std::string(1'000'000, 'x');
  const std::string table = align_table(rows);
  EXPECT_LT(table.size(), 1'500'000u);
  EXPECT_NE(table.find(rows[500][0]), std::string::npos);
}

TEST(Table, ShowsControlCharacters) {
  const std::vector<std::vector<std::string>> rows = {{"name"}, {"\x1b[31mred"}};
  EXPECT_EQ(align_table(rows), "name\n\\x1b[31mred\n");
}

TEST(Memory, MoreThanThereIsIsRefusedByName) {
  EXPECT_NO_THROW(want_memory(4096, "a page"));
  try {
    want_memory(size_t{1} << 60, "tensor 'y'");
    FAIL();
  } catch (const IoError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("tensor 'y' needs 1048576.0 TiB; this machine has "), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace raceline
