"""What platforms/worker.py makes of a framework's runs and of its profiler."""
import json
import io
import pathlib
import sys
import tempfile
import unittest

import support

sys.path.insert(0, str(support.SOURCE / "platforms"))
import worker  # noqa: E402


class Clock:
    """Time moves only when somebody works."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class Stand:
    """Copies in 5 us, runs 100 us, copies out 3 us; the profiler knows of 20 + 60 + 10 us of it."""

    def __init__(self, clock):
        self.clock, self.profiled = clock, 0

    def work(self, us):
        self.clock.now += us * 1e-6

    def feed(self):
        self.work(5)

    def run(self):
        self.work(100)

    def fetch(self):
        self.work(3)

    def kernels(self):
        self.profiled += 1
        self.work(150)  # a profiled run is slower
        return worker.label([(True, 20.0), (False, 40.0), (True, 5.0), (False, 15.0), (True, 10.0)]), ["a", "b"]


class Worker(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.real, worker.time = worker.time, self.clock
        self.addCleanup(lambda: setattr(worker, "time", self.real))

    def steps(self, answer, run=0):
        return {name: round(end - begin, 6) for name, begin, end in answer["runs"][run]}

    def measure(self, stand, budget_us=10_000, runs=50):
        return worker.Server(stand, None, None, None).measure(budget_us, runs)

    def test_steps_are_told_apart_and_add_up_to_the_run(self):
        answer = self.measure(Stand(self.clock))
        self.assertEqual(self.steps(answer), {"copy_in": 5, "issue": 10, "reshape_in": 20, "compute": 60,
                                              "reshape_out": 10, "copy_out": 3})
        ends = [end for _, _, end in answer["runs"][0]]
        begins = [begin for _, begin, _ in answer["runs"][0]]
        self.assertEqual(begins[1:], ends[:-1])
        self.assertAlmostEqual(ends[-1], 108)
        self.assertEqual(answer["kernels"], ["a", "b"])

    def test_the_budget_holds_and_one_run_is_always_there(self):
        self.assertEqual(len(self.measure(Stand(self.clock))["runs"]), 50)
        self.assertEqual(len(self.measure(Stand(self.clock), budget_us=2000)["runs"]), 11)
        self.assertEqual(len(self.measure(Stand(self.clock), budget_us=1)["runs"]), 1)

    def test_a_coarse_profiler_is_averaged_and_its_rounding_taken_back(self):
        class Coarse(Stand):
            resolution_us = 1.0

            def kernels(self):
                self.profiled += 1
                self.work(10)
                return [("compute", float(int(3.3 + self.profiled * 0.37 % 1)))], []

        stand = Coarse(self.clock)
        profile, _ = worker.Server(stand, None, None, None).profile(1e6)
        self.assertGreaterEqual(stand.profiled, (29 / 4) ** 2)
        # Four fifths of the runs are kept, so a little of the largest is missing.
        self.assertAlmostEqual(profile["compute"], 3.8, delta=0.2)

    def test_what_a_worker_does_not_tell_counts_nothing(self):
        class Plain:
            def run(plain):
                self.clock.now += 1e-4

        self.assertEqual(self.steps(self.measure(Plain())), {"copy_in": 0, "issue": 0, "reshape_in": 0, "compute": 100,
                                                             "reshape_out": 0, "copy_out": 0})

    def test_short_runs_are_timed_several_at_a_time(self):
        calls = []

        class Short:
            def run(short):
                calls.append(1)
                self.clock.now += 1e-6

        self.assertAlmostEqual(self.steps(self.measure(Short(), runs=5))["compute"], 1)
        self.assertGreaterEqual(len(calls), 5 * 10)

    def test_reorderings_inside_a_network_are_its_computation(self):
        self.assertEqual([step for step, _ in worker.label([(True, 1), (False, 1), (True, 1), (False, 1), (True, 1)])],
                         ["reshape_in", "compute", "compute", "compute", "reshape_out"])
        self.assertEqual(worker.label([]), [])
        self.assertEqual([step for step, _ in worker.label([(True, 1), (True, 1)])], ["compute", "reshape_out"])

    def test_a_file_of_this_machine_is_linked_and_any_other_is_wanted_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            own = pathlib.Path(folder)
            (own / "theirs").mkdir()
            (own / "here").mkdir()
            file = own / "theirs/model.onnx"
            file.write_bytes(b"abc")
            found = file.stat()
            server = worker.Server(None, None, None, own / "here")
            same = {"path": str(file), "inode": found.st_ino, "size": found.st_size, "modified_ns": found.st_mtime_ns}
            for name, other in (("a1", {"size": 4}), ("a2", {"modified_ns": found.st_mtime_ns + 1}), ("a3", {"inode": 1}),
                                ("a4", {"path": str(own / "nosuch")})):
                self.assertFalse(server.answer({"verb": "have", "hash": name, "file": same | other})[0]["have"], other)
            self.assertFalse(server.answer({"verb": "have", "hash": "a5"})[0]["have"])
            self.assertTrue(server.answer({"verb": "have", "hash": "a6", "file": same})[0]["have"])
            self.assertEqual((own / "here/a6").read_bytes(), b"abc")
            server.answer({"verb": "drop", "hash": "a6"})
            self.assertEqual(file.read_bytes(), b"abc")  # only the link is gone

    def test_errors_have_kinds_and_files_can_be_dropped(self):
        class Fails:
            def open(fails, *_):
                raise RuntimeError("std::bad_alloc")

        requests = [{"id": 1, "verb": "put", "hash": "ab", "bytes": 2}, {"id": 2, "verb": "have", "hash": "ab"},
                    {"id": 3, "verb": "drop", "hash": "ab"}, {"id": 4, "verb": "have", "hash": "ab"},
                    {"id": 5, "verb": "open", "model": "ab", "inputs": {}, "threads": 1, "mode": "optimised"},
                    {"id": 6, "verb": "drop", "hash": "../etc"}, {"id": 7, "verb": "nonsense"}, {"id": 8, "verb": "bye"}]
        text = b"".join(json.dumps(each).encode() + b"\n" + (b"xy" if "bytes" in each else b"") for each in requests)
        replies = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder:
            worker.Server(Fails(), io.BytesIO(text), replies, pathlib.Path(folder)).serve()
        answers = [json.loads(line) for line in replies.getvalue().splitlines()]
        self.assertEqual([answers[1]["have"], answers[3]["have"]], [True, False])
        self.assertEqual([answer["error"]["kind"] for answer in answers[4:7]], ["memory", "failed", "unsupported"])


if __name__ == "__main__":
    support.main()
