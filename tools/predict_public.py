#!/usr/bin/env python3
"""Accuracy of every model on the public data of ../shared/data, by `raceline train` and `raceline evaluate`.

    tools/predict_public.py build/release/raceline ../shared/data -o public-accuracy [--quick] [--only PART,...]

Each dataset, training and figure is kept below the output folder under the hash of its data, its settings and the
programs, so that a second run only makes what is missing, and another build makes all of it anew. Writes results.json and
table.md there, and prints the tables.
"""
import argparse
import csv
import gzip
import io
import json
import math
import pathlib
import statistics

import markdown
from study import Study, digest, spread

GPUS = ["GTX1080Ti", "V100", "P100", "K80"]
MODELS = ["mean", "roofline", "linear", "polynomial", "svr", "xgboost", "forest", "boosted"]
TREES = {"xgboost", "forest", "boosted", "blend"}
# Nets with settings beside the published ones, and how many seeds; ResPerfNet takes minutes each.
NETS = [("justus", [], 3), ("perfnet", [], 3), ("perfnet", ["loss=maple-batch"], 3), ("resperfnet", [], 1),
        ("resperfnet", ["l2=0"], 3), ("resperfnet", ["l2=0", "box_cox=0"], 1), ("resperfnet+", [], 3), ("blend", [], 3)]


class PublicStudy(Study):
    def __init__(self, arguments):
        super().__init__(arguments.raceline, arguments.output)
        self.data, self.quick = arguments.data, arguments.quick

    def dataset(self, kind, gpu, seed):
        """One GPU's rows of tensorflow-1.10, 80/20 by layer."""
        source = self.data / "tensorflow-1.10" / f"{kind}_{gpu}.csv.gz"
        imported = self.imported("justus", source)
        return self.made(self.kept(f".{kind}_{gpu}.{seed}.csv.gz", imported.name, seed), "dataset", "split", imported,
                         "--seed", seed)

    def imported(self, form, source):
        path = self.kept(f".{source.name}", form, digest(source))
        return self.made(path, "dataset", "import", "--format", form, source)

    def trt_folds(self, count=5):
        """Datasets of TensorRT V100 FP32, each with another fifth of the values of in_h as test rows."""
        imported = self.imported("trt", self.data / "tensorrt-v100" / "conv_fp32.csv.gz")
        lines = gzip.decompress(imported.read_bytes()).decode().splitlines()
        notes = [line for line in lines if line.startswith("#")]
        rows = list(csv.DictReader(io.StringIO("\n".join(line for line in lines if not line.startswith("#")))))
        groups = sorted({row["group"] for row in rows}, key=lambda group: int(group.split(":")[1]))
        for fold in range(count):
            path = self.kept(f".trt.fold{fold}.csv.gz", imported.name, fold, count)
            if not path.exists():
                held = set(groups[fold::count])
                text = io.StringIO()
                writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
                writer.writeheader()
                for row in rows:
                    writer.writerow({**row, "set": "test" if row["group"] in held else "train"})
                path.write_bytes(gzip.compress(("\n".join(notes) + "\n" + text.getvalue()).encode(), mtime=0))
            yield fold, path

    def predictor(self, data, model, rows, seed, sources=(), settings=()):
        words = ["train", data, "--model", model, "--rows", rows, "--seed", seed]
        for each in sources:
            words += ["--from", each]
        if self.quick and model in TREES:
            settings = [*settings, "trees=10" if model == "forest" else "rounds=50"]
        if self.quick and model in {name for name, *_ in NETS}:
            settings = [*settings, "epochs=2"]
        for each in settings:
            words += ["--set", each]
        content = digest(data)
        path = self.kept(".predictor.gz", content, *words[2:])
        return self.made(path, *words)

    def accuracy(self, predictor, data):
        """Results by layer type; kept beside the predictor."""
        path = self.kept(".json", predictor.name, digest(data))
        if not path.exists():
            path.write_text(self.run("evaluate", predictor, data, "--json"))
        return {row["type"]: row for row in json.loads(path.read_text())["results"]}


def summary(rows):
    """The means over seeds of the figures that tables show."""
    keys = ("mape_percent", "median_percent", "p90_percent", "within_10_percent", "bias_percent", "rank_correlation",
            "coverage_percent", "interval_factor", "mae_us", "rmse_us", "r2")
    return {"mape": spread([row["mape_percent"] for row in rows]),
            **{key: statistics.mean(math.nan if row[key] is None else row[key] for row in rows) for key in keys}, "rows": rows[0]["rows"],
            "mapes": [row["mape_percent"] for row in rows]}


def line_of(name, result):
    return [*name, result["mape"], f"{result['median_percent']:.2f}", f"{result['p90_percent']:.1f}",
            f"{result['within_10_percent']:.1f}", f"{result['rmse_us'] / 1000:.3f}", f"{result['r2']:.3f}",
            f"{result['bias_percent']:+.2f}", f"{result['rank_correlation']:.4f}",
            "unknown" if math.isnan(result["coverage_percent"]) else f"{result['coverage_percent']:.1f}",
            f"{result['interval_factor']:.3f}"]


COLUMNS = ["MAPE %", "median %", "p90 %", "<= 10 %", "RMSE ms", "R2", "bias %", "rank", "in 90 %", "factor"]


def titled(title, header, rows):
    return "\n".join([f"**{title}**", "", *markdown.table(header, (list(map(str, row)) for row in rows))]) + "\n"


