// The store as a file: killed writers, other processes, missing rights, full disks, damage.
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "execute_sql.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/random.h"
#include "raceline/profile/store.h"
#include "store_rows.h"

namespace raceline {
namespace {

namespace fs = std::filesystem;

using test::expect_same;
using test::row;

using StoreFile = test::StoreFolder;

/// The text of the IoError that this throws, which must name the file.
std::string reason(const fs::path& path, const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// The exit status of a child that runs this; 99 when it throws.
int in_child(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    int status = 99;
    try {
      status = work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/// Permissions do not bind root, so root's tests look at them as somebody else.
class AsNobody {
 public:
  AsNobody() : root_(geteuid() == 0) {
    if (root_) {
      EXPECT_EQ(seteuid(65534), 0);
    }
  }
  ~AsNobody() {
    if (root_) {
      EXPECT_EQ(seteuid(0), 0);
    }
  }

 private:
  bool root_;
};

TEST_F(StoreFile, KillingTheWriterLosesAtMostTheRowInHand) {
  for (int round = 0; round < 5; ++round) {
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const int first = round * 100'000;
    const pid_t child = fork();
    if (child == 0) {
      close(acknowledged[0]);
      CostStore store = CostStore::open(path());
      for (int i = first;; ++i) {
        store.save(row(i));
        if (write(acknowledged[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(acknowledged[1]);
    int last = -1;
    for (int seen = 0; seen < 50 + 37 * round; ++seen) {
      ASSERT_EQ(read(acknowledged[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    // What the child had acknowledged before it died is still in the pipe.
    int more = 0;
    while (read(acknowledged[0], &more, sizeof more) == static_cast<ssize_t>(sizeof more)) last = more;
    close(acknowledged[0]);

    const CostStore store = CostStore::open(path());
    for (int i = first; i <= last; ++i) {
      const auto found = store.find(row(i).key);
      ASSERT_TRUE(found.has_value()) << i;
      expect_same(*found, row(i));
    }
    EXPECT_FALSE(store.find(row(last + 2).key).has_value());
  }
}

TEST_F(StoreFile, TwoProcessesWriteAtOnceAndNothingIsLost) {
  // Both also race to make the file.
  constexpr int count = 300;
  std::vector<pid_t> children;
  for (int child = 0; child < 2; ++child) {
    children.push_back(fork());
    if (children.back() == 0) {
      try {
        CostStore store = CostStore::open(path());
        for (int i = 0; i < count; ++i) {
          store.mark_started(row(child * 1000 + i).key);
          store.save(row(child * 1000 + i));
          CostRow shared = row(5000);
          shared.samples_us = {static_cast<double>(i)};
          store.save(shared);
        }
        _exit(0);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "child: %s\n", error.what());
        _exit(1);
      }
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  const CostStore store = CostStore::open(path());
  EXPECT_EQ(store.rows().size(), 2u * count + 1);
  for (int child = 0; child < 2; ++child) {
    for (int i = 0; i < count; ++i)
      expect_same(*store.find(row(child * 1000 + i).key), row(child * 1000 + i));
  }
  EXPECT_EQ(store.find(row(5000).key)->samples_us, std::vector<double>{count - 1});
}

/// A plain connection that holds the store's write lock.
class Locker {
 public:
  explicit Locker(const fs::path& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &handle_), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  ~Locker() { release(); }
  void release() {
    if (handle_ != nullptr) sqlite3_close(handle_);
    handle_ = nullptr;
  }

 private:
  sqlite3* handle_ = nullptr;
};

TEST_F(StoreFile, WaitsForALockAndSaysWhenItStays) {
  CostStore store = CostStore::open(path());
  CostStore impatient = CostStore::open(path(), CostStore::Mode::write, 20);
  Locker locker(path());
  EXPECT_NE(reason(path(), [&] { impatient.save(row(1)); }).find("locked"), std::string::npos);
  EXPECT_TRUE(impatient.rows().empty());  // readers do not wait
  std::thread releaser([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    locker.release();
  });
  EXPECT_NO_THROW(store.save(row(1)));
  releaser.join();
  EXPECT_EQ(impatient.rows().size(), 1u);
}

TEST_F(StoreFile, ReadsWhereNothingCanBeWritten) {
  { CostStore::open(path()).save(row(1)); }
  fs::permissions(path(), fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::group_read |
                               fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec);
  const AsNobody nobody;
  {
    const CostStore store = CostStore::open(path(), CostStore::Mode::read);
    ASSERT_EQ(store.rows().size(), 1u);
    expect_same(store.rows()[0], row(1));
  }
  EXPECT_NE(reason(path(), [&] { CostStore::open(path()); }).find("read-only"), std::string::npos);
}

TEST_F(StoreFile, AReadOnlyFolderIsNamed) {
  { CostStore::open(path()).save(row(1)); }
  fs::permissions(path(), fs::perms::all);
  fs::permissions(
      folder_, fs::perms::all & ~(fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write));
  const AsNobody nobody;
  reason(path(), [&] { CostStore::open(path()).save(row(2)); });
  reason(folder_ / "new.db", [&] { CostStore::open(folder_ / "new.db"); });
  EXPECT_FALSE(fs::exists(folder_ / "new.db"));
  EXPECT_EQ(CostStore::open(path(), CostStore::Mode::read).rows().size(), 1u);
}

TEST_F(StoreFile, AnUnwrittenLogIsNotPassedOverSilently) {
  // A copy of a live store with its log but without the right to open that: reading the file alone would lose
  // rows.
  const fs::path copy = folder_ / "copy";
  fs::create_directory(copy);
  {
    CostStore store = CostStore::open(path());
    store.save(row(1));
    fs::copy_file(path(), copy / "costs.db");
    fs::copy_file(path().string() + "-wal", copy / "costs.db-wal");
  }
  fs::permissions(copy / "costs.db-wal", fs::perms::none);
  fs::permissions(copy / "costs.db", fs::perms::owner_read | fs::perms::others_read);
  fs::permissions(
      copy, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  {
    const AsNobody nobody;
    reason(path(), [&] { CostStore::open(copy / "costs.db", CostStore::Mode::read).rows(); });
  }
  fs::permissions(copy, fs::perms::all);
}

/// Saves until that fails; 0 when the error names the file and everything saved before is still there.
int fill(const fs::path& path, std::string_view wanted) {
  std::signal(SIGXFSZ, SIG_IGN);
  CostStore store = CostStore::open(path);
  int saved = 0;
  try {
    for (; saved < 10'000; ++saved) store.save(row(saved, 200));
    return 2;
  } catch (const IoError& error) {
    const std::string text = error.what();
    if (text.find(path.filename().string()) == std::string::npos || text.find(wanted) == std::string::npos) {
      std::fprintf(stderr, "child: %s\n", error.what());
      return 3;
    }
  }
  if (saved == 0) return 4;
  for (int i = 0; i < saved; ++i) {
    const auto found = store.find(row(i).key);
    if (!found || found->samples_us != row(i, 200).samples_us) return 5;
  }
  return store.find(row(saved).key) ? 6 : 0;
}

TEST_F(StoreFile, AFullDiskIsNamedAndLosesNothing) {
  const int status = in_child([&] {
    // A disk of 512 KiB, in a name space that ends with the child.
    const int spaces = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(spaces) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=512k") != 0) {
      return 77;
    }
    return fill(path(), "full");
  });
  if (status == 77) GTEST_SKIP() << "no small disk can be mounted here";
  EXPECT_EQ(status, 0);
}

TEST_F(StoreFile, AFileSizeLimitIsNamedAndLosesNothing) {
  EXPECT_EQ(in_child([&] {
              const rlimit limit{512 << 10, 512 << 10};
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 98;
              return fill(path(), "writing failed");
            }),
            0);
  EXPECT_GT(CostStore::open(path()).rows().size(), 10u);
}

TEST_F(StoreFile, AStoreOfVersion1KeepsItsCostsAndLearnsOfRuns) {
  const RunKey key{"graph", "plan", "race", "machine", 2, true};
  const RunRow whole{"", "", "", "", {3, 1, 2}, "2026-11-22T16:30:00Z"};
  { CostStore::open(path()).save(row(1)); }
  // What version 1 wrote: the same table of costs, and no other.
  execute_sql(path(),
              "DROP TABLE run; DROP TABLE sitting; DROP TABLE sample; DROP TABLE sentinel; "
              "PRAGMA user_version = 1");

  const std::string before = read_file(path());
  {
    const CostStore old = CostStore::open(path(), CostStore::Mode::read);
    expect_same(old.rows().at(0), row(1));
    EXPECT_TRUE(old.find_runs(key).empty());
    EXPECT_TRUE(old.run_keys().empty());
  }
  EXPECT_EQ(read_file(path()), before) << "reading must not change it";
  {
    CostStore store = CostStore::open(path());
    expect_same(store.rows().at(0), row(1));
    store.save_runs(key, std::vector{whole});
  }
  const CostStore again = CostStore::open(path(), CostStore::Mode::read);
  EXPECT_EQ(again.rows().size(), 1u);
  EXPECT_EQ(again.find_runs(key), std::vector{whole});
}

TEST_F(StoreFile, OtherFilesAreRefusedAndLeftAlone) {
  const auto bytes_of = [](const fs::path& file) { return read_file(file); };
  const auto refused = [&](const std::string& what) {
    const std::string before = bytes_of(path());
    for (const CostStore::Mode mode : {CostStore::Mode::read, CostStore::Mode::write}) {
      const std::string why = reason(path(), [&] { CostStore::open(path(), mode); });
      EXPECT_NE(why.find(what), std::string::npos) << why;
    }
    EXPECT_EQ(bytes_of(path()), before);
  };
  write_file(path(), std::string(5000, 'x'));
  refused("not an SQLite file");
  fs::remove(path());

  const auto run = [&](const char* sql) { execute_sql(path(), sql); };
  run("CREATE TABLE bookmarks(url TEXT); PRAGMA user_version = 7");
  refused("some other SQLite file");
  fs::remove(path());

  { CostStore::open(path()).save(row(1)); }
  run("PRAGMA user_version = 5");
  refused("newer");
  run("PRAGMA user_version = 4; ALTER TABLE run ADD COLUMN more TEXT");
  refused("damaged");
  run("PRAGMA user_version = 1; ALTER TABLE cost RENAME TO was; CREATE VIEW cost AS SELECT * FROM was");
  refused("damaged");

  reason(folder_, [&] { CostStore::open(folder_); });
  reason(folder_ / "none.db", [&] { CostStore::open(folder_ / "none.db", CostStore::Mode::read); });
  EXPECT_FALSE(fs::exists(folder_ / "none.db"));
  reason(folder_ / "no" / "folder.db", [&] { CostStore::open(folder_ / "no" / "folder.db"); });
}

TEST_F(StoreFile, DamagedFilesThrowAndNeverCrash) {
  {
    CostStore store = CostStore::open(path());
    for (int i = 0; i < 200; ++i) store.save(row(i));
  }
  const std::string whole = read_file(path());
  Random random(3);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    if (round % 3 == 0)
      bytes.resize(static_cast<size_t>(1 + random.below(static_cast<int64_t>(bytes.size()))));
    for (int edit = 0; edit < 20 && round % 3 != 0; ++edit) {
      // The header is 100 bytes; half of the edits go there and to the schema.
      const auto end = static_cast<int64_t>(edit % 2 == 0 ? 600 : bytes.size());
      bytes[static_cast<size_t>(random.below(end))] = static_cast<char>(random.below(256));
    }
    const fs::path damaged = folder_ / "costs-damaged.db";
    for (const char* tail : {"", "-wal", "-shm"}) fs::remove(damaged.string() + tail);
    std::ofstream(damaged, std::ios::binary) << bytes;
    try {
      CostStore store = CostStore::open(damaged);
      store.rows();
      store.find(row(150).key);
      store.save(row(7));
    } catch (const IoError& error) {
      ++refused;
      EXPECT_NE(std::string(error.what()).find("costs-damaged.db"), std::string::npos);
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace raceline
