#!/usr/bin/env python3
"""Tunes networks over two processors and writes what mixing them brings: the tables of docs/opencl.md.

    tools/mixing_table.py FOLDER [--nets lenet5_caffe squeezenet ...] [--devices cpu,opencl:0] [--threads 1]
                                 [--store DB] [--without clblast] [--more=--budget=60]

Each network's plan and the tune's document are kept in FOLDER; what is there is not tuned again, so that it can
be stopped and go on, and another call writes the same tables.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from markdown import table

ROOT = pathlib.Path(__file__).resolve().parent.parent
NETS = ["lenet5_caffe", "alexnet", "squeezenet", "mobilenet_v1", "mobilenet_v2", "googlenet", "resnet32", "vgg19",
        "mobilefacenet", "mobilenet_v1_ssd"]  # of QS-DNN's Table II


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True).stdout


def tune(net, options):
    """The document of `raceline tune`, from the folder or made now."""
    document, model = options.folder / f"{net}.json", options.folder / f"{net}.onnx"
    if not document.exists():
        if not model.exists():
            run(options.raceline, "zoo", "write", net, "-o", model)
        made = run(options.raceline, "tune", model, "-o", options.folder / f"{net}.plan", "--devices", options.devices,
                   "--threads", options.threads, "--store", options.store, "--without", options.without, "--json",
                   *options.more)
        document.write_text(made)
    return json.loads(document.read_text())


def device(primitive):
    return primitive.split("@")[1].split(":")[0]


def shares(plan):
    """Layers that run something and their time on each side, copies between them, by the costs in the plan."""
    found = {"cpu": [0, 0.0], "opencl": [0, 0.0], "copies": [0, 0.0]}

    def add(where, us, count=1):
        found[where][0] += count
        found[where][1] += us * 1e-3

    for step in plan["steps"]:
        if step["expected_us"] > 0:
            add(device(step["primitive"]), step["expected_us"])
    for conversion in plan["conversions"]:
        sides = {conversion[side].split(":")[0] for side in ("from", "to")}
        if len(sides) > 1:
            add("copies", conversion["expected_us"])
        else:
            add(sides.pop(), conversion["expected_us"], 0)
    return found


def race_row(net, tuned):
    """The plan against each processor alone: 10th percentiles, and how many times as slow they are in paired runs."""
    entries = {entry["name"]: entry for entry in tuned["race"]}
    plan = entries[tuned["winner"]]
    alone = [entries[f"{name} alone"] for name in ("cpu", "opencl")]
    # Ratios are to the race's first plan, which mostly is the winner.
    scaled = [[entry[key] / plan["ratio"] for key in ("ratio", "ratio_low", "ratio_high")] for entry in alone]
    better = min(scaled)
    cells = [net, f"{plan['measured_us'] * 1e-3:.3f}"]
    for entry, (ratio, low, high) in zip(alone, scaled):
        cells.append(f"{entry['measured_us'] * 1e-3:.3f}; {ratio:.3f}x ({low:.3f} to {high:.3f})")
    fastest = min(entry["measured_us"] for entry in alone) / plan["measured_us"]
    cells += [f"{100 * (gain - 1):+.1f} %" for gain in (better[0], fastest)]
    return cells + ["no" if better[2] < 1 else "yes"]


def sum_row(net, tuned):
    """Who does what in the plan, and its sum of costs against fresh whole runs."""
    found = shares(tuned["plan"])
    cells = [net] + [f"{count} layers, {ms:.3f} ms" for count, ms in (found["cpu"], found["opencl"])]
    cells.append("{}, {:.3f} ms".format(*found["copies"]))
    predicted, measured = tuned["predicted_after"]["whole_us"], tuned["whole_us"]
    off = predicted - measured
    handed = found["copies"][0] + found["opencl"][0]
    cells += [f"{us * 1e-3:.3f}" for us in (tuned["predicted_before"]["whole_us"], predicted, measured)]
    return cells + [f"{100 * off / measured:+.1f} %", f"{off / handed:+.1f} us" if handed else "-"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--raceline", default=ROOT / "build/release/raceline")
    parser.add_argument("--devices", default="cpu,opencl:0")
    parser.add_argument("--threads", default=1, type=int, help="of the CPU")
    parser.add_argument("--store", help="of costs; FOLDER/costs.db")
    parser.add_argument("--without", default="clblast", help="which compiles for seconds a layer")
    parser.add_argument("--more", nargs="*", default=[], help="further options of `raceline tune`")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    options.store = options.store or options.folder / "costs.db"
    tuned = {net: tune(net, options) for net in options.nets}
    for net, document in tuned.items():
        if not document["raced"]:
            sys.exit(f"{net}: the tune was stopped before its race; remove {options.folder / net}.json to go on")
    races = ["network", "the plan, ms", "CPU alone", "accelerator alone", "gain over the better",
             "at the 10th percentile", "never slower"]
    sums = ["network", "CPU", "accelerator", "copies", "sum of layers, ms", "corrected", "measured", "off by",
            "by copy or launch"]
    for header, row in ((races, race_row), (sums, sum_row)):
        print(*table(header, [row(net, document) for net, document in tuned.items()]), "", sep="\n")


if __name__ == "__main__":
    main()
