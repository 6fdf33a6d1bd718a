"""Exports the models of torch_models.py by both of PyTorch's exporters: torch_export.py FOLDER [PART OF A NAME]..."""
import sys
import warnings

import numpy as np
import onnx
import torch

from case import Cases, images
from torch_models import MODELS, make

OLD_OPSETS = {"plain": (9, 11, 12, 13, 14, 15, 16, 17), "ssd": (11, 12, 14, 16, 17), "norms": (12, 14, 17), "warp": (20,), "multihead": (14, 17),
              "scaled": (14, 17)}
NEW_OPSETS = {"plain": (18, 19, 20, 21), "residual": (18, 21), "mobile": (18, 20, 21), "norms": (18, 21), "attention": (18, 20)}
SHAPES = {"volumes": (1, 3, 4, 8, 8)}
# Open dimensions: what is declared, and the shapes of further inputs.
OPEN = {"residual": ({0: "batch"}, [(3, 3, 32, 32)]), "mobile": ({0: "batch", 2: "height", 3: "width"}, [(2, 3, 40, 24)]),
        "unet": ({2: "height", 3: "width"}, [(1, 3, 30, 27)]), "ssd": ({0: "batch", 2: "height", 3: "width"}, [(2, 3, 40, 56)]),
        "shuffle": ({0: "batch"}, [(2, 3, 32, 32)]), "branches": ({0: "batch", 2: "height", 3: "width"}, [(2, 3, 20, 36)]),
        "attention": ({0: "batch"}, [(2, 3, 32, 32)])}


def data(name):
    return images(7, SHAPES.get(name, (1, 3, 64, 64) if name.startswith("ssd") else (1, 3, 32, 32)))


def by_torchscript(name, opset, **options):
    model, inputs = make(name), tuple(torch.from_numpy(array) for array in data(name))
    return lambda path: torch.onnx.export(model, inputs, path, opset_version=opset, dynamo=False, input_names=["image"],
                                          **options)


def by_dynamo(name, opset, **options):
    model, inputs = make(name), tuple(torch.from_numpy(array) for array in data(name))

    def export(path):
        program = torch.onnx.export(model, inputs, dynamo=True, opset_version=opset, input_names=["image"], verbose=False,
                                    **{"optimize": True, **{key: value for key, value in options.items() if key != "external"}})
        program.save(path, external_data=options.get("external", False))
    return export


def half(path):
    model = make("residual").half()
    torch.onnx.export(model, (torch.from_numpy(data("residual")[0]).half(),), path, opset_version=13, dynamo=False)


def as_functions(path):
    """A model whose blocks are functions, with their attributes referred to: as newer tools leave them."""
    by_torchscript("residual", 17)(path)
    model = onnx.load(path)
    function = onnx.helper.make_function(
        "blocks", "Activate", ["a"], ["b"],
        [onnx.helper.make_node("LeakyRelu", ["a"], ["t"], name="leak"), onnx.helper.make_node("Relu", ["t"], ["b"], name="relu")],
        [onnx.helper.make_opsetid("", 17)], ["slope"])
    reference = function.node[0].attribute.add()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "slope", onnx.AttributeProto.FLOAT
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.op_type, node.domain = "Activate", "blocks"
            node.attribute.append(onnx.helper.make_attribute("slope", 0.0))
    model.functions.append(function)
    model.opset_import.append(onnx.helper.make_opsetid("blocks", 1))
    onnx.save(model, path)


def external(path):
    by_torchscript("unet", 17)(path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=64)


def main():
    warnings.filterwarnings("ignore")
    cases = Cases(sys.argv[1], "torchscript", {"torch": torch.__version__, "onnx": onnx.__version__}, sys.argv[2:])
    for name in MODELS:
        for opset in OLD_OPSETS.get(name, (11, 17)):
            cases.add(name, by_torchscript(name, opset), data(name), opset)
        if name in OPEN:
            open_dims, shapes = OPEN[name]
            cases.add(name + "-open", by_torchscript(name, 17, dynamic_axes={"image": open_dims}), data(name), 17,
                      [images(8, shape) for shape in shapes])
    cases.add("half", half, [data("residual")[0].astype(np.float16)], 13)
    cases.add("functions", as_functions, data("residual"), 17)
    cases.add("external", external, data("unet"), 17)
    cases.add("unfolded", by_torchscript("norms", 17, do_constant_folding=False, keep_initializers_as_inputs=False), data("norms"), 17)
    cases.add("training", by_torchscript("plain", 13, training=torch.onnx.TrainingMode.PRESERVE), data("plain"), 13)
    cases.finish()

    cases = Cases(sys.argv[1], "dynamo", {"torch": torch.__version__, "onnx": onnx.__version__}, sys.argv[2:])
    for name in MODELS:
        for opset in NEW_OPSETS.get(name, (18,)):
            cases.add(name, by_dynamo(name, opset), data(name), opset)
        if name in OPEN:
            open_dims, shapes = OPEN[name]
            dims = {axis: torch.export.Dim.DYNAMIC for axis in open_dims}
            cases.add(name + "-open", by_dynamo(name, 18, dynamic_shapes=(dims,)), data(name), 18,
                      [images(8, shape) for shape in shapes])
    cases.add("external", by_dynamo("residual", 18, external=True), data("residual"), 18)
    cases.add("unoptimized", by_dynamo("norms", 18, optimize=False), data("norms"), 18)
    cases.add("unoptimized-attention", by_dynamo("attention", 18, optimize=False), data("attention"), 18)
    cases.finish()


main()
