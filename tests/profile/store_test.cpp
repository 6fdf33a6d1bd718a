#include "raceline/profile/store.h"

#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <functional>
#include <limits>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/random.h"
#include "raceline/profile/cost_table.h"

namespace raceline {
namespace {

namespace fs = std::filesystem;

class Store : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "raceline-store-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::permissions(folder_, fs::perms::all);
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::all);
    fs::remove_all(folder_);
  }
  fs::path path() const { return folder_ / "costs.db"; }

  fs::path folder_;
};

std::string csv_header() {
  return "layer,primitive,revision,device,threads,pinned,cache,state,samples_us,error,why,taken_at";
}

CostRow row(int index, int samples = 12) {
  CostRow made;
  made.key = {"conv2d layer " + std::to_string(index),
              "conv2d.onednn.jit.nhwc@cpu",
              "r1",
              "machine",
              1,
              false,
              "session"};
  for (int i = 0; i < samples; ++i) made.samples_us.push_back(index + 0.1 * i);
  made.error = 1e-7;
  made.taken_at = "2026-11-22T16:30:00Z";
  return made;
}

void expect_same(const CostRow& a, const CostRow& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.samples_us, b.samples_us);
  EXPECT_TRUE(a.error == b.error || (std::isnan(a.error) && std::isnan(b.error)));
  EXPECT_EQ(a.why, b.why);
  EXPECT_EQ(a.taken_at, b.taken_at);
}

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

TEST_F(Store, KeepsRowsAcrossOpening) {
  CostRow failed = row(2, 0);
  failed.state = CostState::failed;
  failed.why = "wrong, by \"much\"";
  failed.error = std::numeric_limits<double>::quiet_NaN();
  CostRow copy = row(1);
  copy.key.threads = 4;
  copy.key.pinned = true;
  {
    CostStore store = CostStore::open(path());
    store.save(failed);
    store.save(row(1));
    store.save(copy);
    store.mark_started(row(3).key);
  }
  const CostStore store = CostStore::open(path(), CostStore::Mode::read);
  const std::vector<CostRow> rows = store.rows();
  ASSERT_EQ(rows.size(), 4u);
  expect_same(rows[0], row(1));
  expect_same(rows[1], copy);
  expect_same(rows[2], failed);
  EXPECT_EQ(rows[3].state, CostState::started);
  EXPECT_EQ(rows[3].taken_at.size(), std::string("2026-11-22T16:30:00Z").size());
  expect_same(*store.find(copy.key), copy);
  EXPECT_FALSE(store.find(row(7).key).has_value());
}

TEST_F(Store, EveryPartOfTheKeyTellsRowsApart) {
  CostStore store = CostStore::temporary();
  const std::function<void(CostKey&)> changes[] = {
      [](CostKey&) {},
      [](CostKey& key) { key.layer += "x"; },
      [](CostKey& key) { key.primitive += "x"; },
      [](CostKey& key) { key.revision += "x"; },
      [](CostKey& key) { key.device += "x"; },
      [](CostKey& key) { key.threads = 2; },
      [](CostKey& key) { key.pinned = true; },
      [](CostKey& key) { key.cache = "cold"; },
  };
  for (const auto& change : changes) {
    CostRow one = row(1);
    change(one.key);
    store.save(one);
  }
  EXPECT_EQ(store.rows().size(), std::size(changes));
}

TEST_F(Store, AStartNeverHidesAResult) {
  CostStore store = CostStore::temporary();
  store.save(row(1));
  store.mark_started(row(1).key);
  expect_same(*store.find(row(1).key), row(1));
  CostRow failed = row(2, 0);
  failed.state = CostState::failed;
  store.save(failed);
  store.mark_started(failed.key);
  EXPECT_EQ(store.find(failed.key)->state, CostState::started);
  EXPECT_EQ(store.forget_failures(), 1);
  EXPECT_EQ(store.rows().size(), 1u);
}

