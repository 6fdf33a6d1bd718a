"""Killed while measuring, and two processes on one store: nothing is lost but the measurement in hand.

RACELINE_KILLS says how many times (the test labelled long: 50), RACELINE_SEED at which moments."""
import csv
import io
import os
import random
import signal
import sqlite3
import subprocess
import time

import support

KILLS = int(os.environ.get("RACELINE_KILLS", "4"))
SEED = int(os.environ.get("RACELINE_SEED", "20261122"))


class Faults(support.CliTest):
    def setUp(self):
        super().setUp()
        self.small, self.large = self.zoo("lenet5"), self.zoo("squeezenet")

    def start(self, *arguments):
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache"))
        process = subprocess.Popen([support.PROGRAM, *map(str, arguments), "--store", str(self.store), "--threads", "1"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        self.addCleanup(process.kill)
        return process

    def profile(self):
        return self.start("profile", self.large)

    def race(self):
        return self.start("tune", self.small, "-o", self.folder / "x.plan", "--race", "--race-rounds", 5)

    def rows(self):
        """The rows of costs by key; the store must be whole. While nothing is made yet there are none."""
        if not self.store.exists():
            return {}
        text = self.run_program("store", "export", "--store", self.store).stdout
        rows = {tuple(row[:7]): dict(zip(("state", "samples"), row[7:9])) for row in list(csv.reader(io.StringIO(text)))[1:]}
        with sqlite3.connect(self.store) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            # Runs are all or nothing: positions from 0 without a gap, as many samples in each row (of a race: of a take).
            by_key = "FROM run GROUP BY graph, plan, protocol, device, threads, pinned"
            for count, last in database.execute(f"SELECT count(*), max(position) {by_key}"):
                self.assertEqual(last, count - 1)
            take = "CASE WHEN protocol LIKE 'race in takes %' THEN position / 2 END"
            for at, count, least, most in database.execute(
                    f"SELECT {take}, count(*), min(length(samples)), max(length(samples)) {by_key}, {take}"):
                self.assertEqual(least, most)
                self.assertTrue(at is None or count == 2, f"take {at}: {count} rows")
        return rows

    def runs(self):
        with sqlite3.connect(self.store) as database:
            return set(database.execute("SELECT DISTINCT graph, plan, protocol FROM run"))

    def assert_nothing_lost(self, before, after):
        for key, row in before.items():
            if row["state"] == "started":
                continue
            self.assertIn(key, after)
            self.assertEqual(after[key]["state"], row["state"], key)
            # Fewer samples show that it cannot win, for now: it may be the measurement in hand again.
            if row["samples"].count(";") >= 4:
                self.assertEqual(after[key]["samples"], row["samples"], key)

    def test_killing_it_loses_at_most_the_measurement_in_hand(self):
        print(f"seed {SEED}, {KILLS} kills")
        moments = random.Random(SEED)
        rows, runs, killed = self.rows(), set(), 0
        for attempt in range(20 * KILLS):
            if killed == KILLS:
                break
            process = self.profile() if attempt % 2 == 0 else self.race()
            wait = moments.uniform(0.02, 2)
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            now = self.rows()
            self.assert_nothing_lost(rows, now)
            started = sum(row["state"] == "started" for row in now.values())
            self.assertLessEqual(started, killed, f"after {wait:.3f} s")
            if now:
                self.assertLessEqual(runs, self.runs())
                runs = self.runs()
            rows = now
        self.assertEqual(killed, KILLS)
        self.assertGreater(len(rows), 0)
        # The next tune takes it up from there.
        if rows:
            self.run_program("store", "forget", "--store", self.store)
        result = self.json_of("tune", self.small, "-o", self.folder / "y.plan", "--store", self.store, "--threads", 1,
                              "--race-rounds", 5)
        self.assertTrue(result["raced"])
        self.assert_nothing_lost({key: row for key, row in rows.items() if row["state"] == "measured"}, self.rows())

    def test_two_processes_share_a_store_and_the_death_of_one_stops_nobody(self):
        first, second = self.race(), self.profile()
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and first.poll() is None and len(self.rows_if_any()) < 50:
            time.sleep(0.05)
        before = self.rows()
        second.send_signal(signal.SIGKILL)
        second.wait()
        self.assertEqual(first.wait(timeout=250), 0)
        after = self.rows()
        self.assert_nothing_lost(before, after)
        self.assertLessEqual(sum(row["state"] == "started" for row in after.values()), 1)
        self.assertTrue((self.folder / "x.plan").exists())

    def rows_if_any(self):
        """The store may be in the making."""
        try:
            return self.rows()
        except (AssertionError, sqlite3.Error):
            return {}


if __name__ == "__main__":
    support.main()
