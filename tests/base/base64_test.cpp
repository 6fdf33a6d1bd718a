#include "raceline/base/base64.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"

namespace raceline {
namespace {

TEST(Base64, WritesTheStandardsExamples) {
  // RFC 4648, section 10.
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, AnyBytesComeBack) {
  Random random(7);
  for (size_t size = 0; size < 70; ++size) {
    std::string bytes;
    while (bytes.size() < size) bytes += static_cast<char>(random.below(256));
    EXPECT_EQ(parse_base64(base64(bytes)), bytes);
  }
}

TEST(Base64, WhatItDoesNotWriteIsRefused) {
  for (const char* text : {"Z", "Zg=", "Zg", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm-v"})
    EXPECT_THROW(parse_base64(text), ParseError) << text;
}

}  // namespace
}  // namespace raceline