TEST_F(Store, MergeKeepsTheLaterAndCountsChanges) {
  CostStore mine = CostStore::temporary(), theirs = CostStore::temporary();
  CostRow older = row(1), newer = row(1, 3);
  newer.taken_at = "2026-12-01T00:00:00Z";
  CostRow start = row(2, 0);
  start.state = CostState::started;
  start.taken_at = "2027-01-01T00:00:00Z";
  mine.save(older);
  mine.save(row(2));
  mine.save(row(3));
  theirs.save(newer);
  theirs.save(start);
  theirs.save(row(3));
  theirs.save(row(4));
  EXPECT_EQ(mine.merge(theirs), 2);
  expect_same(*mine.find(older.key), newer);
  expect_same(*mine.find(row(2).key), row(2));
  expect_same(*mine.find(row(4).key), row(4));
  EXPECT_EQ(mine.merge(theirs), 0);
  EXPECT_EQ(theirs.merge(theirs), 0);
  EXPECT_EQ(theirs.merge(mine), 1);
}

TEST_F(Store, CsvGoesRoundUnchanged) {
  CostStore store = CostStore::temporary();
  Random random(11);
  for (int i = 0; i < 50; ++i) {
    CostRow one = row(i, static_cast<int>(1 + random.below(5)));
    for (double& sample : one.samples_us) sample = std::exp(20 * random.normal());
    one.error = i % 7 == 0   ? std::numeric_limits<double>::quiet_NaN()
                : i % 5 == 0 ? std::numeric_limits<double>::infinity()
                             : 1e-7;
    one.why = i % 3 == 0 ? "line one,\r\nline \"two\"" : "";
    one.key.layer += i % 4 == 0 ? ",\"x\"\n" : "";
    store.save(one);
  }
  store.mark_started(row(100).key);
  const std::string csv = store.to_csv();
  CostStore copy = CostStore::temporary();
  EXPECT_EQ(copy.import_csv(csv), 51);
  EXPECT_EQ(copy.to_csv(), csv);
  const auto before = store.rows(), after = copy.rows();
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) expect_same(before[i], after[i]);
  EXPECT_EQ(copy.import_csv(csv), 0);
  // Line ends of other systems, and none at the end.
  std::string other = csv_header() + "\r\nl,p,r,d,1,0,session,measured,1.5;2,0,,2026-11-22T16:30:00.25Z";
  EXPECT_EQ(copy.import_csv(other), 1);
}

