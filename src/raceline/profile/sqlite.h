// A thin skin over SQLite: errors become IoError naming the file, handles close themselves. Private to
// this room.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace raceline {

class Statement;

/// One connection. For one thread at a time.
class Database {
 public:
  enum class Access : uint8_t { read, write, memory };

  /// Throws IoError: the file cannot be opened as asked.
  Database(const std::filesystem::path& path, Access access, int lock_wait_ms);

  Statement prepare(std::string_view sql);
  /// Statements without results.
  void execute(const char* sql);
  /// The first column of the first row of the result.
  int64_t integer(std::string_view sql);
  std::string text(std::string_view sql);
  int changes() const { return sqlite3_changes(handle_.get()); }
  bool writable() const { return sqlite3_db_readonly(handle_.get(), "main") == 0; }
  /// Like execute(), but a lock that does not go away in time is an answer: false.
  bool try_execute(const char* sql);

  /// Throws IoError for the connection's last error.
  [[noreturn]] void fail() const;
  [[noreturn]] void refuse(std::string_view reason) const;

 private:
  void open(const std::string& name, int flags);

  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::string name_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. Parameters and columns count from 0; reset() makes it ready to run again.
class Statement {
 public:
  void bind(int parameter, std::string_view text);
  void bind(int parameter, int64_t number);
  void bind(int parameter, double number);  ///< NaN is stored as NULL
  void bind(int parameter, std::span<const double> numbers);
  /// Whether there is a row.
  bool step();
  void reset();

  /// Throw IoError when the column holds something else, as only a damaged file does.
  std::string text(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::vector<double> reals(int column) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}
  void check(int code) const;

  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// All or nothing: rolls back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace raceline
