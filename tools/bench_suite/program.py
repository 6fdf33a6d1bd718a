"""Raceline as a command that answers with one JSON document."""
import hashlib
import json
import pathlib
import signal
import subprocess
import time

INTERRUPTED = 130


class Failed(Exception):
    """A command ended with a status that is no answer."""


class OutOfTime(Exception):
    """The time given for this run of the suite is over; what was measured is kept."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came: unlike Ctrl-C in a terminal it reaches this process alone."""


def end_gently_when_terminated():
    """SIGTERM, of a job scheduler or a shutdown, ends as Ctrl-C does: what was measured is kept, no child is left."""
    def terminated(*_):
        raise Terminated
    signal.signal(signal.SIGTERM, terminated)


class Raceline:
    def __init__(self, program, deadline=None):
        self.program, self.deadline = pathlib.Path(program), deadline

    def build(self):
        """Stands for this build of the program: equal for equal bytes."""
        return hashlib.sha256(self.program.read_bytes()).hexdigest()[:16]

    def version(self):
        return self.run(["--version"]).splitlines()

    def json(self, *arguments, statuses=(0,), resumes=False):
        return json.loads(self.run([*arguments, "--json"], statuses, resumes))

    def run(self, arguments, statuses=(0,), resumes=False):
        """Standard output. A command that resumes is asked to stop (Ctrl-C) when the time is over; others end.
        Ctrl-C reaches the command as well, which then keeps what it measured: it is waited for."""
        command = [str(self.program), *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            output = self.wait(process, resumes)
        except KeyboardInterrupt as stop:
            if isinstance(stop, Terminated):
                process.send_signal(signal.SIGINT)
            process.communicate()
            raise
        if process.returncode == INTERRUPTED:
            raise OutOfTime if resumes and self.is_over() else KeyboardInterrupt
        if process.returncode not in statuses:
            raise Failed(f"{' '.join(command)} ended with status {process.returncode}")
        return output

    def is_over(self):
        return self.deadline is not None and time.monotonic() >= self.deadline

    def wait(self, process, resumes):
        if not resumes or self.deadline is None:
            return process.communicate()[0]
        try:
            return process.communicate(timeout=max(0.1, self.deadline - time.monotonic()))[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            return process.communicate()[0]
