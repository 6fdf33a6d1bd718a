// What other programs, or raceline of other days, do to a store's file.
#pragma once
#include <filesystem>

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace raceline {

/// Runs statements in the file behind the store's back.
inline void execute_sql(const std::filesystem::path& file, const char* sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

}  // namespace raceline
