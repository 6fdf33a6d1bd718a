#include "raceline/base/csv.h"

#include <array>

#include <gtest/gtest.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr std::array<std::string_view, 2> columns{"layer", "time"};

/// What the call says when it throws ParseError; empty when it does not.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const ParseError& error) {
    return error.what();
  }
  return "";
}

std::string header_refusal(std::string_view csv) {
  return refusal([&] { check_csv_header(CsvScanner(csv).record(), columns); });
}

TEST(Csv, AHeaderHasItsColumnsInTheirOrder) {
  EXPECT_EQ(header_refusal("layer,time\n1,2\n"), "");
  EXPECT_EQ(header_refusal("\"layer\",time\r\n"), "");
  EXPECT_EQ(header_refusal("time,layer\n"), "line 1, column 1: column 'time', wanted 'layer'");
  EXPECT_EQ(header_refusal("layer,times\n"), "line 1, column 7: column 'times', wanted 'time'");
}

TEST(Csv, AHeaderLacksNothingAndHasNoMore) {
  EXPECT_EQ(header_refusal("layer\n"), "line 1, column 1: column 'time' is missing");
  EXPECT_EQ(header_refusal(""), "line 1, column 1: column '', wanted 'layer'");
  EXPECT_EQ(header_refusal("layer,time,more\n"), "line 1, column 12: column 'more', wanted no more");
  // However long the name is, the message is not.
  EXPECT_LT(header_refusal(std::string(10000, 'x')).size(), 150U);
}

TEST(Csv, ARecordHasAsManyFieldsAsWanted) {
  const std::vector<CsvField> record = CsvScanner("1,2").record();
  EXPECT_EQ(refusal([&] { check_csv_fields(record, 2); }), "");
  EXPECT_EQ(refusal([&] { check_csv_fields(record, 3); }), "line 1, column 3: 2 fields, wanted 3");
  EXPECT_EQ(refusal([&] { check_csv_fields(record, 1); }), "line 1, column 3: 2 fields, wanted 1");
}

TEST(Csv, NumbersAreRefusedWithTheirPlaceAndColumn) {
  const CsvField field{"12", 3, 5}, text{"twelve", 3, 5};
  EXPECT_EQ(csv_int(field, "runs", 12, 12), 12);
  EXPECT_EQ(csv_double(field, "0.5", "time"), 0.5);
  EXPECT_EQ(refusal([&] { csv_int(field, "runs", 0, 11); }),
            "line 3, column 5: runs: 12 is not within 0 and 11");
  EXPECT_EQ(refusal([&] { csv_int(field, "runs", 13, 20); }),
            "line 3, column 5: runs: 12 is not within 13 and 20");
  EXPECT_EQ(refusal([&] { csv_int(text, "runs", 0, 9); }).find("line 3, column 5: runs"), 0U);
  EXPECT_EQ(refusal([&] { csv_double(text, text.text, "time"); }).find("line 3, column 5: time"), 0U);
}

}  // namespace
}  // namespace raceline
