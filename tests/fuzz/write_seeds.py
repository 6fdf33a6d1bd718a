#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that read binary files: tests/fuzz/corpus/{onnx,tensor_pb,npy}/seed_*.

The other targets read text; their seeds are written by hand. Findings are added beside the seeds (tools/fuzz says how).
"""
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
F = TensorProto.FLOAT


def ints(*values):
    return numpy.array(values, numpy.int64)


def floats(*values):
    return numpy.array(values, numpy.float32)


def ramp(*shape):
    return (numpy.arange(numpy.prod(shape)) % 7 - 3).astype(numpy.float32).reshape(shape)


IMAGE = [1, 4, 6, 6]
# Op, opset, operands (a list is the shape of a runtime input, an array a constant, None an absent one), attributes.
NODES = [
    ("Conv", 13, [IMAGE, ramp(4, 4, 3, 3), ramp(4)], dict(pads=[1, 1, 1, 1], strides=[2, 2], kernel_shape=[3, 3])),
    ("Conv", 13, [IMAGE, ramp(4, 2, 3, 3)], dict(group=2, auto_pad="SAME_LOWER", dilations=[2, 2])),
    ("Conv", 13, [[1, 2, 9], ramp(3, 2, 3)], dict(strides=[2])),
    ("Conv", 13, [[1, 1, 3, 4, 5], ramp(2, 1, 2, 2, 2)], {}),
    ("ConvTranspose", 13, [IMAGE, ramp(4, 2, 3, 3)], dict(strides=[2, 2], output_padding=[1, 1], pads=[1, 1, 1, 1])),
    ("ConvTranspose", 13, [IMAGE, ramp(4, 2, 3, 3)], dict(strides=[2, 2], output_shape=[12, 12])),
    ("MaxPool", 12, [IMAGE], dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1])),
    ("AveragePool", 11, [IMAGE], dict(kernel_shape=[2, 2], auto_pad="SAME_UPPER", count_include_pad=1)),
    ("GlobalAveragePool", 13, [IMAGE], {}),
    ("LpPool", 18, [IMAGE], dict(kernel_shape=[2, 2], p=2)),
    ("Gemm", 13, [[2, 3], ramp(4, 3), ramp(4)], dict(transB=1, alpha=0.5, beta=2.0)),
    ("MatMul", 13, [[2, 1, 3, 4], ramp(5, 4, 2)], {}),
    ("BatchNormalization", 15, [IMAGE, ramp(4), ramp(4), ramp(4), abs(ramp(4))], dict(epsilon=1e-3)),
    ("InstanceNormalization", 6, [IMAGE, ramp(4), ramp(4)], {}),
    ("LayerNormalization", 17, [[2, 5], ramp(5), ramp(5)], dict(axis=-1)),
    ("GroupNormalization", 21, [IMAGE, ramp(4), ramp(4)], dict(num_groups=2)),
    ("LRN", 13, [IMAGE], dict(size=3, alpha=1e-4)),
    ("Softmax", 13, [[2, 5]], dict(axis=-1)),
    ("LogSoftmax", 11, [[2, 5]], dict(axis=1)),
    ("Relu", 14, [IMAGE], {}),
    ("Clip", 13, [IMAGE, floats(0).reshape(()), floats(6).reshape(())], {}),
    ("LeakyRelu", 16, [IMAGE], dict(alpha=0.1)),
    ("PRelu", 16, [IMAGE, ramp(4, 1, 1)], {}),
    ("HardSigmoid", 6, [IMAGE], dict(alpha=0.2, beta=0.5)),
    ("HardSwish", 14, [IMAGE], {}),
    ("Gelu", 20, [IMAGE], dict(approximate="tanh")),
    ("Add", 14, [IMAGE, ramp(4, 1, 1)], {}),
    ("Pow", 15, [[3], floats(2)], {}),
    ("Mod", 13, [ints(7, -3), ints(3, 2)], {}),
    ("Sum", 13, [[2, 3], ramp(3), ramp(2, 1)], {}),
    ("Where", 16, [numpy.array([True, False]), [2], floats(3, 4)], {}),
    ("Equal", 13, [[2], floats(1, 2)], {}),
    ("ReduceMean", 13, [IMAGE], dict(axes=[2, 3], keepdims=0)),
    ("ReduceSum", 13, [IMAGE, ints(1, -1)], dict(noop_with_empty_axes=1)),
    ("ReduceL2", 18, [IMAGE, ints(1)], {}),
    ("ArgMax", 13, [IMAGE], dict(axis=1, select_last_index=1)),
    ("TopK", 11, [[2, 9], ints(3)], dict(axis=1, largest=0)),
    ("Reshape", 14, [IMAGE, ints(0, -1)], dict(allowzero=0)),
    ("Flatten", 13, [IMAGE], dict(axis=2)),
    ("Squeeze", 13, [[1, 3, 1], ints(0)], {}),
    ("Unsqueeze", 13, [[3], ints(0, 2)], {}),
    ("Transpose", 13, [IMAGE], dict(perm=[0, 2, 3, 1])),
    ("Expand", 13, [[3, 1], ints(2, 1, 6)], {}),
    ("Expand", 13, [floats(1), ints(300, 300)], {}),
    ("Tile", 13, [[2, 3], ints(2, 2)], {}),
    ("Shape", 15, [IMAGE], dict(start=1, end=-1)),
    ("Size", 13, [IMAGE], {}),
    ("DepthToSpace", 13, [IMAGE], dict(blocksize=2, mode="CRD")),
    ("SpaceToDepth", 13, [IMAGE], dict(blocksize=2)),
    ("Concat", 13, [IMAGE, ramp(1, 2, 6, 6)], dict(axis=1)),
    ("Slice", 13, [IMAGE, ints(1, 0), ints(9, -1), ints(2, 3), ints(2, 1)], {}),
    ("Slice", 9, [IMAGE], dict(starts=[1], ends=[1 << 60], axes=[2])),
    ("Gather", 13, [IMAGE, ints(0, -1)], dict(axis=1)),
    ("GatherElements", 13, [[2, 2], ints(0, 1, 1, 0).reshape(2, 2)], dict(axis=1)),
    ("GatherND", 13, [[2, 2], ints(0, 1).reshape(2, 1)], dict(batch_dims=0)),
    ("ScatterND", 16, [[4], ints(1, 3).reshape(2, 1), floats(5, 6)], {}),
    ("ScatterElements", 16, [[3, 3], ints(1, 0, 2).reshape(1, 3), ramp(1, 3)], dict(axis=0)),
    ("Pad", 18, [IMAGE, ints(1, 1, 2, 2), floats(3).reshape(()), ints(2, 3)], dict(mode="constant")),
    ("Pad", 10, [IMAGE], dict(pads=[0, 0, 1, 1, 0, 0, -1, 2], mode="reflect")),
    ("ConstantOfShape", 9, [ints(2, 3)], dict(value=helper.make_tensor("v", F, [1], [2.5]))),
    ("Range", 11, [ints(1).reshape(()), ints(9).reshape(()), ints(2).reshape(())], {}),
    ("Cast", 13, [IMAGE], dict(to=TensorProto.INT64)),
    ("CastLike", 15, [IMAGE, ints(1)], {}),
    ("Dropout", 13, [IMAGE], {}),
    ("Constant", 13, [], dict(value_ints=[1, 2, 3])),
    ("Resize", 13, [IMAGE, None, floats(1, 1, 2, 2)], dict(mode="nearest", nearest_mode="round_prefer_floor")),
    ("Resize", 19, [IMAGE, None, None, ints(7, 8)], dict(mode="cubic", axes=[2, 3], antialias=1)),
    ("Upsample", 9, [IMAGE, floats(1, 1, 2, 2)], dict(mode="linear")),
    ("NonMaxSuppression", 11, [[1, 3, 4], [1, 2, 3], ints(2), floats(0.5), floats(0.1)], dict(center_point_box=1)),
    ("QuantizeLinear", 13, [IMAGE, floats(0.1), numpy.array([3], numpy.uint8)], dict(axis=1)),
    ("DequantizeLinear", 13, [numpy.arange(4, dtype=numpy.int8), floats(0.1, 0.2, 0.3, 0.4)], dict(axis=0)),
    ("QLinearConv", 10, [numpy.ones((1, 1, 4, 4), numpy.uint8), floats(0.1), numpy.array(1, numpy.uint8),
                         numpy.ones((1, 1, 2, 2), numpy.uint8), floats(0.1), numpy.array(1, numpy.uint8),
                         floats(0.2), numpy.array(2, numpy.uint8)], {}),
    ("NotAnOp", 13, [IMAGE], dict(size=3)),
]


def model_of(graph, opset=13, functions=()):
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid("local", 1)] * bool(functions)
    return helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=8, producer_name="")


def one_node(op, opset, operands, attributes):
    inputs, initializers, names = [], [], []
    for index, operand in enumerate(operands):
        names.append("" if operand is None else f"x{index}")
        if isinstance(operand, list):
            inputs.append(helper.make_tensor_value_info(names[-1], F, operand))
        elif operand is not None:
            initializers.append(numpy_helper.from_array(operand, names[-1]))
    node = helper.make_node(op, names, ["y"], name="n", **attributes)
    output = helper.make_tensor_value_info("y", F, None)
    return model_of(helper.make_graph([node], "g", inputs, [output], initializers), opset)


def symbolic():
    """A symbolic batch, shape arithmetic, and a residual block."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "s", "s", "s", "s"], ["b"]),
        helper.make_node("Relu", ["b"], ["r"]),
        helper.make_node("Add", ["r", "x"], ["a"]),
        helper.make_node("Shape", ["a"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "axes"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["dims"], axis=0),
        helper.make_node("Reshape", ["a", "dims"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["y"]),
    ]
    constants = dict(w=ramp(2, 2, 3, 3), s=floats(1, 2), zero=ints(0).reshape(()), axes=ints(0), rest=ints(-1))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", F, ["N", 2, "H", "W"])],
                              [helper.make_tensor_value_info("y", F, ["N", None])],
                              [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return model_of(graph)


def subgraphs(depth):
    """If in If in If: bodies in attributes."""
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["inner"])], "body", [],
                             [helper.make_tensor_value_info("inner", F, None)])
    for level in range(depth):
        branch = helper.make_node("If", ["c"], [f"y{level}"], then_branch=body, else_branch=body)
        body = helper.make_graph([branch], "body", [], [helper.make_tensor_value_info(f"y{level}", F, None)])
    body.input.append(helper.make_tensor_value_info("x", F, [2]))
    body.initializer.append(numpy_helper.from_array(numpy.array(True), "c"))
    return model_of(body)


