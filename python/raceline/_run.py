"""Models that run on NumPy arrays."""
from __future__ import annotations

import os
from typing import Mapping, Sequence, Union

import numpy

from . import _native
from ._arguments import AnyModel, call, path_of, source_of
from ._tune import Plan

Arrays = Union[numpy.ndarray, Mapping[str, numpy.ndarray], Sequence[numpy.ndarray]]


class Model:
    """A model to be run, by a plan of tune(), or by the reference primitives (correct and slow) without one. The first
    run makes it ready: weights are packed, and a plan that does not fit is refused.

    threads: 0, the plan's. cache: a folder in which packed weights are kept for the next start.
    """

    def __init__(self, model: AnyModel, plan: Plan | str | os.PathLike[str] | None = None, *, threads: int = 0,
                 cache: str | os.PathLike[str] | None = None):
        folder = "" if cache is None else path_of(cache, "cache")
        self._native = call(_native.Model, source_of(model), _text_of(plan), threads, folder)

    @property
    def inputs(self) -> list[_native.Input]:
        return self._native.inputs

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return self._native.outputs

    def run(self, inputs: Arrays) -> dict[str, numpy.ndarray]:
        """One inference: arrays by name, or in the order of the inputs, or the one that there is. Their dtype must
        be the input's. They are read where they lie; what is not row-major is copied. Outputs own their memory.

        The first run with other shapes makes ready for these. Python's other threads go on meanwhile; calls of one
        Model wait for each other.
        """
        return dict(zip(self.outputs, call(self._native.run, self._in_order(inputs))))

    def _in_order(self, inputs: Arrays) -> list[numpy.ndarray]:
        if isinstance(inputs, numpy.ndarray):
            return [inputs]
        if not isinstance(inputs, Mapping):
            return inputs
        names = [each.name for each in self.inputs]
        if set(names) != set(inputs):
            raise _native.Error(f"inputs: wanted {', '.join(names)}; given {', '.join(map(str, inputs)) or 'none'}")
        return [inputs[name] for name in names]


def run(model: Model | Plan | AnyModel, inputs: Arrays) -> dict[str, numpy.ndarray]:
    """One inference. A Plan runs the model that it was made for; a path or bytes run by the reference primitives.
    What runs more than once is faster as a Model."""
    if isinstance(model, Plan):
        model = Model(model.model, model)
    elif not isinstance(model, Model):
        model = Model(model)
    return model.run(inputs)


def _text_of(plan: Plan | str | os.PathLike[str] | None) -> str:
    if plan is None:
        return ""
    if isinstance(plan, Plan):
        return plan.text
    path = path_of(plan, "plan")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise _native.Error(f"plan '{path}': {error}") from None
