"""A study: what the programs make, kept so that a second run makes only what is missing."""
import hashlib
import os
import statistics
import subprocess
import sys


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def spread(values):
    """Mean and deviation; of one value itself."""
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


class Study:
    """Files below a folder, each under the hash of what decides it; `program` is raceline, with raceline-train beside it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.folder.mkdir(parents=True, exist_ok=True)
        programs = [program, program.with_name("raceline-train")]
        self.programs = hashlib.sha256(b"".join(path.read_bytes() for path in programs)).hexdigest()

    def run(self, *words):
        done = subprocess.run([str(self.program), *map(str, words)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
        return done.stdout

    def kept(self, suffix, *parts):
        """The path under which is kept what these parts and the programs decide."""
        digest = hashlib.sha256("\n".join(map(str, [self.programs, *parts])).encode()).hexdigest()[:16]
        return self.folder / f"{digest}{suffix}"

    def made(self, path, *words):
        """The path, with what these words make."""
        if not path.exists():
            partial = path.with_name(f"partial{os.getpid()}-{path.name}")
            self.run(*words, "-o", partial)
            partial.rename(path)
        return path
