"""One cell of the suite, a network with a number of threads and a batch: written, tuned, timed beside its peers."""
import dataclasses
import datetime
import json
import time

from bench_suite.floors import MEMORY_PEER, peer, threads_text

SMALLER_LIMITS = 4  # tried, until our process takes no more than ONNX Runtime's


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    batch: int
    threads: int
    net: str

    @property
    def key(self):
        return self.net, self.threads, self.batch

    def __str__(self):
        return f"{self.net}, {threads_text(self.threads)}, batch {self.batch}"


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long is timed: rounds and seconds of `bench`, seconds of `tune` (0: as long as it takes)."""
    rounds: int
    seconds: float
    tune_seconds: float


def about(cell):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return {"net": cell.net, "threads": cell.threads, "batch": cell.batch, "taken_at": now}


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

    def search_within(self, cell, plan, most_bytes):
        """The fastest plan on the stored costs that holds at most so much; None where there is no plan so small."""
        output = self.raceline.run(["search", self.model(cell), "--store", self.store, "--threads", cell.threads,
                                    "--max-memory", most_bytes, "--seconds", 20, "-o", plan, "--json"],
                                   statuses=(0, 2))
        return json.loads(output) if output else None

    def alone(self, cell, plan):
        found = self.raceline.json("bench", self.model(cell), "--plan", plan, "--threads", cell.threads,
                                   "--seconds", min(10, self.timing.seconds))
        return found | {"plan": plan.name}  # results travel, folders stay

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
        return {**about(cell), "seconds": round(time.monotonic() - begin, 1),
                "timing": dataclasses.asdict(self.timing),
                "tune": {"winner": tuned["winner"], "optimal": tuned["optimal"],
                         "expected_us": tuned["plan"]["expected_us"], "steps": len(tuned["plan"]["steps"]),
                         "measured": tuned["profile"]["measured"], "from_store": tuned["profile"]["from_store"],
                         "complete": tuned["profile"]["complete"]},
                "alone": alone, "sides": against["sides"]}

    def measure_memory(self, cell, row, say):
        """What the cell's network costs when our process takes no more memory than ONNX Runtime's: the fastest plan of
        what that leaves when ours has begun. What else our process takes (code of libraries, JIT's, the application's
        tensors) only a run shows: by so much as its peak is above, the limit is lowered, and again. Where the fastest
        plan of all fits, it costs nothing."""
        ours, rival = row["sides"][0], peer(row, MEMORY_PEER)
        most = int(rival["peak_bytes"] - ours["idle_bytes"])
        memory = {**about(cell), "limit_bytes": most, "peer_peak_bytes": rival["peak_bytes"]}
        if ours["peak_bytes"] <= rival["peak_bytes"]:
            return memory | {"exists": True, "fastest_fits": True, "slower": 1, "peak_bytes": ours["peak_bytes"],
                             "ratio": rival["ratio"]}
        plan = self.plan(cell, "-small")
        for _ in range(SMALLER_LIMITS):
            say(f"within {most >> 20} MiB")
            memory["limit_bytes"] = most
            found = self.search_within(cell, plan, most)
            if found is None:
                return memory | {"exists": False, "fastest_fits": False}
            small, rival = self.against(cell, plan, [MEMORY_PEER])["sides"]
            above = int(small["peak_bytes"] - memory["peer_peak_bytes"])
            if above <= 0:
                break
            most = int(found["memory_bytes"]) - above
        return memory | {"exists": above <= 0, "fastest_fits": False, "slower": small["median_us"] / ours["median_us"],
                         "expected_slower": found["cost_us"] / found["unlimited_us"],
                         "plan_bytes": found["memory_bytes"], "optimal": found["optimal"],
                         "peak_bytes": small["peak_bytes"], "ratio": rival.get("ratio")}
