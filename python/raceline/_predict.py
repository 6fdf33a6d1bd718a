"""How long networks take on a platform that need not be here."""
from __future__ import annotations

import os
from collections.abc import Iterable

from . import _native
from ._arguments import PACKAGE, AnyModel, Shapes, call, path_of, shape_list, source_of

SHIPPED = str(PACKAGE / "share" / "raceline" / "platforms" / "predictors")


class Predictor(_native.Predictor):
    """A platform's predictor, loaded: by the name of one that is shipped ("onnxruntime-cpu", see predictors()), or
    by its file. Load it once where predict() is called often."""

    def __init__(self, name: str | os.PathLike[str]):
        call(super().__init__, path_of(name, "predictor"), SHIPPED)


def predictors() -> list[str]:
    """The names of the predictors that are shipped."""
    return _native.shipped_predictors(SHIPPED)


def predict(model: AnyModel, predictor: Predictor | str | os.PathLike[str], batch: int | None = None, *,
            shapes: Shapes | None = None, level: float = 90) -> _native.Prediction:
    """What a network takes, as `raceline predict` says it.

    batch: of models that leave it open. shapes: of inputs whose dimensions are open, by name. level: of the
    intervals, in percent.
    """
    return predict_many([model], predictor, batch, shapes=shapes, level=level)[0]


def predict_many(models: Iterable[AnyModel], predictor: Predictor | str | os.PathLike[str],
                 batch: int | None = None, *, shapes: Shapes | None = None, level: float = 90, sort: bool = False,
                 keep_errors: bool = False) -> list[_native.Prediction | _native.Error]:
    """What each of many networks takes, in their order; with sort the fastest first, and those of which the
    predictor lacks layers behind all others. All layers are predicted at once.

    With keep_errors, an Error stands in the place of what cannot be predicted (behind all others when sorted);
    without, it is raised. A network's name is that of its file, else model0, model1, ... by its place.
    """
    if not isinstance(predictor, _native.Predictor):
        predictor = Predictor(predictor)
    if not isinstance(models, Iterable) or isinstance(models, (str, bytes)):
        raise _native.Error(f"models: wanted a sequence of them, given {type(models).__name__}")
    sources = [source_of(model) for model in models]
    asked = [(f"model{place}" if isinstance(source, bytes) else "", source) for place, source in enumerate(sources)]
    results = call(_native.predict, asked, predictor, batch, shape_list(shapes), level, keep_errors)
    return sorted(results, key=_rank) if sort else results


def _rank(result: _native.Prediction | _native.Error) -> tuple:
    return (1,) if isinstance(result, _native.Error) else (0, result.rank)
