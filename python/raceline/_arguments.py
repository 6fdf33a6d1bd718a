"""What users may give, made into what the native module takes."""
from __future__ import annotations

import os
import pathlib
from typing import Any, Callable, Mapping, Protocol, Sequence, TypeVar, Union

from ._native import Error


class Proto(Protocol):
    """A model in memory, such as an onnx.ModelProto."""

    def SerializeToString(self) -> bytes: ...


AnyModel = Union[str, "os.PathLike[str]", bytes, Proto]
Shapes = Mapping[str, Sequence[int]]
PACKAGE = pathlib.Path(__file__).resolve().parent
Result = TypeVar("Result")


def path_of(given: Any, what: str) -> str:
    try:
        return os.fsdecode(os.fspath(given))
    except TypeError:
        raise Error(f"{what}: wanted a path, given {type(given).__name__}") from None


def source_of(model: AnyModel) -> bytes | str:
    """The bytes of a model in memory, or the path of one."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if hasattr(model, "SerializeToString"):
        try:
            return model.SerializeToString()
        except Exception as error:  # another package's: whatever it is
            raise Error(f"model: {error}") from None
    return path_of(model, "model")


def shape_list(shapes: Shapes | None) -> list[str]:
    """As --shape has them: NAME=1x3x224x224."""
    try:
        return [f"{name}=" + "x".join(str(int(dim)) for dim in shape) for name, shape in (shapes or {}).items()]
    except (AttributeError, TypeError, ValueError):
        raise Error(f"shapes: wanted names of inputs with sequences of numbers, given {shapes!r:.200}") from None


def call(native: Callable[..., Result], *arguments: Any) -> Result:
    """Calls C++: what does not suit it is an Error, too."""
    try:
        return native(*arguments)
    except TypeError as error:
        raise Error("arguments of other types than wanted: " + str(error).split("\n\n")[0]) from None
