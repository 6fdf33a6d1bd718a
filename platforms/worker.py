"""What a worker in Python is made of: the protocol "raceline-worker/1" of docs/platforms.md.

A worker is a class with four methods, handed to serve():

    facts()                                    -> {"platform", "accelerator", "versions", "modes"}
    open(model, inputs, threads, mode, plan)   -> names of the outputs; inputs are arrays by name
    run()                                      -> runs once, on the inputs that open() was given
    output(name)                               -> the array of the last run

and, if it can tell more than how long a run takes, any of these:

    feed()          copies the inputs to where the framework reads them
    fetch()         copies the outputs to where the application reads them
    kernels()       one profiled run -> ([(step, microseconds), ...], [names of kernels]); a step is "compute",
                    "reshape_in" or "reshape_out"
    resolution_us   what the profiler's times are rounded down to, if that is coarse

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
OUT_OF_MEMORY = ("bad_alloc", "allocate memory", "out of memory", "OOM when allocating")
BATCH_BELOW_US = 10  # shorter runs are timed several at a time
LONGEST_PROFILED_SHARE = 0.4  # of the time that a measurement may take


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


def label(kernels):
    """[(whether it reorders a tensor, microseconds), ...] in the order of a run -> [(step, microseconds), ...].

    Reorderings before the first kernel reshape the input, those after the last the output; those between belong to
    the network's computation.
    """
    computes = [at for at, (reorders, _) in enumerate(kernels) if not reorders] or [0]
    return [("reshape_in" if at < computes[0] else "reshape_out" if at > computes[-1] else "compute", took)
            for at, (_, took) in enumerate(kernels)]


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
                kind = "memory" if any(word in message for word in OUT_OF_MEMORY) else "failed"
                answer, bytes_out = {"error": {"kind": kind, "message": message}}, b""
            answer["id"] = request["id"]
            if bytes_out:
                answer["bytes"] = len(bytes_out)
            self.replies.write(json.dumps(answer).encode() + b"\n" + bytes_out)
            self.replies.flush()
            if request["verb"] == "bye":
                return

    def has(self, here, theirs):
        """Whether the file is here; where the asking side's own file can be reached, it is from then on."""
        if not here.exists() and theirs is not None:
            try:
                found = os.stat(theirs["path"])
                if (found.st_ino, found.st_size, found.st_mtime_ns) == (theirs["inode"], theirs["size"], theirs["modified_ns"]):
                    os.link(theirs["path"], here)
            except OSError:
                pass  # another machine, or another file system: the file is sent
        return here.exists()

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
            return {"have": self.has(self.path(request["hash"]), request.get("file"))}, b""
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
        if verb == "measure":
            return self.measure(request["budget_us"], request["runs"]), b""
        if verb == "drop":
            self.path(request["hash"]).unlink(missing_ok=True)
            return {}, b""
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

    def measure(self, budget_us, most):
        """Raw steps of up to `most` runs that take about budget_us together, profiled runs included."""
        feed, fetch = getattr(self.worker, "feed", None), getattr(self.worker, "fetch", None)
        cold = sum(self.parts(feed, fetch, 1))
        trial = [self.parts(feed, fetch, 1) for _ in range(1 if cold > budget_us else min(2, most))]
        once = max(0.01, min(map(sum, trial)))
        batch = max(1, min(1000, round(BATCH_BELOW_US / once)))
        count = max(1, min(most, int((1 - LONGEST_PROFILED_SHARE) * budget_us / (once * batch))))
        # Runs so long that the budget has no room for more than the trial are not taken again.
        parts = trial[-count:] if count <= len(trial) and batch == 1 else [self.parts(feed, fetch, batch)
                                                                           for _ in range(count)]
        profile, names = self.profile(LONGEST_PROFILED_SHARE * budget_us)
        # What a run takes beyond its kernels is the same each time: dispatch. The rest of a run is kernels.
        kernels = sum(profile.values())
        typical = sorted(run for _, run, _ in parts)[len(parts) // 2]
        dispatch = max(0.0, typical - kernels) if profile else 0.0
        runs = []
        for copied_in, ran, copied_out in parts:
            issue = min(dispatch, ran)
            scale = (ran - issue) / kernels if profile else 0.0
            steps = [("copy_in", copied_in), ("issue", issue), ("reshape_in", profile.get("reshape_in", 0.0) * scale),
                     ("compute", profile.get("compute", 0.0) * scale if profile else ran),
                     ("reshape_out", profile.get("reshape_out", 0.0) * scale), ("copy_out", copied_out)]
            at, run = 0.0, []
            for name, duration in steps:
                run.append([name, at, at + duration])
                at += duration
            runs.append(run)
        return {"runs": runs, "kernels": names}

    def parts(self, feed, fetch, batch):
        """Microseconds of copying in, running, copying out; of one run, as the mean of `batch`."""
        clock, times = time.perf_counter, []
        for part in (feed, self.worker.run, fetch):
            if part is None:  # the worker does not tell it apart
                times.append(0.0)
                continue
            begin = clock()
            for _ in range(batch):
                part()
            times.append((clock() - begin) * 1e6 / batch)
        return times

    def profile(self, budget_us):
        """Mean microseconds of each step that the profiler tells apart, and the names of its kernels.

        Times are rounded down to the profiler's resolution, so half of that is added to each; the error of rounding
        falls with the root of the number of runs, of which there are enough to bring it below 1 %.
        """
        if not hasattr(self.worker, "kernels"):
            return {}, []
        resolution = getattr(self.worker, "resolution_us", 0.0)
        clock, totals, names = time.perf_counter, [], []
        begin = clock()
        while True:
            steps, names = self.worker.kernels()
            total = {}
            for step, duration in steps:
                total[step] = total.get(step, 0.0) + duration + resolution / 2
            totals.append(total)
            spent = (clock() - begin) * 1e6
            typical = sorted(sum(each.values()) for each in totals)[len(totals) // 2]
            enough = max(5, (29 * resolution / max(typical, resolution, 1e-3)) ** 2)
            if len(totals) >= enough or spent > budget_us:
                break
        # Runs that something interrupted say nothing of the kernels: the slowest fifth is left out.
        totals.sort(key=lambda each: sum(each.values()))
        kept = totals[:max(1, len(totals) * 4 // 5)]
        return {step: sum(each.get(step, 0.0) for each in kept) / len(kept)
                for step in {step for each in kept for step in each}}, names


def serve(worker):
    """Answers requests until the other side closes. What a framework prints goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with tempfile.TemporaryDirectory(prefix="raceline-worker-") as folder:
        Server(worker, requests, replies, pathlib.Path(folder)).serve()
