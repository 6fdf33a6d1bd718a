"""Collecting through the command line: a worker of the guide, killed workers, a killed collector, datasets."""
import csv
import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import support

KILLS = int(os.environ.get("RACELINE_KILLS", "4"))
SEED = int(os.environ.get("RACELINE_SEED", "20261129"))
PUBLIC = support.SHARED / "data"


class Collect(support.CliTest):
    def worker(self, run="time.sleep(0.0003)"):
        """The guide's worker (docs/platforms.md), and the command that starts it."""
        path = self.folder / "mine_worker.py"
        path.write_text(textwrap.dedent(f"""
            import os, random, sys, time
            sys.path.insert(0, {str(support.SOURCE / "platforms")!r})
            from worker import serve

            class Mine:
                def facts(self):
                    return {{"platform": "mine", "accelerator": "cpu", "versions": {{"mine": "1.0"}}, "modes": ["optimised"]}}
                def open(self, model, inputs, threads, mode, plan):
                    self.inputs = inputs
                    self.run()
                    return ["y"]
                def run(self):
                    {run}
                def output(self, name):
                    return self.inputs["x0"]

            serve(Mine())
            """))
        return f"/usr/bin/python3 {path}"

    def command(self, worker, *more):
        return ["collect", "--platform", worker, "--layers", "dense,add", "--samples", "6", "--most-ms", "5",
                "--most-memory", "8", "--store", str(self.store), "--round-gap", "0", "--most-rounds", "3", "--budget", "2", *map(str, more)]

    def samples(self):
        """(layer, round in order) -> samples; the store must be whole."""
        if not self.store.exists():
            return {}
        with sqlite3.connect(self.store) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sample'").fetchall():
                return {}
            rows = database.execute("SELECT sitting, layer, repeat, round, trouble, samples FROM sample").fetchall()
        return {row[:4]: row[4:] for row in rows}

    def rows_of(self, path):
        lines = [line for line in path.read_text().splitlines(True) if not line.startswith("#")]
        return list(csv.DictReader(io.StringIO("".join(lines))))

    def test_a_worker_of_the_guide_gives_a_dataset_that_can_be_split_and_judged(self):
        worker, data = self.worker(), self.folder / "data.csv.gz"
        report = self.json_of(*self.command(worker, "--repeat", 3, "--repeat-after", 0))
        self.assertEqual((report["failed"], report["complete"]), (0, True))
        self.assertEqual(report["samples"], 3 * report["items"] + 3 * 6)
        again = self.json_of(*self.command(worker, "--repeat", 3, "--repeat-after", 0, "-o", data))
        self.assertEqual(again["samples"], 0)
        info = self.json_of("dataset", "info", data)
        self.assertEqual(info["rows"], report["items"] + 6)
        self.assertEqual({floor["type"] for floor in info["noise_floor"]}, {"dense", "add"})
        self.assertIn("mine 1.0", " ".join(info["notes"]))
        divided = self.folder / "divided.csv"
        self.run_program("dataset", "split", data, "--test", 0.5, "-o", divided)
        rows = self.rows_of(divided)
        self.assertEqual({row["set"] for row in rows} - {"validation"}, {"train", "test"})
        for row in rows:
            self.assertGreater(float(row["resperfnet_exe_us"]), 250)
            self.assertEqual(float(row["resperfnet_pre_us"]) > 0, False)

    def test_shards_together_are_the_whole_and_merge(self):
        worker, parts = self.worker(), []
        whole = self.run_program(*self.command(worker, "--dry-run")).stdout.splitlines()
        for part in (1, 2, 3):
            parts += self.run_program(*self.command(worker, "--dry-run", "--shard", f"{part}/3")).stdout.splitlines()
        self.assertEqual(sorted(parts), sorted(whole))
        for wrong in ("0/3", "4/3", "1", "a/b"):
            self.refused(*self.command(worker, "--shard", wrong), words=["--shard"])

    def test_raceline_measures_its_own_layers_by_each_primitive(self):
        data = self.folder / "own.csv"
        report = self.json_of("collect", "--platform", "raceline", "--primitives", "--layers", "conv", "--samples", 2,
                              "--most-ms", 1, "--store", self.store, "--round-gap", 0, "--rounds", 1, "--most-rounds", 1, "--budget", 2,
                              "-o", data)
        self.assertTrue(report["complete"])
        rows = self.rows_of(data)
        for layer in {row["layer"] for row in rows}:
            self.assertGreaterEqual(len({row["primitive"] for row in rows if row["layer"] == layer}), 5)
        self.json_of("collect", "--platform", "raceline", "--mode", "unoptimised", "--models", "lenet5", "--batch", "1,2",
                     "--store", self.store, "--round-gap", 0, "--budget", 2, "-o", data)
        names = {row["layer"]: row for row in self.rows_of(data) if row["type"] == "model"}
        self.assertEqual(set(names), {"model lenet5 batch=1", "model lenet5 batch=2"})
        self.assertGreater(float(names["model lenet5 batch=1"]["resperfnet_pre_us"]), 0)

    def test_pairs_of_layers_say_what_a_platform_joins(self):
        data = self.folder / "pairs.csv"
        collect = ["collect", "--platform", "raceline", "--mode", "unoptimised", "--pairs", 5, "--most-ms", 0.05,
                   "--most-memory", 0.1, "--store", self.store, "--round-gap", 0, "--rounds", 1, "--most-rounds", 1, "--budget", 1]
        listed = self.run_program(*collect, "--dry-run").stdout.splitlines()
        report = self.json_of(*collect, "-o", data)
        self.assertEqual((report["failed"], report["items"]), (0, len(listed)))
        rows = self.rows_of(data)
        pairs = [row for row in rows if row["type"] == "pair"]
        self.assertEqual({row["set"] for row in pairs}, {"pairs"})
        self.assertLessEqual({row["set"] for row in rows}, {"pairs", "test-uniform", "test-networks"})
        self.assertEqual({row["layer"] for row in pairs}, {line.split("\t")[1] for line in listed if "\tpair " in line})
        found = self.json_of("dataset", "info", data)["pairs"]
        self.assertEqual(sum(kind["pairs"] for kind in found), len(pairs))
        self.assertIn(("conv", "add"), {(kind["first"], kind["second"]) for kind in found})
        self.assertIn("conv", self.run_program("dataset", "info", data).stdout.split("layers behind another")[1])
        # Nothing is trained on them.
        self.refused("train", data, "--model", "mean", "-o", self.folder / "p", words=["no layer type has"])

    def test_killing_the_collector_or_the_worker_loses_at_most_the_sample_in_hand(self):
        print(f"seed {SEED}, {KILLS} kills")
        moments = random.Random(SEED)
        # The worker kills itself now and then, too.
        worker = self.worker("time.sleep(0.0003); random.random() < 0.001 and os.kill(os.getpid(), 9)")
        command = [support.PROGRAM, *self.command(worker, "--rounds", min(1000, 50 * KILLS), "--retry-failed")]
        before, killed = {}, 0
        for _ in range(20 * KILLS):
            if killed == KILLS:
                break
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(moments.uniform(0.3, 3))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            now = self.samples()
            for key, sample in before.items():
                self.assertEqual(now.get(key), sample)
            before = now
        self.assertEqual(killed, KILLS)
        self.assertGreater(len(before), 0)
        # The worker of a killed collector is gone, too.
        time.sleep(1)
        alive = subprocess.run(["pgrep", "-f", str(self.folder / "mine_worker.py")], capture_output=True, text=True)
        self.assertEqual(alive.stdout, "")
        report = self.json_of(*self.command(self.worker(), "--rounds", 3, "--retry-failed"))
        self.assertTrue(report["complete"])

    def test_the_datasets_of_a_platform_come_of_one_command_that_goes_on_where_it_stopped(self):
        data = self.folder / "mine.csv"
        command = [sys.executable, support.SOURCE / "tools/collect-datasets", self.worker(), "--quick", "--raceline",
                   support.PROGRAM, "--store", self.store, "--output", data]

        def collect(*more, status):
            done = subprocess.run([*map(str, command), *more], capture_output=True, text=True)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            return done.stdout + done.stderr
        self.assertIn("no step", collect("--steps", "nosuch", status=1))
        collect("--minutes", "0", status=130)
        collect(status=0)
        rows = self.rows_of(data)
        self.assertEqual({row["set"] for row in rows}, {"train", "test-uniform", "test-networks", "pairs", "models"})
        self.assertEqual({row["rounds"] for row in rows}, {"3"})
        types = {row["type"] for row in rows if row["set"] == "train"}
        self.assertLessEqual({"conv", "max_pool", "depthwise", "softmax", "concat"}, types)
        self.assertEqual(sum(row["set"] == "train" and row["type"] == "dense" for row in rows), 5)
        self.assertEqual(sum(row["set"] == "models" for row in rows), 2)
        before = self.samples()
        collect(status=0)
        self.assertEqual(self.samples(), before)

    def test_layers_of_networks_leave_training(self):
        layers = self.folder / "layers.tsv"
        self.run_program("dataset", "layers", self.zoo("lenet5"), "-o", layers)
        text = layers.read_text()
        self.assertIn("lenet5\tconv2d 1x1x28x28", text)
        # Unoptimised: nothing fused, nothing folded.
        self.assertNotIn("+relu", text)
        found = self.json_of("collect", "--platform", self.worker(), "--set", "test-networks", "--layers", "dense",
                             "--prior", layers, "--store", self.store, "--round-gap", 0, "--budget", 2, "-o",
                             self.folder / "nets.csv")
        self.assertEqual(found["items"], text.count("\tgemm "))
        rows = self.rows_of(self.folder / "nets.csv")
        self.assertEqual({row["set"] for row in rows}, {"test-networks"})

    def test_published_layer_shapes_are_a_prior(self):
        tables = sorted((PUBLIC / "layer-shapes").glob("*.csv.gz"))
        if not tables:
            self.skipTest("the public data are not here")
        layers = self.folder / "layers.tsv"
        self.run_program("dataset", "layers", *tables, "-o", layers)
        self.assertIn("mobilenet", layers.read_text())
        found = self.run_program("collect", "--platform", self.worker(), "--set", "test-networks", "--prior", layers, "--dry-run")
        self.assertGreater(found.stdout.count("conv2d"), 200)

    def test_public_data_can_be_imported(self):
        source = PUBLIC / "tensorflow-1.10" / "dense_V100.csv.gz"
        if not source.exists():
            self.skipTest("the public data are not here")
        for file, form, least in ((source, "justus", 10000), (PUBLIC / "tensorflow-1.10" / "conv_GTX1080Ti.csv.gz", "justus", 10000),
                                  (PUBLIC / "tensorrt-v100" / "conv_fp32.csv.gz", "trt", 79000),
                                  (PUBLIC / "miopen" / "conv_fwd_fp32_gfx900_56cu.csv.gz", "miopen", 27000)):
            data = self.folder / "public.csv.gz"
            self.run_program("dataset", "import", "--format", form, file, "-o", data)
            self.assertGreater(self.json_of("dataset", "info", data)["rows"], least)

    def test_bad_input_is_refused_by_name(self):
        bad = self.folder / "bad.csv"
        bad.write_text("layer,type\n")
        self.refused("dataset", "info", bad, words=[bad, "column 'platform' is missing"])
        bad.write_bytes(b"\x1f\x8brubbish")
        self.refused("dataset", "info", bad, words=["damaged"])
        self.refused("dataset", "import", "--format", "mars", bad, words=["mars", "justus"])
        self.refused("collect", "--platform", "nosuch", "--store", self.store, words=["nosuch"])
        self.refused("collect", "--platform", self.worker(), "--layers", "nosuch", "--store", self.store, words=["nosuch"])
        for frozen, known in (("test-uniform", "conv"), ("test-networks", "softmax")):
            self.refused("collect", "--platform", self.worker(), "--set", frozen, "--layers", "conv:7", "--store", self.store,
                         words=[frozen, "conv:7", known])
        self.refused("collect", "--platform", self.worker(), "--primitives", "--layers", "add", "--store", self.store,
                     words=["mine", "primitives"])
        bad.write_text("model,cin,cout\na,b,c\n")
        self.refused("dataset", "layers", bad, words=[bad, "line 2"])
        self.refused("collect", "--platform", self.worker(), "--layers", "add:0", "--store", self.store, words=["add:0", "wanted 1"])
        self.refused("collect", "--platform", self.worker(), "--mode", "unoptimised", "--layers", "add", "--samples", 1,
                     "--store", self.store, words=["unoptimised"])


if __name__ == "__main__":
    support.main()
