import numpy

version: str

class Error(RuntimeError):
    """What was wrong: the text names the thing, what was given and what was wanted."""

class Interval:
    """A time in microseconds, and between what it lies."""
    @property
    def us(self) -> float: ...
    @property
    def low_us(self) -> float: ...
    @property
    def high_us(self) -> float: ...
    @property
    def beyond_training(self) -> str:
        """What of the layer lies beyond the training rows; empty: nothing."""

class LayerPrediction:
    """A layer of a network, and what it takes."""
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def primitive(self) -> str: ...
    @property
    def flops(self) -> float: ...
    @property
    def exe(self) -> Interval | None:
        """None: no model of the predictor knows the type."""

class Prediction:
    """What a network takes, in microseconds: `raceline predict --json`."""
    @property
    def network(self) -> str: ...
    @property
    def batch(self) -> int: ...
    @property
    def us(self) -> float:
        """The best that is known: as whole networks take it, else the sum total_us."""
    @property
    def calibrated(self) -> Interval | None:
        """As networks take it that were measured whole; None: the predictor knows none."""
    @property
    def rank(self) -> tuple[tuple[bool, float, int], float]:
        """For sorting: less known comes behind, then more time."""
    @property
    def total_us(self) -> float: ...
    @property
    def low_us(self) -> float:
        """Of us: the end of its interval, or the sum of those of all layers."""
    @property
    def high_us(self) -> float: ...
    @property
    def exe_us(self) -> float: ...
    @property
    def pre(self) -> Interval | None: ...
    @property
    def post(self) -> Interval | None: ...
    @property
    def layers(self) -> list[LayerPrediction]: ...
    @property
    def layers_without_model(self) -> int: ...
    @property
    def flops_without_model_percent(self) -> float: ...
    @property
    def layers_beyond_training(self) -> int: ...
    def epoch_us(self, samples: int) -> float:
        """The time of an epoch: so many samples in batches of this network's."""

class Predictor:
    def __init__(self, name: str, folder: str) -> None: ...
    @property
    def platform(self) -> str: ...
    @property
    def accelerator(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def types(self) -> list[str]:
        """The layer types that it has models of."""

class Input:
    """An input of a model."""
    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> numpy.dtype: ...
    @property
    def dims(self) -> list[str]:
        """Each a number, a symbol, or '?'."""

class Model:
    def __init__(self, model: bytes | str, plans: str, threads: int, cache: str) -> None: ...
    @property
    def inputs(self) -> list[Input]: ...
    @property
    def outputs(self) -> list[str]: ...
    def run(self, inputs: list[numpy.ndarray]) -> list[numpy.ndarray]: ...

def shipped_predictors(folder: str) -> list[str]: ...
def predict(asked: list[tuple[str, bytes | str]], predictor: Predictor, batch: int | None, shapes: list[str],
            level: float, keep_errors: bool) -> list[Prediction | Error]: ...