def local_functions(recursive):
    imports = [helper.make_opsetid("", 16), helper.make_opsetid("local", 1)]
    scaled = helper.make_node("LeakyRelu", ["a"], ["b"])
    attribute = scaled.attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope")
    assert attribute.ref_attr_name
    inner = helper.make_function("local", "Scaled", ["a"], ["b"], [scaled], imports, ["slope"])
    calls = "Outer" if recursive else "Scaled"
    outer = helper.make_function("local", "Outer", ["a"], ["b"], [
        helper.make_node(calls, ["a"], ["h"], domain="local", **({} if recursive else dict(slope=0.5))),
        helper.make_node("Add", ["h", "a"], ["b"]),
    ], imports)
    node = helper.make_node("Outer", ["x"], ["y"], domain="local")
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", F, [2, 3])],
                              [helper.make_tensor_value_info("y", F, None)])
    return model_of(graph, 16, [inner, outer])


def external(location, offset, length):
    graph = symbolic().graph
    weights = graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        weights.external_data.add(key=key, value=str(value))
    return model_of(graph)


def cycle():
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    return model_of(helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", F, [2])],
                                      [helper.make_tensor_value_info("b", F, None)]))


def models():
    for index, node in enumerate(NODES):
        yield f"{index:02}_{node[0].lower()}", one_node(*node)
    yield "symbolic", symbolic()
    yield "subgraphs", subgraphs(3)
    yield "functions", local_functions(False)
    yield "recursive_functions", local_functions(True)
    yield "external", external("weights.bin", 0, 144)
    yield "external_outside", external("../weights.bin", 4096, 144)
    yield "cycle", cycle()