TEST_F(Store, BadCsvIsRefusedWithItsPlaceAndChangesNothing) {
  const std::string good = "l,p,r,d,1,0,session,measured,1.5;2,0,,2026-11-22T16:30:00Z\n";
  const auto with = [&](const std::string& line) { return csv_header() + "\n" + good + line; };
  const struct {
    std::string csv, place, what;
  } cases[] = {
      {"", "line 1, column 1", "wanted 'layer'"},
      {"layer,primitive\n", "line 1, column 7", "'revision' is missing"},
      {csv_header() + ",more\n", "line 1", "wanted no more"},
      {with("l,p,r\n"), "line 3, column 5", "3 fields"},
      {with("l,p,r,d,one,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 9", "threads: 'one'"},
      {with("l,p,r,d,-1,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 9", "threads: -1"},
      {with("l,p,r,d,99999999999,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3", "threads"},
      {with("l,p,r,d,1,2,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 11", "pinned"},
      {with("l,p,r,d,1,0,s,done,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 15", "state: 'done'"},
      {with("l,p,r,d,1,0,s,measured,,0,,2026-11-22T16:30:00Z\n"), "line 3", "no samples"},
      {with("l,p,r,d,1,0,s,measured,1;x,0,,2026-11-22T16:30:00Z\n"), "line 3, column 24", "'x'"},
      {with("l,p,r,d,1,0,s,measured,1;;2,0,,2026-11-22T16:30:00Z\n"), "line 3", "''"},
      {with("l,p,r,d,1,0,s,measured,-1,0,,2026-11-22T16:30:00Z\n"), "line 3", "-1 is no time"},
      {with("l,p,r,d,1,0,s,measured,inf,0,,2026-11-22T16:30:00Z\n"), "line 3", "inf is no time"},
      {with("l,p,r,d,1,0,s,measured,1,small,,2026-11-22T16:30:00Z\n"), "line 3", "error: 'small'"},
      {with("l,p,r,d,1,0,s,measured,1,0,,yesterday\n"), "line 3", "taken_at: 'yesterday'"},
      {with(",p,r,d,1,0,s,measured,1,0,,2026-11-22T16:30:00Z\n"), "line 3, column 1", "layer: empty"},
      {with("\"l,p\n"), "line 3, column 1", "not closed"},
      {with("\"l\"x,p\n"), "line 3, column 4", "after a closing quote"},
      {with("l\"x,p\n"), "line 3, column 2", "quote inside"},
      {with("\"a\nb\",p,r\n"), "line 4", "3 fields"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.csv);
    CostStore store = CostStore::temporary();
    try {
      store.import_csv(one.csv);
      ADD_FAILURE() << "was taken";
    } catch (const ParseError& error) {
      EXPECT_NE(std::string(error.what()).find(one.place), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(one.what), std::string::npos) << error.what();
    }
    EXPECT_TRUE(store.rows().empty());
  }
}

TEST_F(Store, MangledCsvNeverCrashes) {
  CostStore store = CostStore::temporary();
  for (int i = 0; i < 4; ++i) store.save(row(i));
  const std::string csv = store.to_csv();
  Random random(5);
  int taken = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string mangled = csv;
    for (int64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(mangled.size())));
      switch (random.below(3)) {
        case 0:
          mangled[at] = "\",;\n\r-.x0\0"[random.below(10)];
          break;
        case 1:
          mangled.erase(at, static_cast<size_t>(1 + random.below(20)));
          break;
        default:
          mangled.resize(std::max<size_t>(at, 1));
      }
    }
    try {
      CostStore::temporary().import_csv(mangled);
      ++taken;
    } catch (const ParseError&) {
    }
  }
  EXPECT_LT(taken, 2000);
}

TEST_F(Store, KillingTheWriterLosesAtMostTheRowInHand) {
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

TEST_F(Store, TwoProcessesWriteAtOnceAndNothingIsLost) {
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

TEST_F(Store, WaitsForALockAndSaysWhenItStays) {
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

TEST_F(Store, ReadsWhereNothingCanBeWritten) {
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

TEST_F(Store, AReadOnlyFolderIsNamed) {
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

TEST_F(Store, AnUnwrittenLogIsNotPassedOverSilently) {
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

TEST_F(Store, AFullDiskIsNamedAndLosesNothing) {
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

TEST_F(Store, AFileSizeLimitIsNamedAndLosesNothing) {
  EXPECT_EQ(in_child([&] {
              const rlimit limit{512 << 10, 512 << 10};
              if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 98;
              return fill(path(), "writing failed");
            }),
            0);
  EXPECT_GT(CostStore::open(path()).rows().size(), 10u);
}

TEST_F(Store, OtherFilesAreRefusedAndLeftAlone) {
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

  const auto run = [&](const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  };
  run("CREATE TABLE bookmarks(url TEXT); PRAGMA user_version = 7");
  refused("some other SQLite file");
  fs::remove(path());

  { CostStore::open(path()).save(row(1)); }
  run("PRAGMA user_version = 2");
  refused("newer");
  run("PRAGMA user_version = 1; ALTER TABLE cost RENAME TO was; CREATE VIEW cost AS SELECT * FROM was");
  refused("damaged");

  reason(folder_, [&] { CostStore::open(folder_); });
  reason(folder_ / "none.db", [&] { CostStore::open(folder_ / "none.db", CostStore::Mode::read); });
  EXPECT_FALSE(fs::exists(folder_ / "none.db"));
  reason(folder_ / "no" / "folder.db", [&] { CostStore::open(folder_ / "no" / "folder.db"); });
}

TEST_F(Store, DamagedFilesThrowAndNeverCrash) {
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

TEST(Percentile, InterpolatesBetweenNeighbours) {
  const std::vector<double> samples{5, 1, 4, 2, 3};
  EXPECT_EQ(percentile(samples, 0), 1);
  EXPECT_EQ(percentile(samples, 0.5), 3);
  EXPECT_EQ(percentile(samples, 1), 5);
  EXPECT_DOUBLE_EQ(percentile(samples, 0.1), 1.4);
  EXPECT_EQ(percentile(std::vector<double>{7}, 0.1), 7);
}

TEST(CostTable, APairHasACostOrAFailure) {
  CostTable table;
  table.set("l", "p", {.us = 3});
  EXPECT_EQ(table.find("l", "p")->us, 3);
  EXPECT_EQ(table.failure("l", "p"), "");
  table.set_failure("l", "p", "crashed");
  EXPECT_FALSE(table.find("l", "p").has_value());
  EXPECT_EQ(table.failure("l", "p"), "crashed");
  table.set("l", "p", {.us = 4});
  EXPECT_EQ(table.failure("l", "p"), "");
  EXPECT_EQ(table.size(), 1u);
  EXPECT_FALSE(table.find("p", "l").has_value());
}

}  // namespace
}  // namespace raceline
