"""raceline paper perfnetrt and resperfnet, end to end on toy platforms: made whole, found again, refused by name."""
import csv
import gzip
import io
import pathlib
import random
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as xml

import support
from toy_platforms import toy_dense, toy_rows

COLUMNS = ["layer", "type", "platform", "accelerator", "mode", "threads", "primitive", "set", "group", "repeat", "rounds",
           "runs", *(f"{paper}_{phase}{what}_us" for what in ("", "_median") for paper in ("perfnetrt", "resperfnet")
                     for phase in ("pre", "exe", "post")), "outlier", "disturbed", "taken_at"]
LENET = [("conv", "conv2d 1x1x28x28 6x1x5x5* 6* pads_begin=2x2 pads_end=2x2"), ("max_pool", "max_pool 1x6x28x28 kernel=2x2 stride=2x2"),
         ("conv", "conv2d 1x6x14x14 16x6x5x5* 16*"), ("max_pool", "max_pool 1x16x10x10 kernel=2x2 stride=2x2"),
         ("dense", "gemm 1x400 120x400* 120* trans_b=1"), ("dense", "gemm 1x120 84x120* 84* trans_b=1"),
         ("dense", "gemm 1x84 10x84* 10* trans_b=1")]
NETS = {"perfnet", "resperfnet-published", "resperfnet", "resperfnet-plain"}


