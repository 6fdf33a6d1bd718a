#!/usr/bin/env python3
"""What an epoch takes: batch after batch through a platform's worker, beside what `raceline predict --samples` says of it.

    tools/measure_epoch.py build/release/raceline tensorflow squeezenet --samples 512 --batch 8,32 --predictor tensorflow-cpu

Networks are the zoo's. One thread, bound to a core, nothing else may run; copies in and out are part of it, loading and the first
three runs are not. An epoch of N samples in batches of M is ceil(N / M) batches (equation 2 of PerfNetRT), the last of which is
as large as the others here. Run it with the Python that has the framework (tools/install-peers).
"""
import argparse
import io
import itertools
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy
import onnx
from bench_suite.program import Failed, Raceline
from markdown import table

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Worker:
    """A worker process, by the protocol of docs/platforms.md."""

    def __init__(self, platform):
        core = max(os.sched_getaffinity(0))
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([sys.executable, ROOT / "platforms" / f"{platform}_worker.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.ids = itertools.count()

    def ask(self, verb, payload=b"", **fields):
        request = {"id": next(self.ids), "verb": verb, "seconds": 600} | fields | ({"bytes": len(payload)} if payload else {})
        self.process.stdin.write(json.dumps(request).encode() + b"\n" + payload)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"{self.log.read()[-2000:]}\nthe worker ended over '{verb}'")
        answer = json.loads(line)
        if "error" in answer:
            sys.exit(f"{verb}: {answer['error']['message']}")
        return answer

    def close(self):
        self.ask("bye")
        self.process.wait()


def input_shapes(model):
    graph = onnx.load(model).graph
    constants = {each.name for each in graph.initializer}
    return {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in graph.input
            if value.name not in constants}


def npy(array):
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


def measured_us(platform, mode, model, batches):
    """So many runs, each with its copies."""
    worker = Worker(platform)
    worker.ask("put", model.read_bytes(), hash="a0")
    inputs = {}
    for index, (name, shape) in enumerate(input_shapes(model).items()):
        inputs[name] = f"b{index}"
        worker.ask("put", npy(numpy.random.default_rng(1).standard_normal(shape, numpy.float32)), hash=inputs[name])
    worker.ask("open", model="a0", inputs=inputs, threads=1, mode=mode)
    runs = worker.ask("measure", budget_us=1e9, runs=batches)["runs"]
    worker.close()
    if len(runs) != batches:
        sys.exit(f"{len(runs)} runs within the time there is, wanted {batches}")
    return sum(end - begin for run in runs for _, begin, end in run)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raceline", type=pathlib.Path)
    parser.add_argument("platform")
    parser.add_argument("networks", help="of the zoo, separated by commas")
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--batch", default="8")
    parser.add_argument("--mode", default="optimised")
    parser.add_argument("--predictor", required=True)
    arguments = parser.parse_args()
    raceline, rows, errors = Raceline(arguments.raceline), [], []
    with tempfile.TemporaryDirectory() as folder:
        for net, batch in itertools.product(arguments.networks.split(","), map(int, arguments.batch.split(","))):
            model = pathlib.Path(folder) / f"{net}.onnx"
            try:
                raceline.run(["zoo", "write", net, "--batch", batch, "-o", model])
                said = raceline.json("predict", model, "--predictor", arguments.predictor, "--samples", arguments.samples)
            except Failed as error:
                sys.exit(f"measure_epoch: {error}")
            said_us = said["networks"][0]["epoch_us"]
            us = measured_us(arguments.platform, arguments.mode, model, math.ceil(arguments.samples / batch))
            errors.append(abs(said_us / us - 1))
            rows.append([net, str(batch), f"{us / 1e6:.3f}", f"{said_us / 1e6:.3f}", f"{100 * (said_us / us - 1):+.1f}"])
    print("\n".join(table(["network", "batch", f"epoch of {arguments.samples}, s", "predicted, s", "off by %"], rows)))
    print(f"off by {100 * statistics.mean(errors):.1f} % in the mean of {len(errors)}")


if __name__ == "__main__":
    main()
