"""One cell of the suite, a network with a number of threads and a batch: written, tuned, timed beside its peers."""
import dataclasses
import datetime
import time


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    batch: int
    threads: int
    net: str

    @property
    def key(self):
        return self.net, self.threads, self.batch

    def __str__(self):
        return f"{self.net}, {self.threads} thread{'s' if self.threads > 1 else ''}, batch {self.batch}"


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long is timed: rounds and seconds of `bench`, seconds of `tune` (0: as long as it takes)."""
    rounds: int
    seconds: float
    tune_seconds: float


class Workshop:
    """Models, plans and costs, in a folder that stays."""

    def __init__(self, raceline, folder, peers, python, timing):
        self.raceline, self.folder, self.peers, self.python, self.timing = raceline, folder, peers, python, timing
        for name in ("models", "plans"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def store(self):
        return self.folder / "costs.db"

    def model_path(self, cell):
        return self.folder / "models" / f"{cell.net}-batch{cell.batch}.onnx"

    def model(self, cell):
        path = self.model_path(cell)
        if not path.exists():
            beside = path.with_name("new-" + path.name)
            self.raceline.run(["zoo", "write", cell.net, "-o", beside, "--batch", cell.batch])
            beside.replace(path)
        return path

    def plan(self, cell, kind=""):
        return self.folder / "plans" / f"{cell.net}-batch{cell.batch}-threads{cell.threads}{kind}.json"

    def forget_model(self, cell):
        """The large networks take half a gigabyte a batch size."""
        self.model_path(cell).unlink(missing_ok=True)

    def tune(self, cell):
        budget = ["--budget", self.timing.tune_seconds] if self.timing.tune_seconds > 0 else []
        return self.raceline.json("tune", self.model(cell), "-o", self.plan(cell), "--store", self.store,
                                  "--threads", cell.threads, *budget, resumes=True)

    def alone(self, cell, plan):
        return self.raceline.json("bench", self.model(cell), "--plan", plan, "--threads", cell.threads,
                                  "--seconds", min(10, self.timing.seconds))

    def against(self, cell, plan, peers):
        python = ["--python", self.python] if self.python else []
        return self.raceline.json("bench", self.model(cell), "--plan", plan, "--threads", cell.threads,
                                  "--rounds", self.timing.rounds, "--seconds", self.timing.seconds,
                                  "--against", ",".join(peers), *python, statuses=(0, 1))

    def measure(self, cell, say):
        """The cell's row. Throws OutOfTime where the time ends while tuning; the store keeps what was measured."""
        begin = time.monotonic()
        say("tuning")
        tuned = self.tune(cell)
        say("timing")
        alone = self.alone(cell, self.plan(cell))
        against = self.against(cell, self.plan(cell), self.peers) if self.peers else {"sides": []}
        return {"net": cell.net, "threads": cell.threads, "batch": cell.batch,
                "taken_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - begin, 1),
                "tune": {"winner": tuned["winner"], "optimal": tuned["optimal"],
                         "expected_us": tuned["plan"]["expected_us"], "steps": len(tuned["plan"]["steps"]),
                         "measured": tuned["profile"]["measured"], "from_store": tuned["profile"]["from_store"],
                         "complete": tuned["profile"]["complete"]},
                "alone": alone, "sides": against["sides"]}
