"""What the end-to-end tests share: running the program, a scratch folder, small models."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ["RACELINE"]
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = SOURCE.parent / "shared"


class CliTest(unittest.TestCase):
    """A test with a scratch folder and a store of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raceline-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = self.folder / "costs.db"

    def run_program(self, *arguments, status=0, program=PROGRAM, **options):
        """Runs the program (of the build, or another copy) and checks its exit status; gives the finished process."""
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache"))
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=280,
                              env=environment, **options)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done

    def json_of(self, *arguments, **options):
        """The one JSON document that a command prints with --json."""
        return json.loads(self.run_program(*arguments, "--json", **options).stdout)

    def refused(self, *arguments, words=(), **options):
        """The command must end with status 2 and a message that names each word; gives the message."""
        done = self.run_program(*arguments, status=2, **options)
        for word in words:
            self.assertIn(str(word), done.stderr)
        return done.stderr

    def zoo(self, name="lenet5", **options):
        path = self.folder / f"{name}.onnx"
        extra = [part for key, value in options.items() for part in (f"--{key}", value)]
        self.run_program("zoo", "write", name, "-o", path, *extra)
        return path

    def tuned(self, model):
        """A quick plan of a model: few primitives, few rounds."""
        plan = self.folder / f"{model.stem}.plan"
        self.run_program("tune", model, "-o", plan, "--store", self.store, "--threads", 1, "--race-rounds", 5,
                         "--budget", 60)
        return plan


def main():
    unittest.main(argv=[sys.argv[0], "-v"])