def tensors():
    for kind in ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                 "uint64", "bool"):
        yield kind, numpy_helper.from_array(numpy.arange(6).reshape(2, 3).astype(kind), kind)
    for name, number in TensorProto.DataType.items():
        if name not in ("UNDEFINED", "STRING") and "COMPLEX" not in name and "FLOAT8" not in name and "4" != name[-1]:
            yield f"typed_{name.lower()}", helper.make_tensor("typed", number, [2], [1, 0])
    yield "scalar", numpy_helper.from_array(numpy.float32(1.5).reshape(()), "scalar")
    yield "empty", numpy_helper.from_array(numpy.zeros((0, 3), numpy.float32), "empty")
    text = TensorProto(dims=[1], data_type=TensorProto.STRING, string_data=[b"text"])
    yield "string", text


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main():
    for name, model in models():
        write(CORPUS / "onnx" / f"seed_{name}", model.SerializeToString())
    for name, tensor in tensors():
        write(CORPUS / "tensor_pb" / f"seed_{name}", tensor.SerializeToString())
    for kind in ("<f4", "<f8", "<f2", "|i1", "|u1", "|b1", "<i8", "<u2", ">f4"):
        path = CORPUS / "npy" / f"seed_{kind[1:]}{'_big' if kind[0] == '>' else ''}"
        with path.open("wb") as file:
            numpy.save(file, numpy.arange(6).reshape(2, 3).astype(kind))
    for name, array in (("fortran", numpy.asfortranarray(ramp(2, 3, 4))), ("scalar", numpy.float64(1)),
                        ("empty", numpy.zeros((2, 0))), ("vector", floats(1, 2))):
        with (CORPUS / "npy" / f"seed_{name}").open("wb") as file:
            numpy.lib.format.write_array(file, numpy.asarray(array), version=(2, 0) if name == "vector" else None)


if __name__ == "__main__":
    for folder in ("onnx", "tensor_pb", "npy"):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
    main()
