"""From networks that were measured whole to a predictor that knows what a sum of layers leaves out."""
import csv
import json
import subprocess
import sys

import support
from toy_platforms import ToyPlatforms

# As many families as it takes to tell the rule from those that are left when one is judged.
NETS, BATCHES = ("lenet5", "squeezenet", "mobilefacenet", "mobilenet_v2", "resnet32", "shufflenet_v2"), (1, 2, 4)
START_US, SHARE = 300, 0.8  # of the toy platform: what a run takes beside its layers, and what layers take in one


class Calibrate(ToyPlatforms):
    def sums(self, predictor):
        """What the layers of each network take together."""
        found = {}
        for net in NETS:
            for batch in BATCHES:
                model = self.folder / f"{net}.{batch}.onnx"
                if not model.exists():
                    self.run_program("zoo", "write", net, "--batch", batch, "-o", model)
                found[net, batch] = self.json_of("predict", model, "--predictor", predictor)["networks"][0]
        return found

    def with_networks(self, data, sums, unknown=()):
        """The dataset with whole networks beside its layers."""
        lines = [line for line in data.read_text().splitlines() if not line.startswith("#")]
        rows = list(csv.DictReader(lines))
        columns = list(rows[0])
        for (net, batch), network in [*sums.items(), *unknown]:
            row = dict(rows[0], layer=f"model {net} batch={batch}", type="model", set="models", group=net)
            for column in columns:
                if column.endswith("_us"):
                    row[column] = START_US + SHARE * network["total_us"] if "_exe" in column else 0
            rows.append(row)
        path = self.folder / "networks.csv"
        with open(path, "w", newline="") as file:
            file.write("# raceline-dataset/1\n")
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def test_a_predictor_learns_from_whole_networks(self):
        data = self.dataset()
        linear = self.predictor(data)
        sums = self.sums(linear)
        networks = self.with_networks(data, sums, [(("nosuch", 1), sums["lenet5", 1])])
        taught = self.folder / "taught.predictor"
        command = ["calibrate", linear, networks, "-o", taught, "--kept", self.folder / "kept"]
        document = self.json_of(*command)
        self.assertEqual(len(document["networks"]), len(sums), "the unknown one is left out")
        self.assertGreater(document["sum"]["mape_percent"], 15)
        # Each network is judged by the others, and the rule is one that a composition can say.
        self.assertLess(document["calibrated"]["mape_percent"], 3)
        kept = [path.read_text() for path in (self.folder / "kept").glob("*.txt")]
        self.assertTrue(any("\tdepthwise\tbatch_norm\n" in text or "\tconv\tbatch_norm\n" in text for text in kept),
                        "layers whose batch-norm is folded are known")
        self.assertLess(document["by_other_networks"]["mape_percent"], 3)
        self.assertGreater(min(row["by_other_networks_us"] for row in document["networks"]), 0)
        self.assertEqual(document["layers_trained_on"], 0)
        self.assertEqual(set(document["calibrated"]["families"]),
                         {"lenet", "squeezenet", "mobilefacenet", "mobilenet", "resnet", "shufflenet"})
        self.assertIn("calibrated on other families", self.run_program(*command).stdout)

        model = self.folder / "squeezenet.2.onnx"
        network = self.json_of("predict", model, "--predictor", taught, "--samples", 10)["networks"][0]
        whole = network["calibrated"]
        self.assertAlmostEqual(network["total_us"], sums["squeezenet", 2]["total_us"], places=6)
        self.assertLess(abs(whole["us"] / (START_US + SHARE * network["total_us"]) - 1), 0.03)
        self.assertLess(whole["low_us"], whole["us"])
        self.assertAlmostEqual(network["epoch_us"], 5 * whole["us"], places=3)
        self.assertIn("as whole networks take it", self.run_program("predict", model, "--predictor", taught).stdout)
        self.assertIn("networks: ", self.run_program("predict", "--predictor", taught, "--describe").stdout)
        for predictors, compared in (((taught, taught), "calibrated"), ((taught, linear), "exe")):
            advised = self.json_of("advise", model, "--predictors", *predictors)["networks"][0]
            self.assertEqual(advised["compared"], compared)

    def test_how_often_the_faster_platform_is_named_is_counted(self):
        tool = support.SOURCE / "tools/advise_accuracy.py"

        def platform(name, factor, wrong=1):
            rows = [{"network": "a", "batch": batch, "measured_us": factor * batch, "sum_us": factor * wrong * batch,
                     "calibrated_us": None if batch == 4 else factor * batch, "layers_without_model": 0} for batch in BATCHES]
            rows.append(dict(rows[0], network="b", layers_without_model=1))
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps({"networks": rows}))
            return path

        def run(*paths, status=0):
            done = subprocess.run([sys.executable, tool, *map(str, paths), "--json"], capture_output=True, text=True)
            self.assertEqual(done.returncode, status, done.stderr)
            return json.loads(done.stdout) if status == 0 else done.stderr
        slow, fast = platform("slow", 3), platform("fast", 2, wrong=2)
        by_sum, calibrated = run(slow, fast)
        self.assertEqual((by_sum["compared"], by_sum["right"], by_sum["wrong"][0]), (3, 0, "a batch 1"))
        self.assertEqual((calibrated["compared"], calibrated["right"], calibrated["wrong"]), (2, 2, []))
        self.assertIn("no network", run(slow, platform("alike", 3.1), status=1))
        self.assertIn("nothing that", run(slow, self.folder / "nosuch", status=1))

    def test_bad_input_is_refused_by_name(self):
        data = self.dataset(conv=60, dense=60)
        linear = self.predictor(data)
        out = self.folder / "out.predictor"
        self.refused("calibrate", linear, data, "-o", out, words=[data, "networks of 0 families", "TOY", "collect --models"])
        self.refused("calibrate", self.folder / "nosuch", data, "-o", out, words=["nosuch"])
        self.assertFalse(out.exists())
        text = linear.read_text()
        for rule, words in (('"networks": [{}]', ["networks"]), ('"networks": 3', ["networks", "a list"])):
            bad = self.folder / "bad.predictor"
            bad.write_text(text.replace('"networks": []', rule))
            self.refused("predict", self.folder, "--predictor", bad, words=[bad.name, *words])


if __name__ == "__main__":
    support.main()