def row(layer, kind, mode, times, where="train"):
    cells = [layer, kind, "toy", "cpu", mode, 1, "", where, "", 0, 3, 10, *times * 4, 0, 0, "2026-01-01T00:00:00Z"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def toy_platform(count=60):
    """A platform with layers of all three types in all three phases, LeNet's own layers, and LeNet measured whole."""
    draw, lines = random.Random(7), ["# raceline-dataset/1\n", ",".join(COLUMNS) + "\n"]
    noisy = lambda us: us * draw.uniform(0.98, 1.02)
    for _ in range(count):
        b, c, h, k = draw.randint(1, 8), draw.randint(1, 64), draw.randint(8, 64), draw.randint(1, 64)
        i, o = draw.randint(8, 2048), draw.randint(8, 2048)
        for kind, layer, work, size in (
                ("conv", f"conv2d {b}x{c}x{h}x{h} {k}x{c}x3x3* {k}* pads_begin=1x1 pads_end=1x1", b * c * h * h * k * 9, b * c * h * h),
                ("max_pool", f"max_pool {b}x{c}x{h}x{h} kernel=2x2 stride=2x2", b * c * h * h, b * c * h * h),
                ("dense", f"gemm {b}x{i} {o}x{i}* {o}* trans_b=1", b * i * o, b * i)):
            lines.append(row(layer, kind, "optimised", [noisy(20 + 1e-3 * size), noisy(5 + 1e-3 * work), noisy(10 + 1e-4 * size)]))
    for kind, layer in LENET:
        lines.append(row(layer, kind, "optimised", [30, 10, 5], "test-networks"))
    for batch, whole in ((1, [30, 77, 5]), (2, [40, 130, 8])):
        lines.append(row(f"model lenet5 batch={batch}", "model", "optimised", whole, "models"))
        lines.append(row(f"model lenet5 batch={batch}", "model", "unoptimised", [3 * us for us in whole], "models"))
    return "".join(lines)


class PredictionPapers(support.CliTest):
    def setUp(self):
        super().setUp()
        self.kept = self.folder / "kept"
        self.published = self.folder / "published"
        self.published.mkdir()
        (self.published / "conv_GTX1080Ti.csv").write_text(toy_rows(120, 1.0))
        (self.published / "dense_GTX1080Ti.csv").write_text(toy_dense(80, 1.0))
        self.data = self.folder / "toy.csv"
        self.data.write_text(toy_platform())
        models = self.json_of("train", "--models")["models"]
        self.absent = {each["model"] for each in models if each["absent"]}

    def command(self, paper, *extra):
        return ["paper", paper, "--quick", "--store", self.store, "--kept", self.kept, "-o", self.folder / paper, *extra]

    def is_figure(self, cell, model):
        """A number, unless this build cannot train the model, which the cell then says."""
        if model in self.absent:
            self.assertIn(cell, ("not trained", "not made"))
        else:
            self.assertGreaterEqual(float(cell), 0)

    def rows_of(self, document, table, **wanted):
        return [each for each in document["tables"][table] if all(each[key] == value for key, value in wanted.items())]

    def test_resperfnets_tables_are_filled_or_say_why_and_a_second_run_trains_nothing(self):
        command = self.command("resperfnet", "--published", self.published, "--data", self.data)
        first = self.json_of(*command)
        self.assertGreater(first["trained"], 0)
        self.assertEqual(first["found"], 0)
        out = self.folder / "resperfnet"

        paper, tensorrt = self.rows_of(first, "table1")[:2]
        self.assertEqual([paper[key] for key in ("polynomial regression", "SVR, RBF", "XGBoost", "PerfNet", "ResPerfNet, as published")],
                         ["63.57", "58.74", "29.25", "14.96", "11.75"])
        self.assertEqual(tensorrt["PerfNet"], "-")
        for name in ("tensorflow-1.10 on GTX1080Ti", "toy on cpu, test-networks"):
            here, = self.rows_of(first, "table1", platform=name)
            for title, model in (("polynomial regression", "polynomial"), ("SVR, RBF", "svr"), ("XGBoost", "xgboost"), ("PerfNet", "perfnet"),
                                 ("ResPerfNet, as published", "resperfnet"), ("ResPerfNet, l2=0", "resperfnet"), ("Raceline's boosted", "boosted")):
                self.is_figure(here[title], model)

        # What nobody measured stands in its cell, and what would change that behind it.
        absent, = self.rows_of(first, "table1", platform="openvino on cpu")
        self.assertEqual(absent["PerfNet"], "not collected")
        self.assertIn("raceline collect --platform openvino", absent["remark"])
        pool, = self.rows_of(first, "table5", platform="tensorflow-1.10 on GTX1080Ti", layer="max_pool", phase="exe")
        self.assertEqual((pool["MAPE %"], pool["paper's MAPE %"], pool["paper's RMSE ms"]), ("not published", "6.221", "0.367"))
        pre, = self.rows_of(first, "table5", platform="tensorflow-1.10 on GTX1080Ti", layer="conv", phase="pre")
        self.assertEqual((pre["MAPE %"], pre["paper's MAPE %"]), ("not published", "1.603"))
        gpu, = self.rows_of(first, "table6", layer="dense", phase="post")
        self.assertEqual((gpu["platform"], gpu["MAPE %"], gpu["paper's MAPE %"]), ("tensorflow-1.10 on K80", "not collected", "13.61"))
        # Frozen rows judge where there are any, by themselves; all others are trained on.
        for each in self.rows_of(first, "table9", platform="toy on cpu, test-networks"):
            self.is_figure(each["MAPE %"], "resperfnet")
            self.is_figure(each["RMSE ms"], "resperfnet")
            self.is_figure(each["boosted MAPE %"], "boosted")
            judged = not {"resperfnet", "boosted"} <= self.absent
            self.assertEqual(int(each["test rows"]), {"conv": 2, "max_pool": 2, "dense": 3}[each["layer"]] if judged else 0)
        self.assertEqual(len(self.rows_of(first, "table9", platform="toy on cpu, test-networks")), 9)
        self.assertEqual(len(first["tables"]["table2"]), 3 * 8)

        nets = self.rows_of(first, "networks", platform="toy on cpu")
        self.assertEqual([(each["network"], each["batch"], each["measured ms"]) for each in nets],
                         [("lenet5", "1", "0.1120"), ("lenet5", "2", "0.1780")])
        # Layers were measured at batch 1 alone: 7 of 10 us, and the first's and last's phases.
        self.assertEqual(nets[0]["oracle sum ms"], "0.1050")
        self.assertIn("layers measured", nets[1]["oracle sum ms"])
        self.assertEqual(nets[0]["boosted, calibrated ms"], "no model" if "boosted" in self.absent else "fewer than two other families of networks")
        self.is_figure(nets[0]["Raceline's boosted ms"], "boosted")
        gpu_nets, = self.rows_of(first, "networks", platform="tensorflow-1.10 on GTX1080Ti")
        self.assertEqual(gpu_nets["measured ms"], "layers alone were published")

        if not self.absent & NETS:
            epochs = {each["model"] for each in first["tables"]["figure2"]}
            self.assertEqual(epochs, {"PerfNet", "ResPerfNet, l2=0", "ResPerfNet, l2=0, no Box-Cox", "ResPerfNet, as published"})
            self.assertEqual([each["epoch"] for each in self.rows_of(first, "figure2", model="PerfNet")], ["1", "2"])
            for each in first["tables"]["figure2"]:
                for key in ("training_percent", "test_percent", "training_rmse_ms", "test_rmse_ms"):
                    self.assertGreater(float(each[key]), 0)
            self.assertEqual(len(first["tables"]["figure4_conv"]), 24)
            for name in ("figure2a", "figure2b", "figure4_conv", "figure4_max_pool", "figure4_dense", "network_lenet5"):
                self.assertTrue(xml.fromstring((out / f"{name}.svg").read_text()).tag.endswith("svg"))
        with open(out / "table1.csv", newline="") as file:
            self.assertEqual(list(csv.DictReader(file)), first["tables"]["table1"])
        html = (out / "report.html").read_text()
        self.assertNotIn("<script", html)
        self.assertNotIn("http", re.sub(r'xmlns="[^"]*"', "", html))
        self.assertIn("QUICK RUN", (out / "report.txt").read_text())

        second = self.json_of(*command)
        self.assertEqual((second["trained"], second["found"]), (0, first["trained"] + self.refusals()))
        self.assertEqual(second["tables"], first["tables"])

    def refusals(self):
        return len(list(self.kept.glob("*.refused")))

    def test_perfnetrts_tables_and_its_network_step_by_step(self):
        document = self.json_of(*self.command("perfnetrt", "--data", self.data))
        for table, model, printed in (("tableIV", "perfnet", "17.53"), ("tableV", "polynomial", "316.54")):
            here, = self.rows_of(document, table, platform="toy on cpu, test-networks", layer="conv", phase="exe")
            self.assertEqual(here["paper's MAPE %"], printed)
            self.is_figure(here["MAPE %"], model)
        self.assertEqual(self.rows_of(document, "tableIV", layer="dense", phase="post")[0]["paper's R2"], "0.57")
        net = self.rows_of(document, "networks", platform="toy on cpu")[0]
        self.assertEqual((net["measured ms"], net["unoptimised ms"]), ("0.1120", "0.3360"))
        if "perfnet" in self.absent:
            return
        steps = {each["step"]: each for each in document["tables"]["figure2"]}
        self.assertEqual((steps["pre"]["measured ms"], steps["pre"]["the paper, predicted ms"]), ("0.0300", "0.339"))
        self.assertEqual((steps["conv 2"]["measured ms"], steps["conv 2"]["the paper, predicted ms"]), ("0.0100", "0.037"))
        self.assertTrue(xml.fromstring((self.folder / "perfnetrt/figure2.svg").read_text()).tag.endswith("svg"))
        known = [float(each["predicted ms"]) for name, each in steps.items() if name != "total" and each["predicted ms"] != "no model"]
        self.assertAlmostEqual(sum(known), float(steps["total"]["predicted ms"]), places=2)

    def test_networks_are_composed_of_all_layers_and_of_what_pairs_show(self):
        if "boosted" in self.absent:
            self.skipTest("this build does not train boosted")
        lines = []
        for h in range(8, 38, 2):
            image, size = f"1x8x{h}x{h}", 8 * h * h
            conv, pool = f"conv2d {image} 8x8x3x3* 8* pads_begin=1x1 pads_end=1x1", f"max_pool {image} kernel=2x2 stride=2x2"
            for layer, kind, us in ((conv, "conv", 100 + h), (pool, "max_pool", 40), (f"pair {conv} then {pool}", "pair", 100 + h + 10)):
                lines.append(row(layer, kind, "optimised", [1, us, 1], "pairs"))
            lines.append(row(f"unary {image} kind=tanh", "activation", "optimised", [1, 1 + 1e-3 * size, 1]))
        self.data.write_text(self.data.read_text() + "".join(lines))
        self.json_of(*self.command("perfnetrt", "--data", self.data))
        self.assertIn("behind the layer before: conv+max_pool 0.25", (self.folder / "perfnetrt/report.txt").read_text())
        texts = [gzip.decompress(path.read_bytes()).decode() for path in self.kept.glob("*.predictor.gz")]
        self.assertTrue(any('"activation"' in text for text in texts))

    def test_a_stopped_run_keeps_what_it_trained_and_goes_on(self):
        command = self.command("perfnetrt", "--data", self.data, "--jobs", 1, "--json")
        run = subprocess.Popen([support.PROGRAM, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 120
        while not list(self.kept.glob("*.predictor.gz")) and time.time() < deadline and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=60)[1]
        self.assertEqual(run.returncode, 130, said)
        self.assertIn("kept in", said)
        kept = len(list(self.kept.glob("*.predictor.gz")))
        self.assertGreater(kept, 0)
        document = self.json_of(*command[:-1])
        self.assertGreaterEqual(document["found"], kept)
        self.assertGreater(document["trained"], 0)
        self.assertEqual(list(self.kept.glob("*.making*")), [])

    def test_rows_are_found_in_the_store_and_predictors_belong_to_their_rows_and_seed(self):
        self.run_program("collect", "--platform", "raceline", "--mode", "unoptimised", "--space", "perfnetrt", "--layers", "dense",
                         "--samples", 40, "--most-ms", 2, "--most-memory", 4, "--round-gap", 0, "--budget", 1, "--store", self.store)
        first = self.json_of(*self.command("perfnetrt"))
        here, = self.rows_of(first, "tableV", platform="raceline on cpu", layer="dense", phase="exe")
        self.is_figure(here["MAPE %"], "polynomial")
        conv, = self.rows_of(first, "tableV", platform="raceline on cpu", layer="conv", phase="exe")
        self.assertEqual(conv["MAPE %"], "not collected")
        self.assertIn("--layers conv", conv["remark"])
        self.assertEqual(self.json_of(*self.command("perfnetrt"))["trained"], 0)
        self.assertGreater(self.json_of(*self.command("perfnetrt", "--seed", 2))["trained"], 0)

    def test_bad_rows_are_refused_by_file_and_place(self):
        good = toy_rows(5, 1.0).splitlines()
        for name, line, words in (("NaN", good[1].rsplit(",", 4)[0] + ",nan,1,1,0", ["time_median_ms"]),
                                  ("negative", good[1].rsplit(",", 4)[0] + ",-1,1,1,0", ["time_median_ms"]),
                                  ("short", good[1][:20], ["line 2"])):
            bad = self.folder / f"conv_{name}.csv"
            bad.write_text("\n".join([good[0], line]) + "\n")
            self.refused(*self.command("resperfnet", "--published", bad), words=[bad.name, *words])
        lines = self.data.read_text().splitlines()
        for name, text, words in (("column", "\n".join([lines[0], lines[1].replace("resperfnet_exe_us,", ""), lines[2]]), ["resperfnet"]),
                                  ("time", "\n".join([lines[0], lines[1], lines[2].replace("optimised,1,", "optimised,-1,")]), ["threads"]),
                                  ("nothing", "", [])):
            bad = self.folder / f"{name}.csv"
            bad.write_text(text)
            self.refused(*self.command("resperfnet", "--data", bad), words=[bad.name, *words])
        self.refused(*self.command("resperfnet", "--published", self.kept.parent / "none"), words=["none"])
        empty = self.folder / "empty"
        empty.mkdir()
        self.refused(*self.command("resperfnet", "--published", empty), words=["holds no file like"])
        self.refused(*self.command("perfnetrt", "--nets", "lenet9"), words=["lenet9", "lenet5"])


if __name__ == "__main__":
    support.main()
