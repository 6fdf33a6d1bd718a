"""What a worker in Python is made of: the protocol "raceline-worker/1" of docs/platforms.md.

A worker is a class with three methods, handed to serve():

    facts()                                    -> {"platform", "accelerator", "versions", "modes"}
    open(model, inputs, threads, mode, plan)   -> names of the outputs; inputs are arrays by name
    run()                                      -> runs once, on the inputs that open() was given
    output(name)                               -> the array of the last run

Raise Refusal(kind, text) for what can't be done.
"""
import io
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

import numpy

PROTOCOL = "raceline-worker/1"


class Refusal(Exception):
    """The kind is a word: "unsupported", "memory", "failed"."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def peak_bytes():
    """The largest resident set since the program began. (Linux's ru_maxrss begins with that of who started it.)"""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Server:
    def __init__(self, worker, requests, replies, folder):
        self.worker, self.requests, self.replies, self.folder = worker, requests, replies, folder

    def path(self, name):
        if not name or not all(letter in "0123456789abcdef" for letter in name):
            raise Refusal("failed", f"'{name}' is no name of a file")
        return self.folder / name

    def serve(self):
        for line in self.requests:
            request = json.loads(line)
            if "bytes" in request:
                self.take_in(request["bytes"])
            try:
                answer, bytes_out = self.answer(request)
            except Refusal as refusal:
                answer, bytes_out = {"error": {"kind": refusal.kind, "message": str(refusal)}}, b""
            except MemoryError as error:
                answer, bytes_out = {"error": {"kind": "memory", "message": str(error)}}, b""
            except Exception as error:  # whatever a framework throws is an answer, not our end
                message = f"{type(error).__name__}: {error}"
                answer, bytes_out = {"error": {"kind": "failed", "message": message}}, b""
            answer["id"] = request["id"]
            if bytes_out:
                answer["bytes"] = len(bytes_out)
            self.replies.write(json.dumps(answer).encode() + b"\n" + bytes_out)
            self.replies.flush()
            if request["verb"] == "bye":
                return

    def take_in(self, left):
        """What comes with a request lies in a file, piece by piece: a model should not count as memory of ours."""
        with open(self.folder / "incoming", "wb") as file:
            while left > 0:
                piece = self.requests.read(min(left, 1 << 20))
                if not piece:
                    raise EOFError("a request ended too early")
                file.write(piece)
                left -= len(piece)

    def answer(self, request):
        verb = request["verb"]
        if verb == "hello":
            return {"protocol": PROTOCOL} | self.worker.facts(), b""
        if verb == "have":
            return {"have": self.path(request["hash"]).exists()}, b""
        if verb == "put":
            (self.folder / "incoming").rename(self.path(request["hash"]))
            return {}, b""
        if verb == "open":
            inputs = {name: numpy.load(self.path(file)) for name, file in request["inputs"].items()}
            plan = self.path(request["plan"]) if "plan" in request else None
            begin = time.perf_counter()
            outputs = self.worker.open(self.path(request["model"]), inputs, request["threads"], request["mode"], plan)
            return {"outputs": outputs, "load_us": (time.perf_counter() - begin) * 1e6}, b""
        if verb == "run":
            return {"samples_us": self.timed(request["count"], request["warm_up"])}, b""
        if verb == "output":
            file = io.BytesIO()
            numpy.save(file, numpy.ascontiguousarray(self.worker.output(request["name"])))
            return {}, file.getvalue()
        if verb == "memory":
            return {"peak_bytes": peak_bytes()}, b""
        if verb == "bye":
            return {}, b""
        raise Refusal("unsupported", f"the verb '{verb}' is not known")

    def timed(self, count, warm_up):
        run, clock = self.worker.run, time.perf_counter
        for _ in range(warm_up):
            run()
        samples = []
        for _ in range(count):
            begin = clock()
            run()
            samples.append((clock() - begin) * 1e6)
        return samples


def serve(worker):
    """Answers requests until the other side closes. What a framework prints goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with tempfile.TemporaryDirectory(prefix="raceline-worker-") as folder:
        Server(worker, requests, replies, pathlib.Path(folder)).serve()
