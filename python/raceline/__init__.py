"""Raceline: how long a network takes on a platform, and how to run it as fast as this machine allows.

    import raceline

    for each in raceline.predict_many(candidates, "gtx1080ti.predictor.gz", batch=8)[:10]:
        print(each.network, each.us, each.layers_without_model)
    plan = raceline.tune("squeezenet.onnx")
    scores = raceline.run(plan, image)

A model is the path of an ONNX file, its bytes, or an `onnx.ModelProto`. Times are in microseconds. Whatever is
wrong is a `raceline.Error`, whose text names the thing, what was given and what was wanted. See docs/python.md.
"""
from ._native import Error, Input, Interval, LayerPrediction, Prediction, version as __version__
from ._predict import Predictor, predict, predict_many, predictors
from ._run import Model, run
from ._tune import Plan, tune

__all__ = ["Error", "Input", "Interval", "LayerPrediction", "Model", "Plan", "Prediction", "Predictor", "predict",
           "predict_many", "predictors", "run", "tune"]
