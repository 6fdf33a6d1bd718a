#!/usr/bin/env python3
"""Checks which room includes which: a room includes only rooms on lower levels (docs/architecture.md).

Prints each include that breaks the rule and fails if there is one. Also refuses files of more than 400 lines,
and third-party includes in headers that are not private to their room.
"""
import pathlib
import re
import sys

LEVELS = {
    "base": 0,
    "tensor": 1, "device": 1,
    "graph": 2,
    "model": 3, "primitive": 3,
    "kernels": 4, "runtime": 4,
    "profile": 5,
    "search": 6, "dataset": 6,
    "predict": 7,
    "tune": 8,
    "report": 9,
    "": 10,  # src/raceline/*: the public header and what is behind it, a program like the command line
}
MOST_LINES = 400
THIRD_PARTY = re.compile(r'#include <(fmt|nlohmann|CLI|onnx|sqlite3|dnnl|omp|xxhash|xgboost|libsvm|torch)')
ROOT = pathlib.Path(__file__).resolve().parent.parent


def room_of(path):
    parts = path.split("/")
    return parts[0] if len(parts) > 1 else ""


def is_private(path):
    """A header that says so in its opening comment serves its own room only, and may include third parties."""
    opening = []
    for line in path.read_text().splitlines():
        if not line.startswith("//"):
            break
        opening.append(line)
    return "private to" in " ".join(opening).lower()


def problems_of(path):
    relative = path.relative_to(ROOT / "src" / "raceline").as_posix()
    room = room_of(relative)
    if room not in LEVELS:
        yield f"{path}: the room '{room}' is not in the table"
        return
    private = path.suffix == ".h" and is_private(path)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.suffix == ".h" and room != "kernels" and not private and THIRD_PARTY.match(line):
            yield f"{path}:{number}: a public header includes a third-party header: {line.strip()}"
        match = re.match(r'#include "(.*)"', line)
        if not match:
            continue
        if not match[1].startswith("raceline/"):
            yield f"{path}:{number}: includes are written from src: {line.strip()}"
            continue
        other = room_of(match[1].removeprefix("raceline/"))
        if other == room:
            continue
        target = ROOT / "src" / match[1]
        if target.exists() and is_private(target):
            yield f"{path}:{number}: {match[1]} is private to its room"
        if room == "" and other in LEVELS:
            continue
        if other == "" and match[1] == "raceline/version.h":
            continue
        if other == "kernels":
            yield f"{path}:{number}: only programs include kernels: {match[1]}"
        elif LEVELS.get(other, 99) >= LEVELS[room]:
            yield f"{path}:{number}: {room} (level {LEVELS[room]}) includes {other} (level {LEVELS.get(other)})"


def main():
    files = sorted(p for p in (ROOT / "src" / "raceline").rglob("*") if p.suffix in (".h", ".cpp"))
    problems = [problem for path in files for problem in problems_of(path)]
    programs = [*(ROOT / "cli").glob("*.*"), *(ROOT / "train").rglob("*.*"), *(ROOT / "tests").rglob("*.cpp")]
    for path in files + sorted(programs):
        lines = len(path.read_text().splitlines())
        if lines > MOST_LINES:
            problems.append(f"{path}: {lines} lines; at most {MOST_LINES}")
    for problem in problems:
        print(problem.replace(str(ROOT) + "/", ""))
    print(f"{len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
