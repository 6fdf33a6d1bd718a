#include "raceline/profile/sqlite.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr int most_bytes = 64 << 20;  // of one row: a hostile file cannot ask for more memory

/// As an URI, so that a file may be opened that must not be touched.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("/-_.~", c) != nullptr;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri + "?immutable=1";
}

}  // namespace

Database::Database(const std::filesystem::path& path, Access access, int lock_wait_ms)
    : name_(path.string()) {
  std::error_code ignored;
  if (access == Access::memory) {
    name_ = "in memory";
    open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  } else {
    // An absolute name cannot be taken for one of SQLite's special ones.
    const std::filesystem::path full = std::filesystem::absolute(path, ignored);
    if (access == Access::read && !std::filesystem::exists(full, ignored)) refuse("there is no such file");
    if (std::filesystem::is_directory(full, ignored)) refuse("it is a folder");
    const int flags =
        access == Access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    open(full.string(), flags);
    if (access == Access::read) {
      // Reading takes a log and a file of shared memory beside the store. Where they cannot be made, and
      // there is no log that would have to be read, the file is all there is.
      const int code = sqlite3_exec(handle_.get(), "PRAGMA user_version; SELECT 1 FROM sqlite_schema",
                                    nullptr, nullptr, nullptr) &
                       0xFF;
      const bool log = std::filesystem::exists(full.string() + "-wal", ignored) &&
                       std::filesystem::file_size(full.string() + "-wal", ignored) > 0;
      if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !log) {
        open(immutable_uri(full.string()), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
      }
    }
  }
  sqlite3_busy_timeout(handle_.get(), lock_wait_ms);
  sqlite3_limit(handle_.get(), SQLITE_LIMIT_LENGTH, most_bytes);
  // Nothing in the file may run code of its own.
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
}

void Database::open(const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (handle == nullptr) refuse("out of memory");
  if (code != SQLITE_OK) fail();
  sqlite3_extended_result_codes(handle, 1);
}

void Database::refuse(std::string_view reason) const {
  throw IoError(fmt::format("store '{}': {}", name_, reason));
}

void Database::fail() const {
  sqlite3* handle = handle_.get();
  const int code = sqlite3_extended_errcode(handle);
  const int system = sqlite3_system_errno(handle);
  const std::string why = system != 0 ? fmt::format(" ({})", std::strerror(system)) : "";
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      refuse("it stayed locked by another process");
    case SQLITE_FULL:
      refuse("the disk is full");
    case SQLITE_NOTADB:
      refuse("it is not a store: not an SQLite file");
    case SQLITE_CORRUPT:
      refuse(fmt::format("it is damaged: {}", sqlite3_errmsg(handle)));
    case SQLITE_READONLY:
      refuse(fmt::format("it, or its folder, is read-only{}", why));
    case SQLITE_CANTOPEN:
      refuse(fmt::format("it, or the log beside it, cannot be opened{}", why));
    case SQLITE_IOERR:
      refuse(fmt::format("reading or writing failed{}: {}", why, sqlite3_errmsg(handle)));
    case SQLITE_NOMEM:
      refuse("out of memory");
    default:
      refuse(sqlite3_errmsg(handle));
  }
}

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &handle, nullptr) !=
      SQLITE_OK) {
    fail();
  }
  return {*this, handle};
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

bool Database::try_execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) & 0xFF;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) fail();
  return true;
}

int64_t Database::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(std::string_view sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.text(0) : std::string();
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_->fail();
}

void Statement::bind(int parameter, std::string_view text) {
  // An empty view may have no address, which would mean NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  check(sqlite3_bind_text64(handle_.get(), parameter + 1, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind(int parameter, int64_t number) {
  check(sqlite3_bind_int64(handle_.get(), parameter + 1, number));
}

void Statement::bind(int parameter, double number) {
  check(sqlite3_bind_double(handle_.get(), parameter + 1, number));
}

void Statement::bind(int parameter, std::span<const double> numbers) {
  const void* data = numbers.empty() ? "" : static_cast<const void*>(numbers.data());
  check(sqlite3_bind_blob64(handle_.get(), parameter + 1, data, numbers.size_bytes(), SQLITE_TRANSIENT));
}

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  // The reset keeps the connection's error, and ends the statement's transaction.
  sqlite3_reset(handle_.get());
  database_->fail();
}

void Statement::reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
}

std::string Statement::text(int column) const {
  if (sqlite3_column_type(handle_.get(), column) != SQLITE_TEXT)
    database_->refuse("it is damaged: a text is missing");
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (data == nullptr) database_->refuse("out of memory");
  return {data, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

int64_t Statement::integer(int column) const {
  if (sqlite3_column_type(handle_.get(), column) != SQLITE_INTEGER) {
    database_->refuse("it is damaged: a whole number is missing");
  }
  return sqlite3_column_int64(handle_.get(), column);
}

double Statement::real(int column) const {
  switch (sqlite3_column_type(handle_.get(), column)) {
    case SQLITE_NULL:
      return std::numeric_limits<double>::quiet_NaN();
    case SQLITE_FLOAT:
    case SQLITE_INTEGER:
      return sqlite3_column_double(handle_.get(), column);
    default:
      database_->refuse("it is damaged: a number is missing");
  }
}

std::vector<double> Statement::reals(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  const auto bytes = static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column));
  if (sqlite3_column_type(handle_.get(), column) != SQLITE_BLOB || bytes % sizeof(double) != 0) {
    database_->refuse("it is damaged: samples are no array of doubles");
  }
  std::vector<double> numbers(bytes / sizeof(double));
  if (bytes != 0) std::memcpy(numbers.data(), data, bytes);
  return numbers;
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const IoError&) {
    // SQLite has rolled back by itself, as it does on a full disk.
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace raceline
