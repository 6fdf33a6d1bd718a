"""The fastest plan for a model, measured by the raceline program, in a process of its own: what NumPy or a framework
holds in this one (threads, a BLAS with settings of its own) takes no part."""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
from typing import Any

from ._arguments import PACKAGE, AnyModel, Shapes, path_of, shape_list, source_of
from ._native import Error

PROGRAM = str(PACKAGE / "bin" / "raceline")


@dataclasses.dataclass(frozen=True)
class Plan:
    """A plan: the fastest primitives that were found for a model on this machine."""

    model: AnyModel = dataclasses.field(repr=False)
    text: str = dataclasses.field(repr=False)  #: of the plan's file
    report: dict = dataclasses.field(repr=False)  #: what `raceline tune --json` prints

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the plan's file, for `raceline run --plan` and Model(model, path)."""
        try:
            pathlib.Path(path_of(path, "plan")).write_text(self.text, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise Error(f"plan: {error}") from None


def tune(model: AnyModel, *, threads: int | None = None, batch: int | None = None, shapes: Shapes | None = None,
         progress: bool = False, **options: Any) -> Plan:
    """Measures, searches and races: the fastest plan for a model on this machine, as `raceline tune` makes it.

    threads: the physical cores where not given. progress: on stderr. Others are those of `raceline tune --help`:
    race_rounds=5 is --race-rounds 5, race=True is --race, without=["reference"] is --without reference.
    """
    source = source_of(model)
    try:
        with tempfile.TemporaryDirectory(prefix="raceline-") as folder:
            output = pathlib.Path(folder, "plan")
            if isinstance(source, bytes):
                path = os.path.join(folder, "model.onnx")
                pathlib.Path(path).write_bytes(source)
            else:
                path = os.path.abspath(source)  # no option, whatever it begins with
            words = [PROGRAM, "tune", path, "--json", "-o", str(output)]
            for name, value in {"threads": threads, "batch": batch, **options}.items():
                words += _option("--" + name.replace("_", "-"), value)
            for shape in shape_list(shapes):
                words += ["--shape", shape]
            done = subprocess.run(words, stdout=subprocess.PIPE, encoding="utf-8", errors="replace",
                                  stderr=None if progress else subprocess.PIPE)
            if done.returncode != 0:
                raise Error((done.stderr or "tune failed: see above").strip().removeprefix("raceline: "))
            return Plan(model, output.read_text(encoding="utf-8"), json.loads(done.stdout))
    except (OSError, ValueError) as error:
        raise Error(f"tune: {error}") from None


def _option(name: str, value: Any) -> list[str]:
    """An option as words; none for None and False."""
    if value is None or value is False:
        return []
    if value is True:
        return [name]
    if isinstance(value, (list, tuple)):
        return [name, ",".join(map(str, value))]
    return [name, str(value)]
