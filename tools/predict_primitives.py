#!/usr/bin/env python3
"""What `tune --predict` saves and loses on the networks of the zoo, each left out of its predictor's training.

    tools/predict_primitives.py build/release/raceline --store costs.db -o predicted-primitives [--nets squeezenet ...]

The store holds all costs of these networks, as `raceline profile NET --store costs.db --threads N` measures them. The
networks are dealt into --folds groups. For each group a predictor is trained on the costs of all layers that do not occur in
any of its networks, in no form and as no conversion; then `raceline search --predict` decides for each of them what to
measure, and is answered from the store. Nothing is timed. What was made is kept below the output folder under the hash of
what it was made of; results.json and table.md are written there.
"""
import argparse
import json
import pathlib
import statistics
import sys

from markdown import table
from study import Study, digest


class PrimitivesStudy(Study):
    def __init__(self, arguments):
        super().__init__(arguments.raceline, arguments.output)
        self.arguments = arguments

    def data(self):
        store = self.arguments.store
        return self.made(self.kept(".costs.csv.gz", digest(store)), "dataset", "export", "--costs", "--store", store)

    def model(self, net):
        path = self.folder / f"{net}.onnx"
        if not path.exists():
            self.run("zoo", "write", net, "-o", path)
        return path

    def predictor(self, data, nets):
        """Trained on all but the layers of these networks."""
        rest = self.made(self.kept(".rest.csv.gz", data.name, *nets), "dataset", "split", data, "--test", 0,
                         "--validation", 0, "--without-layers-of", ",".join(str(self.model(net)) for net in nets))
        settings = [word for each in self.arguments.set for word in ("--set", each)]
        words = ["train", rest, "--model", self.arguments.model, "--threads", self.arguments.threads, *settings]
        return self.made(self.kept(".predictor.gz", rest.name, *words[2:]), *words)

    def result(self, predictor, net):
        document = json.loads(self.run("search", self.model(net), "--store", self.arguments.store, "--threads",
                                       self.arguments.threads, "--predict", predictor, "--predict-level",
                                       self.arguments.level, "--predict-within", self.arguments.within,
                                       "--predict-share", self.arguments.share, "--predict-least", self.arguments.least,
                                       "--json"))
        if not self.arguments.keep_models:
            self.model(net).unlink()
        return {"net": net, **document["prediction"]}


def rows_of(results):
    for each in results:
        yield [each["net"], str(each["pairs"]), str(each["measured"]), f"{each['measured_percent']:.1f}",
               str(each["unpredicted"]), str(each["rounds"]), f"{each['full_us'] / 1000:.3f}",
               f"{each['cost_us'] / 1000:.3f}", f"{each['lost_percent']:.2f}"]
    measured, pairs = (sum(each[key] for each in results) for key in ("measured", "pairs"))
    lost = [each["lost_percent"] for each in results]
    yield ["all", str(pairs), str(measured), f"{100 * measured / pairs:.1f}", str(sum(each["unpredicted"] for each in results)),
           "", "", "", f"mean {statistics.mean(lost):.2f}, worst {max(lost):.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raceline", type=pathlib.Path)
    parser.add_argument("--store", type=pathlib.Path, required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--nets", nargs="+", help="all of the zoo if not given")
    parser.add_argument("--folds", type=int, default=5, help="predictors that are trained")
    parser.add_argument("--keep-models", action="store_true", help="for the next run; two gigabytes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default="boosted")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the model")
    parser.add_argument("--level", type=float, default=50, help="of the intervals, in percent")
    parser.add_argument("--within", type=float, default=1, help="percent")
    parser.add_argument("--share", type=float, default=25, help="of the pairs, measured at most, in percent")
    parser.add_argument("--least", type=int, default=100, help="pairs; intervals are made wider while fewer were measured")
    arguments = parser.parse_args()
    study = PrimitivesStudy(arguments)
    nets = arguments.nets or [net["name"] for net in json.loads(study.run("zoo", "list", "--json"))]
    data = study.data()
    results = []
    for fold in range(min(arguments.folds, len(nets))):
        group = nets[fold::arguments.folds]
        predictor = study.predictor(data, group)
        for net in group:
            results.append(study.result(predictor, net))
            print(f"{net}: {results[-1]['measured_percent']:.1f} % measured, {results[-1]['lost_percent']:.2f} % lost",
                  file=sys.stderr)
    results.sort(key=lambda each: nets.index(each["net"]))
    text = "\n".join(table(["network", "pairs", "measured", "%", "without prediction", "rounds", "full ms", "predicted ms",
                            "lost %"], list(rows_of(results)))) + "\n"
    (study.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (study.folder / "table.md").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
