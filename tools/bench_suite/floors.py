"""What the suite must reach: each floor with what was measured, and whether it holds."""
import dataclasses
import math

NETS = ["lenet5_caffe", "alexnet", "squeezenet", "googlenet", "resnet32", "resnet50", "vgg16", "vgg19",
        "mobilenet_v1", "mobilenet_v2", "mobilefacenet", "mobilenet_v1_ssd"]
MOBILE = NETS[8:]
THREADS = [1, 2]
BATCHES = [1, 4, 16]

# Ratios time(faster peer) / time(Raceline), by network: the floor and the aim.
RATIO = ({net: (1.0, 1.0) for net in NETS} | {net: (0.98, 1.05) for net in MOBILE} |
         {"resnet50": (1.15, 1.25), "vgg16": (2.2, 2.2), "vgg19": (2.2, 2.2)})
MEAN = {1: (1.25, 1.35), 2: (1.15, 1.15)}
BATCHED = 0.95
MEMORY_PEER = "onnxruntime"
MEMORY = 2.5           # peak of our process over ONNX Runtime's
SMALL_VGG19 = 1.3      # with ONNX Runtime's memory, its time over ours
ARENA = 1.1            # over the largest sum of tensors and workspace alive at once
LENET_OVERHEAD = 1.15  # whole run over the sum of its kernels


def threads_text(threads):
    return f"{threads} thread{'s' if threads > 1 else ''}"


def sides(row):
    """Ours, and the peers that took part."""
    part = [side for side in row["sides"] if "why" not in side]
    return (part[0], part[1:]) if part else (None, [])


def faster_peer(row):
    """The peer whose time is the smallest share of ours; none where no peer took part."""
    return min(sides(row)[1], key=lambda side: side["ratio"][0], default=None)


def peer(row, name):
    return next((side for side in sides(row)[1] if side["name"] == name), None)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


@dataclasses.dataclass
class Floor:
    what: str
    wanted: str
    measured: float | None   # None: not measured yet
    holds: bool | None
    aim: str = ""
    where: str = ""          # the network that decides

    @property
    def state(self):
        return {None: "not measured", True: "passed", False: "missed"}[self.holds]


def at_least(what, measured, floor, aim=None, where="", strictly=False):
    holds = None if measured is None else measured > floor if strictly else measured >= floor
    return Floor(what, f"{'above' if strictly else 'at least'} {floor:g}", measured, holds,
                 f"{aim:g}" if aim and aim > floor else "", where)


def at_most(what, measured, floor, where=""):
    return Floor(what, f"at most {floor:g}", measured, None if measured is None else measured <= floor, "", where)


def ratios(results, threads, batch, nets):
    """Ratio against the faster peer by network, where it was measured."""
    found = {}
    for net in nets:
        row = results.find("cells", (net, threads, batch))
        fastest = faster_peer(row) if row else None
        if fastest:
            found[net] = fastest["ratio"][0]
    return found


def extreme(values, choose):
    """The network that decides and its value."""
    return choose(values.items(), key=lambda item: item[1]) if values else ("", None)


def floors(results, nets=NETS):
    """All floors that the networks named have a part in; the mean counts only when all of them were measured."""
    found = []
    for threads in THREADS:
        by_net = ratios(results, threads, 1, nets)
        on = threads_text(threads)
        for net in nets:
            floor, aim = RATIO[net]
            found.append(at_least(f"{net}, {on}", by_net.get(net), floor, aim, strictly=floor == 1))
        mean = geometric_mean(by_net.values()) if len(by_net) == len(nets) else None
        found.append(at_least(f"geometric mean, {on}", mean, *MEAN[threads]))
    for batch in BATCHES[1:]:
        for threads in THREADS:
            by_net = ratios(results, threads, batch, nets)
            where, least = extreme(by_net, min)
            on = threads_text(threads)
            found.append(at_least(f"batch {batch}, {on}, each network", least, BATCHED, where=where))
    arenas = {str(row["net"]): row["alone"]["arena_bytes"] / row["alone"]["peak_live_bytes"] for row in results["cells"]
              if row["net"] in nets and row["alone"].get("peak_live_bytes")}
    where, most = extreme(arenas, max)
    found.append(at_most("arena over what is alive at once", most, ARENA, where))
    found += memory_floors(results, nets)
    lenet = results.find("cells", ("lenet5_caffe", 1, 1))
    if "lenet5_caffe" in nets:
        split = lenet["alone"]["measured"] if lenet else None
        found.append(at_most("LeNet-5's run over the sum of its kernels",
                             sum(split.values()) / split["kernels_us"] if split else None, LENET_OVERHEAD))
    return found


def memory_floors(results, nets):
    """Peaks of the fastest plans, and what is left of the speed with ONNX Runtime's memory. One thread, batch 1."""
    peaks, exists = {}, {}
    for net in nets:
        row, small = results.find("cells", (net, 1, 1)), results.find("memory", (net, 1, 1))
        rival = peer(row, MEMORY_PEER) if row else None
        if rival:
            peaks[net] = sides(row)[0]["peak_bytes"] / rival["peak_bytes"]
        if small:
            exists[net] = small["exists"]
    where, most = extreme(peaks, max)
    yield at_most("peak memory over ONNX Runtime's, each network", most, MEMORY, where)
    missing = [net for net in nets if exists.get(net) is False]
    yield Floor("networks with a plan within ONNX Runtime's memory", f"{len(exists)}",
                sum(exists.values()) if exists else None, not missing if exists else None, where=" ".join(missing))
    if "vgg19" in nets:
        small = results.find("memory", ("vgg19", 1, 1))
        ratio = small.get("ratio") if small else None
        yield at_least("vgg19 within ONNX Runtime's memory", ratio[0] if ratio else None, SMALL_VGG19)


def summary(found):
    count = {state: sum(floor.state == state for floor in found) for state in ("passed", "missed", "not measured")}
    return ", ".join(f"{number} {state}" for state, number in count.items())
