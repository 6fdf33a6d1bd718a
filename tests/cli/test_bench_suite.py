"""tools/bench-suite end to end, with Raceline as its own peer and with a peer that fails; floors on fixed numbers."""
import json
import os
import subprocess
import sys
import time

import support

SUITE = support.SOURCE / "tools/bench-suite"
sys.path.insert(0, str(support.SOURCE / "tools"))
from bench_suite import floors  # noqa: E402
from bench_suite.cells import Cell, Workshop  # noqa: E402
from bench_suite.page import page  # noqa: E402
from bench_suite.results import Results  # noqa: E402

MISSED_OR_NOT = (0, 1)  # whether a floor holds depends on the machine


class BenchSuite(support.CliTest):
    def setUp(self):
        super().setUp()
        self.results, self.page = self.folder / "results.json", self.folder / "page.md"

    def suite(self, *arguments, statuses):
        """Runs the suite on LeNet-5, quickly; gives the finished process."""
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache"), OPENBLAS_TEST="seen")
        done = subprocess.run([sys.executable, SUITE, "--raceline", support.PROGRAM, "--quick",
                               "--nets", "lenet5_caffe", "--results", self.results, "--page", self.page,
                               *map(str, arguments)], capture_output=True, text=True, timeout=280, env=environment)
        self.assertIn(done.returncode, statuses, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done

    def found(self):
        return json.loads(self.results.read_text())

    def test_what_was_measured_is_kept_and_the_page_is_made_of_it(self):
        peer = ["--peers", f"{support.PROGRAM} worker"]
        self.assertIn("not finished", self.suite(*peer, "--minutes", 0, statuses=[130]).stderr)
        status = self.suite(*peer, statuses=MISSED_OR_NOT).returncode
        found = self.found()
        row, = found["cells"]
        self.assertEqual((row["net"], row["threads"], row["batch"]), ("lenet5_caffe", 1, 1))
        self.assertEqual([side["name"] for side in row["sides"]], ["raceline", peer[1]])
        self.assertGreater(row["tune"]["measured"], 0)
        self.assertEqual(row["environment"]["OPENBLAS_TEST"], "seen")
        self.assertIn("fingerprint", found["machine"])
        text = self.page.read_text()
        self.assertIn("| lenet5_caffe | ", text)
        self.assertIn("OPENBLAS_TEST=seen", text)
        # All is there: nothing is measured again.
        self.suite(*peer, statuses=[status])
        self.assertEqual(self.found(), found)
        self.page.unlink()
        self.suite("--report", statuses=[status])
        self.assertEqual(self.page.read_text(), text)
        # What another build measured is measured again; its costs are in the store.
        found["cells"][0]["build"] = "another"
        self.results.write_text(json.dumps(found))
        self.suite(*peer, "--keep", statuses=MISSED_OR_NOT)
        self.assertEqual(self.found(), found)
        self.suite(*peer, statuses=MISSED_OR_NOT)
        row, = self.found()["cells"]
        self.assertNotEqual(row["build"], "another")
        self.assertEqual(row["tune"]["measured"], 0)
        self.assertGreater(row["tune"]["from_store"], 0)

    def test_a_peer_that_fails_is_named_and_one_that_is_missing_fails_the_cell(self):
        self.suite("--peers", "/no/such/peer", statuses=MISSED_OR_NOT)
        row, = self.found()["cells"]
        self.assertIn("why", row["sides"][1])
        self.assertIn("`/no/such/peer`", self.page.read_text())
        done = self.suite("--peers", "onnxruntime", "--python", "/no/python", "--results",
                          self.folder / "other.json", statuses=[1])
        self.assertIn("failed: lenet5_caffe, 1 thread, batch 1", done.stdout)

    def test_terminated_it_ends_its_command_and_keeps_what_was_measured(self):
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache"))
        suite = subprocess.Popen([sys.executable, SUITE, "--raceline", support.PROGRAM, "--quick", "--nets", "squeezenet",
                                  "--peers", "", "--results", self.results], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
        for line in suite.stderr:
            if line.startswith("squeezenet-batch1:"):  # the tune has begun
                break
        time.sleep(1)
        suite.terminate()
        self.assertIn("not finished", suite.communicate(timeout=60)[1])
        self.assertEqual(suite.returncode, 130)
        with self.assertRaises(ProcessLookupError):
            os.killpg(suite.pid, 0)
        store = self.folder / "cache/raceline/bench-suite/costs.db"
        self.assertGreater(self.json_of("store", "info", "--store", store)["rows"], 0)

    def test_results_of_another_machine_or_format_are_refused(self):
        self.results.write_text('{"format": "raceline-bench/9"}')
        self.assertIn("raceline-bench/9", self.suite(statuses=[2]).stderr)
        self.results.write_text(json.dumps({"format": "raceline-bench/1", "cells": [], "memory": [],
                                            "machine": {"fingerprint": "0", "cpu": "toaster"}}))
        self.assertIn("toaster", self.suite(statuses=[2]).stderr)


class Floors(support.CliTest):
    """On numbers made up: nothing runs."""

    @staticmethod
    def side(name, us, ratio):
        return {"name": name, "versions": {name: "1.0"}, "median_us": us, "ratio": [ratio, ratio, ratio],
                "load_us": 5000.0, "idle_bytes": 2**25, "peak_bytes": 2**27, "one_op_us": 0,
                "roofline": {"direct_us": 50.0, "winograd_us": 20.0, "share_of_direct": 50 / us,
                             "share_of_winograd": 20 / us}}

    def row(self, net, ratio, threads=1, batch=1):
        """Raceline takes 100 us, one peer twice the other's time."""
        return {"net": net, "threads": threads, "batch": batch, "build": "b", "environment": {},
                "taken_at": "2026-01-02T03:04:05+00:00", "tune": {"complete": True},
                "alone": {"p10_us": 100, "measured": {"kernels_us": 80, "conversions_us": 5, "dispatch_us": 15},
                          "arena_bytes": 105, "peak_live_bytes": 100},
                "sides": [self.side("raceline", 100, 1), self.side("slow", 200 * ratio, 2 * ratio),
                          self.side("quick", 100 * ratio, ratio), {"name": "broken", "why": "no reason"}]}

    def results(self, *rows):
        results = Results(self.folder / "results.json")
        results["machine"] = {"cpu": "a processor", "physical_cores": 2, "fingerprint": "f00"}
        results["version"] = ["raceline 1", "onednn 2"]
        for row in rows:
            results.put("cells", row)
        return results

    def floor(self, results, what, nets=floors.NETS):
        found, = [floor for floor in floors.floors(results, nets) if floor.what == what]
        return found

    def test_ratios_are_against_the_faster_peer(self):
        results = self.results(self.row("squeezenet", 1.2), self.row("vgg19", 2.1), self.row("mobilenet_v1", 0.98))
        floor = self.floor(results, "squeezenet, 1 thread")
        self.assertEqual((floor.measured, floor.holds, floor.wanted), (1.2, True, "above 1"))
        self.assertIs(self.floor(results, "vgg19, 1 thread").holds, False)
        floor = self.floor(results, "mobilenet_v1, 1 thread")
        self.assertEqual((floor.holds, floor.aim), (True, "1.05"))
        self.assertIsNone(self.floor(results, "vgg16, 1 thread").holds)
        self.assertIs(self.floor(self.results(self.row("squeezenet", 1.0)), "squeezenet, 1 thread").holds, False)

    def test_the_mean_counts_when_all_were_measured(self):
        nets = ["squeezenet", "vgg19"]
        results = self.results(self.row("squeezenet", 1.0))
        self.assertIsNone(self.floor(results, "geometric mean, 1 thread", nets).holds)
        results = self.results(self.row("squeezenet", 1.0), self.row("vgg19", 4.0))
        floor = self.floor(results, "geometric mean, 1 thread", nets)
        self.assertAlmostEqual(floor.measured, 2.0)
        self.assertIs(floor.holds, True)

    def test_batches_arena_and_overhead_are_judged_by_the_worst(self):
        results = self.results(self.row("squeezenet", 1.3, batch=4), self.row("vgg19", 0.9, batch=4),
                               self.row("lenet5_caffe", 2))
        floor = self.floor(results, "batch 4, 1 thread, each network")
        self.assertEqual((floor.measured, floor.where, floor.holds), (0.9, "vgg19", False))
        self.assertAlmostEqual(self.floor(results, "arena over what is alive at once").measured, 1.05)
        self.assertIs(self.floor(results, "LeNet-5's run over the sum of its kernels").holds, False)

    def test_memory_is_judged_beside_onnx_runtime(self):
        rows = [self.row("squeezenet", 1.2), self.row("vgg19", 3)]
        for row, peak in zip(rows, (100, 40)):
            row["sides"][1] = self.side("onnxruntime", 500, 5) | {"peak_bytes": peak}
            row["sides"][0]["peak_bytes"] = 110
        results = self.results(*rows)
        floor = self.floor(results, "peak memory over ONNX Runtime's, each network")
        self.assertEqual((floor.measured, floor.where, floor.holds), (2.75, "vgg19", False))
        self.assertIsNone(self.floor(results, "networks with a plan within ONNX Runtime's memory").holds)
        small = {"threads": 1, "batch": 1, "peer_peak_bytes": 2**27, "limit_bytes": 2**26, "fastest_fits": False}
        results.put("memory", small | {"net": "vgg19", "exists": True, "slower": 1.8, "peak_bytes": 2**27,
                                       "ratio": [1.4, 1.3, 1.5]})
        results.put("memory", small | {"net": "squeezenet", "exists": False})
        self.assertEqual(self.floor(results, "vgg19 within ONNX Runtime's memory").measured, 1.4)
        floor = self.floor(results, "networks with a plan within ONNX Runtime's memory")
        self.assertEqual((floor.holds, floor.where), (False, "squeezenet"))
        text = "\n".join(page([results], ["r.json"], "command"))
        self.assertIn("| vgg19 | 128 MiB | 64 MiB | 128 MiB | 1.80x | 1.40x (1.30-1.50) |", text)
        self.assertIn("no plan is so small", text)

    def test_a_limit_is_lowered_until_the_process_takes_no_more_than_onnx_runtimes(self):
        side = self.side

        class Shop(Workshop):
            beside, limits = 8, []  # bytes that no plan knows of

            def search_within(self, cell, plan, most_bytes):
                self.limits.append(most_bytes)
                self.bytes = most_bytes - 2
                return {"cost_us": 2, "unlimited_us": 1, "memory_bytes": self.bytes, "optimal": True} if most_bytes > 50 else None

            def against(self, cell, plan, peers):
                ours = side("raceline", 150, 1) | {"peak_bytes": 20 + self.bytes + self.beside}
                return {"sides": [ours, side("onnxruntime", 300, 2) | {"peak_bytes": 99}]}

        shop = Shop(None, self.folder, [], None, None)
        row = self.row("squeezenet", 2)
        row["sides"] = [side("raceline", 100, 1) | {"idle_bytes": 20, "peak_bytes": 130},
                        side("onnxruntime", 300, 3) | {"peak_bytes": 100}]
        memory = shop.measure_memory(Cell(1, 1, "squeezenet"), row, lambda what: None)
        self.assertEqual(shop.limits, [80, 72])
        self.assertEqual((memory["exists"], memory["limit_bytes"], memory["peak_bytes"]), (True, 72, 98))
        self.assertEqual((memory["slower"], memory["ratio"]), (1.5, [2, 2, 2]))
        shop.beside, shop.limits = 30, []
        self.assertFalse(shop.measure_memory(Cell(1, 1, "squeezenet"), row, lambda what: None)["exists"])
        self.assertEqual(shop.limits, [80, 50])
        row["sides"][0]["peak_bytes"] = 100
        self.assertTrue(shop.measure_memory(Cell(1, 1, "squeezenet"), row, lambda what: None)["fastest_fits"])

    def test_the_page_names_machine_versions_floors_and_sides(self):
        text = "\n".join(page([self.results(self.row("squeezenet", 1.2), self.row("vgg19", 2.1))], ["r.json"], "command"))
        for words in ("a processor", "onednn 2", "slow 1.0, quick 1.0", "2026-01-02", "`command`",
                      "| squeezenet | 100.0 us | 240.0 us | 120.0 us | - | 1.20x (1.20-1.20) |", "**missed**",
                      "Geometric mean of the ratios of 2 networks: 1.59x", "| squeezenet | 50.0 us | 50 % | 21 % | 42 % |"):
            self.assertIn(words, text)
        self.assertNotIn("ended by their bound", text)

    def test_the_page_has_a_part_for_each_machine_the_one_with_the_most_cells_first(self):
        few, many = self.results(self.row("squeezenet", 1.2)), self.results(self.row("alexnet", 2), self.row("vgg19", 3))
        few["machine"] = few["machine"] | {"cpu": "another", "fingerprint": "abc"}
        text = "\n".join(page([few, many], ["a.json", "b.json"], "command"))
        self.assertIn("from a.json and b.json", text)
        first, second = text.split("\n## ")[1:]
        self.assertTrue(first.startswith("a processor, 2 cores"))
        self.assertIn("| vgg19 |", first)
        self.assertTrue(second.startswith("another, 2 cores"))
        self.assertIn("Machine abc;", second)
        self.assertNotIn("| vgg19 |", second)

    def test_the_page_says_how_many_tunes_were_bounded(self):
        row = self.row("squeezenet", 1.2, batch=4) | {"tune": {"complete": False}, "timing": {"tune_seconds": 60.0}}
        text = "\n".join(page([self.results(row, self.row("vgg19", 2.1, batch=4))], ["r.json"], "command"))
        self.assertIn("1 of 2 tunes were ended by their bound, 60 s, before all was measured", text)


if __name__ == "__main__":
    support.main()
