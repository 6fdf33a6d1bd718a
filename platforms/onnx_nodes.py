"""An ONNX model as plain Python, for workers whose framework does not read ONNX itself."""
import onnx
from onnx import numpy_helper


class Node:
    def __init__(self, proto):
        self.op, self.inputs, self.outputs = proto.op_type, list(proto.input), list(proto.output)
        self.attributes = {}
        for attribute in proto.attribute:
            value = onnx.helper.get_attribute_value(attribute)
            self.attributes[attribute.name] = value.decode() if isinstance(value, bytes) else value

    def get(self, name, default=None):
        return self.attributes.get(name, default)


class Model:
    """nodes in order, constants by name (NumPy), names of inputs and outputs."""

    def __init__(self, path):
        graph = onnx.load(str(path)).graph
        self.constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self.nodes = [Node(each) for each in graph.node]
        self.inputs = [each.name for each in graph.input if each.name not in self.constants]
        self.outputs = [each.name for each in graph.output]


def window(node, rank, kernel=None):
    """(kernel, strides, dilations, pads at the beginnings, pads at the ends) of a convolution or pool."""
    kernel = list(node.get("kernel_shape", kernel))
    pads = node.get("pads", [0] * (2 * rank))
    return kernel, list(node.get("strides", [1] * rank)), list(node.get("dilations", [1] * rank)), \
        list(pads[:rank]), list(pads[rank:])
