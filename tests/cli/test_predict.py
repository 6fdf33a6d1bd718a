"""From a table of measured layers to the time of a network: import, split, train, evaluate, predict, advise."""
import csv
import json
import resource
import shutil
import unittest

from support import PROGRAM, SHARED, main
from toy_platforms import ToyPlatforms


class Predict(ToyPlatforms):
    def test_the_whole_way(self):
        data = self.dataset()
        linear = self.predictor(data)
        document = self.json_of("evaluate", linear, data)
        by_type = {row["type"]: row for row in document["results"]}
        self.assertEqual(sorted(by_type), ["conv", "dense"])
        for row in by_type.values():
            self.assertEqual(row["set"], "test")
            self.assertLess(row["mape_percent"], 6)
            self.assertGreater(row["coverage_percent"], 75)
        self.assertEqual(by_type["conv"]["rows"], 80)
        self.assertEqual(document["rows_trained_on"], 0)
        known = self.run_program("evaluate", linear, data, "--sets", "train,test", "--json")
        self.assertGreater(json.loads(known.stdout)["rows_trained_on"], 100)
        self.assertIn("was trained on the layers of", known.stderr)
        pooled = document["pooled"][0]
        self.assertEqual((pooled["phase"], pooled["coverage_rows"]), ("exe", sum(row["rows"] for row in by_type.values())))
        self.assertLess(pooled["coverage_low_percent"], pooled["coverage_percent"])
        self.assertLess(pooled["coverage_percent"], pooled["coverage_high_percent"])
        mean = {row["type"]: row for row in self.json_of("evaluate", self.predictor(data, model="mean"), data)["results"]}
        self.assertGreater(mean["conv"]["mape_percent"], 10 * by_type["conv"]["mape_percent"])
        self.assertIn("noise %", self.run_program("evaluate", linear, data).stdout)

        lenet = self.zoo("lenet5")
        networks = self.json_of("predict", lenet, "--predictor", linear, "--samples", 1000)["networks"]
        self.assertEqual(len(networks), 1)
        network = networks[0]
        known = [layer["exe"]["us"] for layer in network["layers"] if layer["exe"]]
        self.assertEqual(network["layers"][0]["layer"].split()[0], "conv2d")
        self.assertGreaterEqual(len(known), 4)
        self.assertAlmostEqual(sum(known), network["exe_us"], places=6)
        self.assertAlmostEqual(network["total_us"], network["exe_us"], places=6)
        self.assertEqual(network["layers_without_model"], len(network["layers"]) - len(known))
        self.assertGreater(network["layers_without_model"], 0)
        self.assertAlmostEqual(network["epoch_us"], 1000 * network["total_us"], places=3)
        shown = self.run_program("predict", lenet, "--predictor", linear).stdout
        self.assertIn("no model of this type", shown)
        self.assertIn("have no model and count nothing", shown)

    def test_evaluate_writes_what_each_row_was_predicted_to_take(self):
        data = self.dataset()
        linear, rows = self.predictor(data), self.folder / "rows.csv"
        results = {row["type"]: row for row in self.json_of("evaluate", linear, data, "--rows", rows)["results"]}
        with rows.open() as file:
            read = list(csv.DictReader(file))
        for kind, result in results.items():
            own = [row for row in read if row["type"] == kind]
            self.assertEqual(len(own), result["rows"])
            errors = [abs(float(row["predicted_us"]) / float(row["measured_us"]) - 1) for row in own]
            self.assertAlmostEqual(100 * sum(errors) / len(errors), result["mape_percent"], places=1)
            held = sum(float(row["low_us"]) <= float(row["measured_us"]) <= float(row["high_us"]) for row in own)
            self.assertAlmostEqual(100 * held / len(own), result["coverage_percent"], places=1)
        self.refused("evaluate", linear, data, "--rows", self.folder / "none" / "rows.csv", words=["rows.csv"])

    def test_intervals_without_an_end_are_counted_apart(self):
        data = self.dataset(conv=12, dense=60)
        linear = self.predictor(data)
        by_type = {row["type"]: row for row in self.json_of("evaluate", linear, data, "--level", 99)["results"]}
        few = by_type["conv"]  # too few rows to say where 99 of 100 lie
        self.assertEqual((few["unbounded_rows"], few["coverage_rows"]), (few["rows"], 0))
        self.assertGreater(few["rows"], 0)
        self.assertIn("more have no end", self.run_program("evaluate", linear, data, "--level", 99).stdout)

    def test_what_can_be_read_of_a_predictor_is_printed(self):
        linear = self.predictor(self.dataset(conv=60, dense=60), model="linear")
        parts = self.json_of("predict", "--predictor", linear, "--describe")["parts"]
        self.assertEqual(sorted(part["type"] for part in parts), ["conv", "dense"])
        shown = self.run_program("predict", "--predictor", linear, "--describe").stdout
        for part in parts:
            self.assertGreater(part["rows"], 20)
            self.assertGreater(len(part["described"]), 0)  # prices of amounts of work
            for line in part["described"]:
                self.assertIn(line, shown)
        self.refused("predict", "--predictor", linear, words=["MODEL", "--describe"])

    def test_folders_and_batches(self):
        linear = self.predictor(self.dataset(conv=60, dense=60))
        folder = self.folder / "nets"
        folder.mkdir()
        for name in ("lenet5", "squeezenet"):
            self.run_program("zoo", "write", name, "-o", folder / f"{name}.onnx")
        networks = self.json_of("predict", folder, "--predictor", linear)["networks"]
        self.assertEqual([each["network"] for each in networks], ["lenet5", "squeezenet"])
        empty = self.folder / "empty"
        empty.mkdir()
        self.refused("predict", empty, "--predictor", linear, words=["holds no .onnx file"])

    def test_advice_is_the_faster_platform(self):
        slow, fast = (self.predictor(self.dataset(gpu, speed, conv=60, dense=60)) for gpu, speed in (("SLOW", 1), ("FAST", 3)))
        lenet = self.zoo("squeezenet")
        platforms = self.json_of("advise", lenet, "--predictors", slow, fast)["networks"][0]["platforms"]
        self.assertEqual([each["accelerator"] for each in platforms], ["FAST", "SLOW"])
        self.assertLess(platforms[0]["total_us"], platforms[1]["total_us"])
        self.assertIn("to the fastest", self.run_program("advise", lenet, "--predictors", slow, fast).stdout)

    def test_transfer_takes_a_few_rows(self):
        source = self.predictor(self.dataset("SLOW", 1))
        data = self.dataset("FAST", 3)
        few = self.predictor(data, "--from", source, "--rows", 30, model="transfer")
        for row in self.json_of("evaluate", few, data)["results"]:
            self.assertLess(row["mape_percent"], 10)

    def test_the_batch_is_the_networks(self):
        linear = self.predictor(self.dataset(conv=60, dense=60))
        eight = self.folder / "eight.onnx"
        self.run_program("zoo", "write", "lenet5", "--batch", 8, "-o", eight)
        network = self.json_of("predict", eight, "--predictor", linear, "--samples", 20)["networks"][0]
        self.assertEqual((network["batch"], network["batches"]), (8, 3))
        self.assertAlmostEqual(network["epoch_us"], 3 * network["total_us"], places=3)
        self.assertEqual(self.json_of("predict", "--batch", 8, eight, "--predictor", linear)["networks"][0]["batch"], 8)
        self.refused("predict", eight, "--predictor", linear, "--batch", 4, words=["--batch 4", "eight.onnx", "fixed at 8"])
        self.refused("advise", eight, "--predictors", linear, "--batch", 4, words=["--batch 4", "fixed at 8"])

    def test_a_network_larger_than_this_machine_is_predicted(self):
        linear = self.predictor(self.dataset(conv=60, dense=60))
        huge = self.folder / "huge.onnx"
        self.run_program("zoo", "write", "squeezenet", "--batch", 4096, "-o", huge)
        # Its images alone are 2.5 GB.
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        network = self.json_of("predict", huge, "--predictor", linear, preexec_fn=limit)["networks"][0]
        self.assertEqual(network["batch"], 4096)
        self.assertGreater(network["total_us"], 1e6)

    def test_a_network_that_cannot_be_read_does_not_stop_the_others(self):
        linear = self.predictor(self.dataset(conv=60, dense=60))
        folder = self.folder / "nets"
        folder.mkdir()
        shutil.copy(self.zoo("lenet5"), folder / "a.onnx")
        (folder / "b.onnx").write_bytes(b"rubbish")
        shutil.copy(folder / "a.onnx", folder / "c.onnx")
        for command in (("predict", folder, "--predictor", linear), ("advise", folder, "--predictors", linear, linear)):
            networks = self.json_of(*command, status=2)["networks"]
            self.assertEqual(["error" in network for network in networks], [False, True, False])
            self.assertIn("b.onnx", networks[1]["error"])
            done = self.run_program(*command, status=2)
            self.assertIn("b.onnx", done.stderr)
            self.assertIn("batch 1", done.stdout)
        self.refused("predict", folder / "b.onnx", "--predictor", linear, words=["b.onnx"])

    def test_advice_puts_what_lacks_layers_last(self):
        data = self.dataset(conv=60, dense=60)
        both, conv = self.predictor(data), self.predictor(data, "--types", "conv", name="conv.predictor")
        platforms = self.json_of("advise", self.zoo("lenet5"), "--predictors", conv, both)["networks"][0]["platforms"]
        self.assertLess(platforms[1]["us"], platforms[0]["us"])
        self.assertLess(platforms[0]["layers_without_model"], platforms[1]["layers_without_model"])
        self.assertIn("dense", platforms[1]["types_without_model"])
        self.assertNotIn("dense", platforms[0]["types_without_model"])
        shown = self.run_program("advise", self.zoo("lenet5"), "--predictors", conv, both).stdout
        self.assertRegex(shown, "has no model of .*dense.*: .* % of the FLOPs")
        # Neither knows the pools: how much faster one is cannot be said.
        self.assertEqual([each["to_the_fastest"] for each in platforms], [None, None])
        other = self.predictor(data, "--definition", "perfnetrt", name="other.predictor")
        done = self.run_program("advise", self.zoo("lenet5"), "--predictors", both, other)
        self.assertIn("do not mean the same by a phase", done.stderr)
        self.assertIn("phase exe alone", done.stdout)

    def test_evaluate_judges_the_predictors_own_rows_and_names_the_others(self):
        data = self.dataset(conv=100, dense=60)
        conv = self.predictor(data, "--types", "conv")
        document = self.json_of("evaluate", conv, data)
        self.assertEqual([(each["type"], each["phase"], each["rows"]) for each in document["without_model"]],
                         [("dense", "exe", 12)])
        self.assertIn("no model of 12 rows of dense", self.run_program("evaluate", conv, data).stdout)
        lines = data.read_text().splitlines()
        header = next(line for line in lines if line.startswith("layer,")).split(",")
        threads, time = header.index("threads"), header.index("resperfnet_exe_us")
        more = []
        for row in csv.reader(line for line in lines if not line.startswith(("#", "layer,"))):
            row[threads], row[time] = "4", str(10 * float(row[time]))
            more.append(",".join(row))
        mixed = self.folder / "mixed.csv"
        mixed.write_text("\n".join(lines + more) + "\n")
        self.assertEqual(self.json_of("evaluate", conv, mixed)["results"], document["results"])
        self.refused("train", mixed, "--model", "linear", "-o", self.folder / "x", words=["choose with --threads: 0, 4"])
        four = self.json_of("evaluate", self.predictor(mixed, "--threads", 4), mixed)
        self.assertEqual(four["threads"], 4)

    def test_a_shipped_predictor_is_found_by_its_name(self):
        data, lenet = self.dataset(conv=60, dense=60), self.zoo("lenet5")
        program, shipped = self.folder / "bin" / "raceline", self.folder / "share" / "raceline" / "platforms" / "predictors"
        program.parent.mkdir()
        shutil.copy(PROGRAM, program)
        shipped.mkdir(parents=True)
        path = self.predictor(data, name="share/raceline/platforms/predictors/toy-cpu.predictor.gz")
        by_path = self.json_of("predict", lenet, "--predictor", path)
        (self.folder / "toy-cpu").write_text("a file that bears the name of what is shipped")
        installed = {"program": program, "cwd": self.folder}
        self.assertEqual(self.json_of("predict", lenet, "--predictor", "toy-cpu", **installed), by_path)
        self.assertEqual(self.json_of("predict", lenet, "--predictor", path, **installed), by_path)
        shutil.copy(path, shipped / "another.predictor.gz")
        words = ["'toy'", "another, toy-cpu"]
        self.refused("predict", lenet, "--predictor", "toy", words=words, **installed)
        self.refused("advise", lenet, "--predictors", "toy-cpu", "toy", words=words, **installed)
        self.refused("evaluate", "toy", data, words=words, **installed)
        self.refused("train", data, "--from", "toy", "-o", self.folder / "x", words=words, **installed)

    def test_train_says_what_it_made(self):
        data, path = self.dataset(conv=60, dense=60), self.folder / "p"
        document = self.json_of("train", "--model", "polynomial", "--set", "degree=1", "--types", "conv", data, "-o", path)
        self.assertEqual([(part["type"], part["phase"], part["rows"]) for part in document["parts"]], [("conv", "exe", 48)])
        self.assertIn("left out: 48 rows of types that were not asked for", document["notes"])
        self.assertIn("settings: degree=1", document["notes"])
        self.assertIn("linear", {each["model"] for each in self.json_of("train", "--models")["models"]})

    def test_refusals(self):
        data = self.dataset(conv=60, dense=60)
        linear = self.predictor(data)
        self.refused("train", data, "--model", "lineal", "-o", self.folder / "x", words=["lineal", "linear"])
        self.refused("train", data, "--model", "transfer", "-o", self.folder / "x", words=["wanted --from"])
        self.refused("train", data, "--model", "linear", "--set", "depth=3", "-o", self.folder / "x", words=["depth"])
        self.refused("train", self.folder / "none.csv", "-o", self.folder / "x", words=["none.csv"])
        self.assertFalse((self.folder / "x").exists())
        text = linear.read_text()
        for name, changed, words in (("version", text.replace("raceline-predictor/3", "raceline-predictor/9"), ["format"]),
                                     ("short", text[:len(text) // 2], ["not JSON"]),
                                     ("number", text.replace('"units": 1', '"units": NaN'), ["line"]),
                                     ("empty", "", ["not JSON"])):
            bad = self.folder / f"{name}.predictor"
            bad.write_text(changed)
            self.refused("evaluate", bad, data, words=[bad.name, *words])
            self.refused("predict", self.folder, "--predictor", bad, words=[bad.name])
        lines = data.read_text().splitlines()
        header = next(index for index, line in enumerate(lines) if line.startswith("layer,"))
        nothing = self.folder / "nothing.csv"
        nothing.write_text("\n".join(lines[:header + 1]) + "\n")
        self.refused("train", nothing, "--model", "linear", "-o", self.folder / "x", words=["no rows"])
        self.refused("evaluate", linear, nothing, words=["no rows to judge by"])
        cells = lines[header + 1].split(",")
        for value in ("-1", "nan", "0"):
            bad = self.folder / "bad.csv"
            place = lines[header].split(",").index("resperfnet_exe_us")
            cells[place] = value
            bad.write_text("\n".join([*lines[:header + 1], ",".join(cells)]) + "\n")
            self.refused("train", bad, "--model", "linear", "-o", self.folder / "x",
                         words=["bad.csv", f"line {header + 2}", "resperfnet_exe_us"])

    @unittest.skipUnless((SHARED / "data" / "tensorflow-1.10").is_dir(), "the public data are not there")
    def test_public_data(self):
        imported, divided = self.folder / "conv.csv", self.folder / "divided.csv"
        self.run_program("dataset", "import", "--format", "justus",
                         SHARED / "data" / "tensorflow-1.10" / "conv_GTX1080Ti.csv.gz", "-o", imported)
        self.run_program("dataset", "split", imported, "-o", divided)
        results = self.json_of("evaluate", self.predictor(divided, "--rows", 500), divided)["results"]
        self.assertLess(results[0]["mape_percent"], 20)
        self.assertGreater(results[0]["rows"], 2000)


if __name__ == "__main__":
    main()
