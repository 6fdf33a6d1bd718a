#!/usr/bin/env python3
"""How good predictors of platforms are that were collected here: layers, whole networks, and which platform is faster.

    tools/predict_platforms.py build/release/raceline -o platform-accuracy datasets/*/openvino-optimised.csv.gz ...
    tools/predict_platforms.py build/release/raceline -o quick --quick datasets/*/openvino-optimised.csv.gz

Layers are judged by the frozen sets, over three seeds of training. For networks all layers of all networks of the zoo leave the
training rows, at any batch; then `raceline calibrate` judges each network by those of other families, and by all
others. What is made is kept below
the output folder under the hash of its data, its settings and the programs, so that a second run only makes what is missing.
Writes results.json and table.md there, and prints the tables.
"""
import argparse
import gzip
import itertools
import json
import math
import pathlib
import re
import statistics

from advise_accuracy import verdicts
from markdown import table
from study import Study, digest, spread

# Percent that a type may be off in phase exe, or this many times the noise floor, where that is known and small.
BARS = {"conv": 7, "depthwise": 7, "max_pool": 6, "average_pool": 6, "global_pool": 6, "dense": 5}
NOISE_FACTOR, MOST_NOISE, LEAST_NOISE_ROWS = 1.3, 5, 100
PAPERS_NETS, SUM_BAR, CALIBRATED_BAR = ("lenet5", "alexnet_one_tower", "vgg16"), 8.4, 5
LEAST_FAMILIES = 3  # of networks, as `calibrate` wants them
DIFFERENT = 10  # percent that platforms differ by, to be told apart


class PlatformStudy(Study):
    def __init__(self, arguments):
        super().__init__(arguments.raceline, arguments.output)
        self.model, self.settings = arguments.model, arguments.settings
        if arguments.quick and self.model == "boosted":
            self.settings = [*self.settings, "rounds=50"]
        self.seeds = [1] if arguments.quick else list(range(1, arguments.seeds + 1))

    def predictor(self, data, seed, phases="pre,exe,post"):
        words = ["train", data, "--model", self.model, "--phases", phases, "--seed", seed]
        words += [word for setting in self.settings for word in ("--set", setting)]
        return self.made(self.kept(".predictor.gz", digest(data), *words[2:]), *words)

    def printed(self, suffix, *words):
        """A document that a command prints, kept by what its files hold."""
        path = self.kept(suffix, *(digest(word) if isinstance(word, pathlib.Path) else word for word in words))
        if not path.exists():
            path.write_text(self.run(*words, "--json"))
        return json.loads(path.read_text())

    @staticmethod
    def has_networks(data):
        """Enough of them to judge one family by others."""
        text = gzip.decompress(data.read_bytes()).decode() if data.suffix == ".gz" else data.read_text()
        return len(set(re.findall(r"^model ([a-z]+)", text, re.MULTILINE))) >= LEAST_FAMILIES

    def without_networks(self, data):
        """The dataset without training rows of layers that any network of the zoo has."""
        nets = []
        (self.folder / "nets").mkdir(exist_ok=True)
        for net in json.loads(self.run("zoo", "list", "--json")):
            nets.append(self.folder / "nets" / f"{net['name']}.onnx")
            self.made(nets[-1], "zoo", "write", net["name"])
        path = self.kept(".csv.gz", digest(data), "without the zoo", *(net.name for net in nets))
        return self.made(path, "dataset", "split", data, "--test", 0, "--validation", 0, "--without-layers-of",
                         ",".join(map(str, nets)))

    def calibrated(self, data, seed):
        predictor = self.predictor(self.without_networks(data), seed)
        path = self.kept(".calibrated.gz", predictor.name, digest(data))
        document = path.with_suffix(".json")
        if not document.exists():
            document.write_text(self.run("calibrate", predictor, data, "-o", path, "--kept", self.folder / "kept", "--json"))
        return json.loads(document.read_text())


def bar_of(kind, row):
    """What a type may be off by; nothing where nothing is asked of it."""
    bar, noise = BARS.get(kind), row["noise_floor_percent"]
    if bar is None:
        return None
    known = noise is not None and row["noise_floor_rows"] >= LEAST_NOISE_ROWS and noise <= MOST_NOISE
    return max(bar, NOISE_FACTOR * noise) if known else bar


