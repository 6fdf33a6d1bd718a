#!/usr/bin/python3
"""PyTorch on the CPU, as a Raceline platform (Debian's python3-torch and python3-onnx).

optimised: traced, frozen, torch.jit.optimize_for_inference. unoptimised: eager, one call after the other.
"""
import numpy
import torch
import torch.nn.functional as F

from onnx_nodes import Model, window
from worker import Refusal, label, serve

REORDERS = ("aten::to_mkldnn", "aten::to_dense", "aten::mkldnn_reorder_conv2d_weight")


class Translated(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model, self.steps = model, []
        for name, array in model.constants.items():
            if array.dtype.kind == "f":
                self.register_buffer(self.buffer(name), torch.from_numpy(array.copy()))
        for node in model.nodes:
            if not hasattr(self, "op_" + node.op):
                raise Refusal("unsupported", f"the op {node.op} is not translated to PyTorch")

    @staticmethod
    def buffer(name):
        return "c_" + "".join(letter if letter.isalnum() else "_" for letter in name)

    def forward(self, *inputs):
        values = dict(zip(self.model.inputs, inputs))
        for node in self.model.nodes:
            operands = [values[name] if name in values else getattr(self, self.buffer(name), None) if name else None
                        for name in node.inputs]
            results = getattr(self, "op_" + node.op)(node, *operands)
            for name, value in zip(node.outputs, results if isinstance(results, (list, tuple)) else [results]):
                values[name] = value
        return tuple(values[name] for name in self.model.outputs)

    def whole(self, node, index):
        return [int(each) for each in self.model.constants[node.inputs[index]].reshape(-1)]

    def op_Conv(self, node, x, w, b=None):
        rank = w.dim() - 2
        _, strides, dilations, begin, end = window(node, rank, w.shape[2:])
        if begin != end:
            x = F.pad(x, [each for axis in reversed(range(rank)) for each in (begin[axis], end[axis])])
            begin = [0] * rank
        run = {2: F.conv2d, 3: F.conv3d}[rank]
        return run(x, w, b, strides, begin, dilations, node.get("group", 1))

    def op_ConvTranspose(self, node, x, w, b=None):
        _, strides, dilations, begin, end = window(node, 2, w.shape[2:])
        if begin != end:
            raise Refusal("unsupported", "transposed convolution with uneven pads")
        return F.conv_transpose2d(x, w, b, strides, begin, node.get("output_padding", [0, 0]), node.get("group", 1),
                                  dilations)

    def op_MaxPool(self, node, x):
        kernel, strides, dilations, begin, end = window(node, 2)
        if begin != end:
            x = F.pad(x, [begin[1], end[1], begin[0], end[0]], value=float("-inf"))
            begin = [0, 0]
        return F.max_pool2d(x, kernel, strides, begin, dilations, bool(node.get("ceil_mode", 0)))

    def op_AveragePool(self, node, x):
        kernel, strides, _, begin, end = window(node, 2)
        if begin != end:
            raise Refusal("unsupported", "average pooling with uneven pads")
        return F.avg_pool2d(x, kernel, strides, begin, bool(node.get("ceil_mode", 0)),
                            bool(node.get("count_include_pad", 0)))

    def op_GlobalAveragePool(self, node, x):
        return F.adaptive_avg_pool2d(x, 1)

    def op_GlobalMaxPool(self, node, x):
        return F.adaptive_max_pool2d(x, 1)

    def op_Gemm(self, node, x, w, b=None):
        x = x.t() if node.get("transA", 0) else x
        return F.linear(x, w if node.get("transB", 0) else w.t(), b)

    def op_MatMul(self, node, x, w):
        return torch.matmul(x, w)

    def op_BatchNormalization(self, node, x, scale, bias, mean, variance):
        return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, node.get("epsilon", 1e-5))

    def op_LRN(self, node, x):
        return F.local_response_norm(x, node.get("size"), node.get("alpha", 1e-4), node.get("beta", 0.75),
                                     node.get("bias", 1.0))

    def op_Softmax(self, node, x):
        return F.softmax(x, node.get("axis", -1))

    def op_Relu(self, node, x):
        return F.relu(x)

    def op_Clip(self, node, x, low=None, high=None):
        return torch.clamp(x, *(float(self.model.constants[name]) for name in node.inputs[1:3]))

    def op_LeakyRelu(self, node, x):
        return F.leaky_relu(x, node.get("alpha", 0.01))

    def op_PRelu(self, node, x, slope):
        return F.prelu(x, slope.reshape(-1))

    def op_Elu(self, node, x):
        return F.elu(x, node.get("alpha", 1.0))

    def op_Sigmoid(self, node, x):
        return torch.sigmoid(x)

    def op_Tanh(self, node, x):
        return torch.tanh(x)

    def op_Identity(self, node, x):
        return x

    op_Dropout = op_Identity

    def op_Add(self, node, a, b):
        return a + b

    def op_Sub(self, node, a, b):
        return a - b

    def op_Mul(self, node, a, b):
        return a * b

    def op_Div(self, node, a, b):
        return a / b

    def op_Concat(self, node, *parts):
        return torch.cat(parts, node.get("axis"))

    def op_Reshape(self, node, x, shape=None):
        sizes = self.whole(node, 1)
        return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)])

    def op_Flatten(self, node, x):
        return x.flatten(1) if node.get("axis", 1) == 1 else x.reshape(int(numpy.prod(x.shape[:node.get("axis")])), -1)

    def op_Transpose(self, node, x):
        return x.permute(*node.get("perm")).contiguous()

    def op_Slice(self, node, x, *_):
        starts, ends = self.whole(node, 1), self.whole(node, 2)
        axes = self.whole(node, 3) if len(node.inputs) > 3 else range(len(starts))
        steps = self.whole(node, 4) if len(node.inputs) > 4 else [1] * len(starts)
        for start, end, axis, step in zip(starts, ends, axes, steps):
            x = x[(slice(None),) * axis + (slice(start, end, step),)]
        return x.contiguous()

    def op_Split(self, node, x, sizes=None):
        axis = node.get("axis", 0)
        parts = self.whole(node, 1) if len(node.inputs) > 1 else x.shape[axis] // len(node.outputs)
        return torch.split(x, parts, axis)

    def op_Pad(self, node, x, *_):
        pads = self.whole(node, 1)
        half = len(pads) // 2
        value = float(self.model.constants[node.inputs[2]]) if len(node.inputs) > 2 and node.inputs[2] else 0.0
        if node.get("mode", "constant") != "constant":
            raise Refusal("unsupported", "padding by mirrored elements")
        return F.pad(x, [each for axis in reversed(range(half)) for each in (pads[axis], pads[half + axis])], value=value)

    def op_ReduceMean(self, node, x):
        return x.mean(node.get("axes"), bool(node.get("keepdims", 1)))

    def op_Resize(self, node, x, *_):
        sizes, mode = self.whole(node, 3)[2:], node.get("mode")
        if mode == "nearest":
            return F.interpolate(x, sizes, mode="nearest")
        return F.interpolate(x, sizes, mode="bilinear", align_corners=node.get("coordinate_transformation_mode") ==
                             "align_corners")