def tensorflow(study, results):
    """Every model on every GPU, 8,000 rows of convolutions and of dense layers; three seeds for ours,
    one for the others."""
    table = []
    for kind, gpu in [(kind, gpu) for kind in ("conv", "dense") for gpu in GPUS]:
        for model in MODELS:
            seeds = [1, 2, 3] if model == "boosted" and not study.quick else [1]
            rows = []
            for seed in seeds:
                data = study.dataset(kind, gpu, seed)
                rows.append(study.accuracy(study.predictor(data, model, 8000, seed), data)[kind])
            result = results[f"{kind} {gpu} {model} 8000"] = summary(rows)
            table.append(line_of([kind, gpu, model, result["rows"]], result))
            print(*table[-1], sep="  ", flush=True)
    return titled("TensorFlow 1.10, at most 8,000 training rows, test rows by layer",
                  ["layer", "GPU", "model", "test rows", *COLUMNS], table)


def curve(study, results):
    """MAPE on convolutions of the GTX 1080 Ti by the number of training rows."""
    sizes, table = [500, 2000] if study.quick else [100, 500, 2000, 8000], []
    for model in ("linear", "boosted"):
        row = [model]
        for size in sizes:
            rows = []
            for seed in [1] if study.quick else [1, 2, 3]:
                data = study.dataset("conv", GPUS[0], seed)
                rows.append(study.accuracy(study.predictor(data, model, size, seed), data)["conv"])
            results[f"conv {GPUS[0]} {model} {size}"] = summary(rows)
            row.append(summary(rows)["mape"])
        table.append(row)
        print(*row, sep="  ", flush=True)
    return titled("MAPE % on conv GTX 1080 Ti by training rows, three seeds", ["model", *map(str, sizes)], table)


def trt(study, results):
    """TensorRT V100 FP32: the values of in_h in five folds, each held out once."""
    table = []
    for model in ("linear", "boosted"):
        folds = {}
        for fold, data in study.trt_folds():
            predictor = study.predictor(data, model, 2000 if study.quick else 16000, 1)
            for kind, row in study.accuracy(predictor, data).items():
                folds.setdefault(kind, []).append(row)
            if study.quick:
                break
        total = sum(row["rows"] for rows in folds.values() for row in rows)
        whole = sum(row["rows"] * row["mape_percent"] for rows in folds.values() for row in rows) / total
        for kind, rows in folds.items():
            result = results[f"trt {kind} {model}"] = summary(rows)
            table.append(line_of([model, kind, sum(row["rows"] for row in rows)], result))
        results[f"trt all {model}"] = {"mape_percent": whole, "rows": total}
        table.append([model, "all rows", total, f"{whole:.2f}", *[""] * (len(COLUMNS) - 1)])
        print(*table[-1], sep="  ", flush=True)
    return titled("TensorRT V100 FP32, five folds over in_h", ["model", "layer", "test rows", *COLUMNS], table)


def transfer(study, results):
    """Each GPU from 30 rows of its own and the three others' predictors; five draws."""
    table, means = [], []
    sources = {}
    for gpu in GPUS:
        data = study.dataset("conv", gpu, 1)
        sources[gpu] = study.predictor(data, "boosted", 8000, 1)
    for gpu in GPUS:
        data = study.dataset("conv", gpu, 1)
        others = [sources[other] for other in GPUS if other != gpu]
        rows = [study.accuracy(study.predictor(data, "transfer", 30, draw, others), data)["conv"]
                for draw in range(1, 6)]
        result = results[f"transfer {gpu}"] = summary(rows)
        means.append(result["mape_percent"])
        alone = [study.accuracy(study.predictor(data, "linear", 30, draw), data)["conv"] for draw in range(1, 6)]
        table.append([gpu, result["mape"], f"{result['median_percent']:.2f}", f"{result['bias_percent']:+.2f}",
                      f"{max(result['mapes']):.2f}", summary(alone)["mape"]])
        print(*table[-1], sep="  ", flush=True)
    results["transfer mean"] = {"mape_percent": statistics.mean(means)}
    table.append(["mean", f"{statistics.mean(means):.2f}", "", "", "", ""])
    return titled("Transfer: convolutions of each GPU from 30 rows and the other three's predictors, five draws",
                  ["GPU", "MAPE %", "median %", "bias %", "worst draw", "linear from the same 30 rows"], table)


def nets(study, results):
    """Nets on convolutions of the GTX 1080 Ti, 8,000 rows: as published, and with the nearest settings that train."""
    table = []
    for model, settings, seeds in NETS:
        rows = []
        for seed in range(1, 2 if study.quick else seeds + 1):
            data = study.dataset("conv", GPUS[0], seed)
            rows.append(study.accuracy(study.predictor(data, model, 8000, seed, settings=settings), data)["conv"])
        result = results[f"conv {GPUS[0]} {model} {' '.join(settings)} 8000"] = summary(rows)
        table.append(line_of([model, " ".join(settings) or "as published", result["rows"]], result))
        print(*table[-1], sep="  ", flush=True)
    return titled("Nets on conv GTX 1080 Ti, at most 8,000 training rows", ["model", "settings", "test rows", *COLUMNS],
                  table)


PARTS = {"tensorflow": tensorflow, "curve": curve, "trt": trt, "transfer": transfer, "nets": nets}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raceline", type=pathlib.Path, help="the program; raceline-train stands beside it")
    parser.add_argument("data", type=pathlib.Path, help="folder with tensorflow-1.10 and tensorrt-v100")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, of " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="few trees, one seed: to try the script")
    arguments = parser.parse_args()
    study, results, pages = PublicStudy(arguments), {}, []
    for part in arguments.only.split(","):
        pages.append(PARTS[part](study, results))
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.output / "table.md").write_text("\n".join(pages))
    print("\n".join(pages))


if __name__ == "__main__":
    main()