def number(value, digits=1):
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def layers(study, name, data, results):
    """Of each frozen set, type and phase what predictors of all seeds are off by."""
    documents = [study.printed(".layers.json", "evaluate", study.predictor(data, seed), data) for seed in study.seeds]
    by_key = {}
    for document in documents:
        for row in document["results"]:
            by_key.setdefault((row["set"], row["type"], row["phase"]), []).append(row)
    rows, kept = [], []
    for (chosen, kind, phase), of_seeds in sorted(by_key.items()):
        first, mapes = of_seeds[0], [row["mape_percent"] for row in of_seeds]
        bar = bar_of(kind, first) if phase == "exe" else None
        reached = "" if bar is None else "yes" if statistics.mean(mapes) <= bar else "no"
        kept.append({"set": chosen, "type": kind, "phase": phase, "rows": first["rows"], "mape_percent": mapes,
                     "noise_floor_percent": first["noise_floor_percent"], "bar_percent": bar, "reached": reached})
        rows.append([chosen, kind, phase, str(first["rows"]), spread(mapes), number(first["median_percent"]),
                     number(first["bias_percent"]), str(first["beyond_rows"]), number(first["coverage_percent"]),
                     f"{number(first['noise_floor_percent'])} of {first['noise_floor_rows']}", number(bar), reached])
    pooled = [f"{number(each['coverage_percent'])} % ({number(each['coverage_low_percent'])} to {number(each['coverage_high_percent'])}) of "
              f"{each['coverage_rows']} rows in phase {each['phase']}" for each in documents[0]["pooled"] if each["set"] is None]
    results[name] = {"layers": kept, "pooled": [document["pooled"] for document in documents]}
    header = ["set", "type", "phase", "rows", "MAPE %", "median %", "bias %", "beyond", "in 90 %", "noise %", "bar %", "reached"]
    return [f"## {name}", "", *table(header, rows), "", "90 % intervals hold " + "; ".join(pooled) + ".", ""]


def networks(study, name, data, results):
    """What whole networks were measured to take, and four ways to say it."""
    document = study.calibrated(data, study.seeds[0])
    results[name]["networks"] = document
    rows = []
    for row in document["networks"]:
        off = [None if row[key] is None else 100 * (row[key] / row["measured_us"] - 1)
               for key in ("oracle_us", "sum_us", "calibrated_us")]
        rows.append([row["network"], str(row["batch"]), f"{row['measured_us'] / 1000:.3f}", *(number(each) for each in off),
                     str(row["layers_without_model"])])
    sums = [abs(row["sum_us"] / row["measured_us"] - 1) for row in document["networks"] if row["network"] in PAPERS_NETS]
    papers = f"{100 * statistics.mean(sums):.1f} %" if sums else "nothing"
    lines = [f"LeNet-5, AlexNet and VGG-16 by the sum of predicted layers are off by {papers} (bar {SUM_BAR} %); "]
    for key, what in (("oracle", "sums of measured layers"), ("sum", "sums of predicted layers"),
                      ("calibrated", "calibrated on other families"),
                      ("by_other_networks", f"on all other networks (bar {CALIBRATED_BAR} %)")):
        judged = document[key]
        if judged:
            lines.append(f"{what}: {judged['mape_percent']:.1f} % (median {judged['median_percent']:.1f}, bias "
                         f"{judged['bias_percent']:+.1f}) of {judged['networks']} networks; ")
    lines.append(f"a repeated measurement of a network: {number(document['noise_floor_percent']) or 'unknown'} %.")
    header = ["network", "batch", "measured ms", "measured layers %", "sum %", "calibrated %", "no model"]
    return [*table(header, rows), "", "".join(lines), "", f"A network takes {document['composition']}.", ""]


def advice(results):
    """How often the faster one of two platforms is named."""
    known = {name: {(row["network"], row["batch"]): row for row in result["networks"]["networks"]}
             for name, result in results.items() if "networks" in result}
    rows = []
    for first, second in itertools.combinations(known, 2):
        for column in ("sum_us", "calibrated_us"):
            found = verdicts(known[first], known[second], column, DIFFERENT)
            wrong = [f"{net} batch {batch}" for (net, batch), right in found.items() if not right]
            if found:
                rows.append([first, second, column.removesuffix("_us"), f"{len(found) - len(wrong)} of {len(found)}",
                             ", ".join(wrong)])
    if not rows:
        return []
    header = ["platform", "other", "by", "faster one named", "wrong"]
    return ["## Which platform is faster", "", *table(header, rows), ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raceline", type=pathlib.Path, help="the program; raceline-train stands beside it")
    parser.add_argument("data", type=pathlib.Path, nargs="+", help="datasets of tools/collect-datasets")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--model", default="boosted")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few trees, one seed: to try the script")
    arguments = parser.parse_args()
    study, results, lines = PlatformStudy(arguments), {}, []
    for data in arguments.data:
        name = f"{data.name.removesuffix('.csv.gz')} of {data.resolve().parent.name}"
        lines += layers(study, name, data, results)
        if study.has_networks(data):
            lines += networks(study, name, data, results)
    lines += advice(results)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.output / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
