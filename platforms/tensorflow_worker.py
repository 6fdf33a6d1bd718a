"""TensorFlow on the CPU, as a Raceline platform: a graph of raw ops, in TensorFlow's own layout (NHWC).

optimised: Grappler, constant folding, remapping to fused kernels. unoptimised: none of them.
"""
import contextlib
import ctypes
import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy
import tensorflow as tf
from tensorflow.core.protobuf import rewriter_config_pb2

from onnx_nodes import Model, window
from worker import Refusal, serve

v1 = tf.compat.v1
NHWC, NCHW = [0, 2, 3, 1], [0, 3, 1, 2]  # nhwc axis i is nchw axis NHWC[i], and the other way round
NO_KERNELS = ("_SOURCE", "_SINK", "_Arg", "_Retval", "NoOp", "Const", "Placeholder", "Identity", "_Recv", "_Send")


def same_pads(extent, kernel, stride):
    """TensorFlow's padding "SAME"."""
    wanted = max(0, (-(-extent // stride) - 1) * stride + kernel - extent)
    return wanted // 2, wanted - wanted // 2


class Translation:
    """Builds the graph. Rank-4 tensors are NHWC; all others as in ONNX."""

    def __init__(self, model, values):
        self.values, self.constants = values, model.constants
        for node in model.nodes:
            translate = getattr(self, node.op, None)
            if translate is None:
                raise Refusal("unsupported", f"the op {node.op} is not translated to TensorFlow")
            results = translate(node)
            for name, value in zip(node.outputs, results if isinstance(results, list) else [results]):
                self.values[name] = value

    def array(self, name):
        if name not in self.constants:
            raise Refusal("unsupported", f"'{name}' is wanted as a constant")
        return self.constants[name]

    def value(self, name, rank=None):
        """A tensor; constants in the layout that broadcasts against NHWC tensors of rank 4."""
        if name in self.values:
            return self.values[name]
        array = self.array(name)
        if rank == 4 and array.ndim == 4:
            array = array.transpose(NHWC)
        elif rank == 4 and array.ndim == 3:
            array = array.transpose(1, 2, 0)
        elif rank == 4 and array.ndim in (1, 2):
            array = array.reshape(array.shape + (1,))
        return tf.constant(array)

    def x(self, node):
        return self.value(node.inputs[0])

    def plain(self, tensor):
        """As in ONNX."""
        return tf.transpose(tensor, NCHW) if tensor.shape.rank == 4 else tensor

    def ours(self, tensor):
        return tf.transpose(tensor, NHWC) if tensor.shape.rank == 4 else tensor

    def padding(self, x, kernel, strides, dilations, begin, end):
        """The padding as TensorFlow says it: "VALID", "SAME", or four pairs."""
        if not any(begin + end):
            return "VALID"
        if dilations == [1, 1]:
            same = [same_pads(x.shape[axis + 1], kernel[axis], strides[axis]) for axis in (0, 1)]
            if same == [(begin[axis], end[axis]) for axis in (0, 1)]:
                return "SAME"
        return [[0, 0], [begin[0], end[0]], [begin[1], end[1]], [0, 0]]

    def Conv(self, node):
        x, w = self.x(node), self.array(node.inputs[1])
        if w.ndim != 4:
            raise Refusal("unsupported", "convolutions of two dimensions only")
        kernel, strides, dilations, begin, end = window(node, 2, w.shape[2:])
        group = node.get("group", 1)
        padding = self.padding(x, kernel, strides, dilations, begin, end)
        if group == x.shape[-1] and group > 1:
            if strides[0] != strides[1]:
                raise Refusal("unsupported", "depthwise convolution with two different strides")
            filters = w.reshape(group, w.shape[0] // group, *kernel).transpose(2, 3, 0, 1)
            y = tf.nn.depthwise_conv2d(x, filters, [1, *strides, 1], padding, dilations=dilations)
        else:
            y = tf.nn.conv2d(x, w.transpose(2, 3, 1, 0), [1, *strides, 1], padding, dilations=dilations)
        return self.with_bias(y, node)

    def with_bias(self, y, node):
        if len(node.inputs) < 3 or not node.inputs[2]:
            return y
        return tf.nn.bias_add(y, self.array(node.inputs[2]).reshape(-1))

    def ConvTranspose(self, node):
        x, w = self.x(node), self.array(node.inputs[1])
        kernel, strides, dilations, begin, end = window(node, 2, w.shape[2:])
        if node.get("group", 1) != 1 or dilations != [1, 1] or any(node.get("output_padding", [0])):
            raise Refusal("unsupported", "this transposed convolution")
        size = [strides[axis] * (x.shape[axis + 1] - 1) + kernel[axis] - begin[axis] - end[axis] for axis in (0, 1)]
        padding = [[0, 0], [begin[0], end[0]], [begin[1], end[1]], [0, 0]] if any(begin + end) else "VALID"
        y = tf.nn.conv2d_transpose(x, w.transpose(2, 3, 1, 0), [x.shape[0], *size, w.shape[1]], [1, *strides, 1],
                                   padding)
        return self.with_bias(y, node)

    def pool(self, node, run, fill):
        x = self.x(node)
        if x.shape.rank != 4:
            raise Refusal("unsupported", "pooling in two dimensions only")
        kernel, strides, dilations, begin, end = window(node, 2)
        if dilations != [1, 1]:
            raise Refusal("unsupported", "pooling with dilation")
        if node.get("ceil_mode", 0):
            out = [-(-(x.shape[a + 1] + begin[a] + end[a] - kernel[a]) // strides[a]) for a in (0, 1)]
            end = [out[a] * strides[a] + kernel[a] - x.shape[a + 1] - begin[a] for a in (0, 1)]
        padding = self.padding(x, kernel, strides, dilations, begin, end)
        if not isinstance(padding, str):
            if fill is None:
                raise Refusal("unsupported", "average pooling with such pads")
            x, padding = tf.pad(x, padding, constant_values=fill), "VALID"
        return run(x, kernel, strides, padding)

    def MaxPool(self, node):
        return self.pool(node, tf.nn.max_pool2d, float("-inf"))

    def AveragePool(self, node):
        counts = node.get("count_include_pad", 0)
        if counts and "SAME" == self.padding(self.x(node), *window(node, 2)):
            raise Refusal("unsupported", "average pooling that counts its pads")
        return self.pool(node, tf.nn.avg_pool2d, 0.0 if counts else None)

    def GlobalAveragePool(self, node):
        return tf.reduce_mean(self.x(node), [1, 2], keepdims=True)

    def GlobalMaxPool(self, node):
        return tf.reduce_max(self.x(node), [1, 2], keepdims=True)

    def Gemm(self, node):
        if node.get("alpha", 1.0) != 1 or node.get("beta", 1.0) != 1:
            raise Refusal("unsupported", "Gemm with factors")
        y = tf.matmul(self.x(node), self.value(node.inputs[1]), transpose_a=bool(node.get("transA", 0)),
                      transpose_b=bool(node.get("transB", 0)))
        return self.with_bias(y, node)

    def MatMul(self, node):
        return tf.matmul(self.x(node), self.value(node.inputs[1]))

    def BatchNormalization(self, node):
        x = self.x(node)
        scale, bias, mean, variance = (tf.constant(self.array(name)) for name in node.inputs[1:5])
        if x.shape.rank != 4:
            return tf.nn.batch_normalization(x, mean, variance, bias, scale, node.get("epsilon", 1e-5))
        return v1.nn.fused_batch_norm(x, scale, bias, mean, variance, node.get("epsilon", 1e-5), is_training=False)[0]

    def LRN(self, node):
        size = node.get("size")
        if size % 2 == 0:
            raise Refusal("unsupported", "LRN of even size")
        return tf.nn.local_response_normalization(self.x(node), (size - 1) // 2, node.get("bias", 1.0),
                                                  node.get("alpha", 1e-4) / size, node.get("beta", 0.75))

    def Softmax(self, node):
        x, axis = self.x(node), node.get("axis", -1)
        rank = x.shape.rank
        return tf.nn.softmax(x, NHWC.index(axis % rank) if rank == 4 else axis)

    def Relu(self, node):
        return tf.nn.relu(self.x(node))

    def Clip(self, node):
        low, high = (float(self.array(name)) for name in node.inputs[1:3])
        return tf.nn.relu6(self.x(node)) if (low, high) == (0, 6) else tf.clip_by_value(self.x(node), low, high)

    def LeakyRelu(self, node):
        return tf.nn.leaky_relu(self.x(node), node.get("alpha", 0.01))

    def PRelu(self, node):
        x = self.x(node)
        return tf.nn.relu(x) - self.value(node.inputs[1], x.shape.rank) * tf.nn.relu(-x)

    def Elu(self, node):
        if node.get("alpha", 1.0) != 1:
            raise Refusal("unsupported", "ELU with a factor")
        return tf.nn.elu(self.x(node))

    def Sigmoid(self, node):
        return tf.sigmoid(self.x(node))

    def Tanh(self, node):
        return tf.tanh(self.x(node))

    def Exp(self, node):
        return tf.exp(self.x(node))

    def Sqrt(self, node):
        return tf.sqrt(self.x(node))

    def Identity(self, node):
        return tf.identity(self.x(node))

    Dropout = Identity

    def binary(self, node, function):
        rank = max(self.values[name].shape.rank for name in node.inputs if name in self.values)
        return function(self.value(node.inputs[0], rank), self.value(node.inputs[1], rank))

    def Add(self, node):
        return self.binary(node, tf.add)

    def Sub(self, node):
        return self.binary(node, tf.subtract)

    def Mul(self, node):
        return self.binary(node, tf.multiply)

    def Div(self, node):
        return self.binary(node, tf.divide)

    def Concat(self, node):
        parts = [self.value(name, 4) for name in node.inputs]
        axis, rank = node.get("axis"), parts[0].shape.rank
        return tf.concat(parts, NHWC.index(axis % rank) if rank == 4 else axis)

    def Reshape(self, node):
        x = self.x(node)
        shape = [int(size) for size in self.array(node.inputs[1])]
        nchw = [x.shape[axis] for axis in NCHW] if x.shape.rank == 4 else list(x.shape)
        shape = [nchw[axis] if size == 0 else size for axis, size in enumerate(shape)]
        return self.reshaped(x, nchw, shape)

    def reshaped(self, x, nchw, shape):
        # Where only one of channels and image is not 1, both layouts have the same order.
        moves = x.shape.rank == 4 and nchw[1] > 1 and nchw[2] * nchw[3] > 1
        return self.ours(tf.reshape(self.plain(x) if moves else x, shape))

    def Flatten(self, node):
        x = self.x(node)
        nchw = [x.shape[axis] for axis in NCHW] if x.shape.rank == 4 else list(x.shape)
        axis = node.get("axis", 1)
        return self.reshaped(x, nchw, [int(numpy.prod(nchw[:axis])), -1])

    def Transpose(self, node):
        x, order = self.x(node), list(node.get("perm"))
        if len(order) == 4:  # from NHWC to NHWC at once
            order = [NHWC.index(order[axis]) for axis in NHWC]
        return tf.transpose(x, order)

    def in_order(self, x, values):
        """One value for each axis, in TensorFlow's order."""
        return [values[axis] for axis in NHWC] if x.shape.rank == 4 else list(values)

    def Slice(self, node):
        x = self.x(node)
        rank = x.shape.rank
        nchw = [x.shape[axis] for axis in NCHW] if rank == 4 else list(x.shape)
        starts, ends = self.array(node.inputs[1]), self.array(node.inputs[2])
        axes = self.array(node.inputs[3]) if len(node.inputs) > 3 else range(len(starts))
        steps = self.array(node.inputs[4]) if len(node.inputs) > 4 else [1] * len(starts)
        begin, end, step = [0] * rank, list(nchw), [1] * rank
        for start, stop, axis, by in zip(starts, ends, axes, steps):
            begin[axis], end[axis], step[axis] = int(start), min(int(stop), nchw[axis]), int(by)
        return tf.strided_slice(x, self.in_order(x, begin), self.in_order(x, end), self.in_order(x, step))

    def Split(self, node):
        x, axis = self.x(node), node.get("axis", 0)
        sizes = [int(size) for size in self.array(node.inputs[1])] if len(node.inputs) > 1 else len(node.outputs)
        return list(tf.split(x, sizes, NHWC.index(axis) if x.shape.rank == 4 else axis))

    def Pad(self, node):
        x, pads = self.x(node), [int(each) for each in self.array(node.inputs[1])]
        if node.get("mode", "constant") != "constant":
            raise Refusal("unsupported", "padding by mirrored elements")
        value = float(self.array(node.inputs[2])) if len(node.inputs) > 2 and node.inputs[2] else 0.0
        half = len(pads) // 2
        return tf.pad(x, self.in_order(x, list(zip(pads[:half], pads[half:]))), constant_values=value)

    def ReduceMean(self, node):
        x, axes = self.x(node), node.get("axes")
        if x.shape.rank == 4 and (axes is None or not node.get("keepdims", 1)):
            raise Refusal("unsupported", "this reduction")
        axes = [NHWC.index(axis % 4) for axis in axes] if x.shape.rank == 4 else axes
        return tf.reduce_mean(x, axes, keepdims=bool(node.get("keepdims", 1)))

    def Resize(self, node):
        x, sizes = self.x(node), self.array(node.inputs[3])
        place, mode = node.get("coordinate_transformation_mode"), node.get("mode")
        if mode == "nearest" and place == "asymmetric":
            return v1.image.resize_nearest_neighbor(x, sizes[2:].astype("int32"))
        if mode == "linear" and place == "half_pixel":
            return v1.image.resize_bilinear(x, sizes[2:].astype("int32"), half_pixel_centers=True)
        raise Refusal("unsupported", f"resizing {mode} {place}")


@contextlib.contextmanager
def memory_kept():
    """Freed blocks stay with the program, under glibc.

    TensorFlow copies a graph's constants some dozen times before the first run; glibc maps each copy anew, and the
    kernel clears it page by page: more than half of the time. Afterwards the thresholds are those that glibc comes to by
    itself in a program that has freed a large block, so that runs find memory as they would have.
    """
    trim_threshold, mmap_threshold, mmap_max = -1, -3, -4  # of <malloc.h>
    largest_dynamic_threshold = 32 << 20
    try:
        libc = ctypes.CDLL(None)
        mallopt, malloc_trim = libc.mallopt, libc.malloc_trim
    except (OSError, AttributeError):  # another C library
        yield
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, ctypes.c_int(2**31 - 1))
    try:
        yield
    finally:
        mallopt(mmap_max, 65536)
        mallopt(mmap_threshold, largest_dynamic_threshold)
        mallopt(trim_threshold, 2 * largest_dynamic_threshold)
        malloc_trim(ctypes.c_size_t(0))


def aligned(array):
    """A copy at a multiple of 64 bytes: TensorFlow reads such arrays where they lie."""
    room = numpy.empty(array.nbytes + 64, numpy.uint8)
    place = room[-room.ctypes.data % 64:][:array.nbytes].view(array.dtype).reshape(array.shape)
    numpy.copyto(place, array)
    return place


class TensorFlow:
    session = callable = fetches = feeds = results = None

    def facts(self):
        return {"platform": "tensorflow", "accelerator": "cpu", "modes": ["optimised", "unoptimised"],
                "versions": {"tensorflow": tf.__version__, "numpy": numpy.__version__}}

    def config(self, threads, mode):
        config = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
        if mode == "unoptimised":
            rewrites = config.graph_options.rewrite_options
            rewrites.disable_meta_optimizer = True
            for each in ("constant_folding", "layout_optimizer", "remapping", "arithmetic_optimization",
                         "dependency_optimization", "function_optimization", "shape_optimization"):
                setattr(rewrites, each, rewriter_config_pb2.RewriterConfig.OFF)
            config.graph_options.optimizer_options.opt_level = v1.OptimizerOptions.L0
        return config

    def close(self):
        """Graphs are full of reference cycles: unless collected at once, dead ones stay, some gigabytes of them."""
        if self.session is not None:
            self.session.close()
        self.session = self.callable = self.fetches = self.feeds = self.results = None
        gc.collect()

    def open(self, path, inputs, threads, mode, plan):
        self.close()
        large = os.path.getsize(path) > 8 << 20
        with memory_kept() if large else contextlib.nullcontext():
            self.build(Model(path), inputs, threads, mode)
        return self.outputs

    def build(self, model, inputs, threads, mode):
        if set(model.inputs) != set(inputs):
            raise Refusal("unsupported", f"the model takes {sorted(model.inputs)}, given {sorted(inputs)}")
        self.outputs = model.outputs
        graph = tf.Graph()
        with graph.as_default():
            arrays = {name: numpy.ascontiguousarray(array.transpose(NHWC) if array.ndim == 4 else array)
                      for name, array in inputs.items()}
            values = {name: v1.placeholder(array.dtype, array.shape) for name, array in arrays.items()}
            holders = list(values.values())
            Translation(model, values)
            self.fetches = [values[name] for name in model.outputs]
            self.arrays = list(arrays.values())
            self.places = [aligned(array) for array in self.arrays]
            self.feeds = dict(zip(holders, self.places))
            self.session = v1.Session(graph=graph, config=self.config(threads, mode))
        self.callable = self.session.make_callable(self.fetches, feed_list=holders)
        self.run()
        self.taken = [numpy.empty_like(each) for each in self.results]

    def feed(self):
        for place, array in zip(self.places, self.arrays):
            numpy.copyto(place, array)

    def run(self):
        self.results = self.callable(*self.places)

    def fetch(self):
        for taken, result in zip(self.taken, self.results):
            numpy.copyto(taken, result)

    def output(self, name):
        result = self.results[self.outputs.index(name)]
        return result.transpose(NCHW) if result.ndim == 4 else result

    def kernels(self):
        options, metadata = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), v1.RunMetadata()
        self.session.run(self.fetches, self.feeds, options=options, run_metadata=metadata)
        steps, names = [], []
        for device in metadata.step_stats.dev_stats:
            for node in device.node_stats:
                op = node.timeline_label.rpartition(" = ")[2].partition("(")[0] or node.node_name
                if op in NO_KERNELS or node.node_name in NO_KERNELS:
                    continue
                steps.append(("compute", (node.op_end_rel_nanos - node.op_start_rel_nanos) / 1e3))
                names.append(op)
        return steps, names


if __name__ == "__main__":
    gc.freeze()  # the modules stay anyway: only graphs need to be looked at
    serve(TensorFlow())