class PyTorch:
    resolution_us = 1.0

    def facts(self):
        return {"platform": "pytorch", "accelerator": "cpu", "modes": ["optimised", "unoptimised"],
                "versions": {"pytorch": torch.__version__, "numpy": numpy.__version__}}

    def open(self, path, inputs, threads, mode, plan):
        torch.set_num_threads(threads)
        model = Model(path)
        if set(model.inputs) != set(inputs):
            raise Refusal("unsupported", f"the model takes {sorted(model.inputs)}, given {sorted(inputs)}")
        self.names = model.outputs
        self.arrays = [torch.from_numpy(inputs[name]) for name in model.inputs]
        self.places = [array.clone() for array in self.arrays]
        module = Translated(model).eval()
        with torch.inference_mode():
            if mode == "optimised":
                module = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module, tuple(self.places))))
            self.module = module
            for _ in range(3):  # the first runs of a traced graph specialise it
                self.run()
        self.taken = [torch.empty_like(each) for each in self.results]
        return self.names

    def feed(self):
        for place, array in zip(self.places, self.arrays):
            place.copy_(array)

    def run(self):
        with torch.inference_mode():
            self.results = self.module(*self.places)

    def fetch(self):
        for taken, result in zip(self.taken, self.results):
            taken.copy_(result)

    def output(self, name):
        return self.results[self.names.index(name)].numpy()

    def kernels(self):
        with torch.autograd.profiler.profile() as profile:
            self.run()
        # Each op's own time, without the ops that it calls: together they are the run.
        events = [event for event in profile.function_events if event.self_cpu_time_total > 0]
        kernels = [(event.name in REORDERS, float(event.self_cpu_time_total)) for event in events]
        names = [event.name for event in events]
        return label(kernels), names


if __name__ == "__main__":
    serve(PyTorch())
