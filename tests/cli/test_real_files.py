"""Models as exporters leave them: where weights come from, what inputs and outputs are, functions, branches."""
import shutil
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import support

RANDOM = numpy.random.default_rng(11)


def random(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(numpy.float32)


def constant(name, array):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))


def initializer(name, array):
    return numpy_helper.from_array(array, name)


def value(name, shape, type=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, type, shape)


def pointwise(x, weights):
    """A convolution of 1x1."""
    return numpy.einsum("nchw,kc->nkhw", x, weights.reshape(weights.shape[:2])).astype(numpy.float32)


class RealFiles(support.CliTest):
    def check(self, nodes, inputs, outputs, initializers=(), opsets=(("", 13),), functions=(), listed=(), save=onnx.save):
        """inputs and outputs: arrays by name. The model must give these outputs, by every primitive too."""
        graph = helper.make_graph(nodes, "g", [value(name, array.shape) for name, array in inputs.items()] + list(listed),
                                  [value(name, array.shape) for name, array in outputs.items()], initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], functions=functions)
        model.ir_version = 8
        data = self.folder / "case/test_data_set_0"
        data.mkdir(parents=True)
        save(model, str(self.folder / "case/model.onnx"))
        for kind, arrays in ("input", inputs), ("output", outputs):
            for index, (name, array) in enumerate(arrays.items()):
                (data / f"{kind}_{index}.pb").write_bytes(initializer(name, array).SerializeToString())
        for extra in [], ["--each-primitive"]:
            self.run_program("verify", self.folder / "case", "--rtol", "1e-4", "--atol", "1e-5", *extra)

    def test_weights_of_constant_nodes_reshaped_transposed_cast_and_shared(self):
        x, weights = random(2, 4, 5, 6), random(8, 4)
        held = weights.T.astype(numpy.float16)
        weights = held.astype(numpy.float32).T
        self.check([constant("held", held), constant("dims", numpy.array([8, 4, 1, 1])),
                    helper.make_node("Cast", ["held"], ["wide"], to=TensorProto.FLOAT),
                    helper.make_node("Transpose", ["wide"], ["turned"]), helper.make_node("Reshape", ["turned", "dims"], ["w"]),
                    helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Relu", ["x"], ["positive"]),
                    helper.make_node("Conv", ["positive", "w"], ["b"])],
                   {"x": x}, {"a": pointwise(x, weights), "b": pointwise(numpy.maximum(x, 0), weights)})

    def test_statistics_of_constant_nodes(self):
        x, weights, scale, bias, mean = random(1, 4, 3, 3), random(4, 4, 1, 1), random(4), random(4), random(4)
        variance = numpy.abs(random(4)) + 1
        names = dict(scale=scale, bias=bias, mean=mean, variance=variance)
        y = (pointwise(x, weights) - mean[:, None, None]) / numpy.sqrt(variance[:, None, None] + 1e-5)
        self.check([*(constant(name, array) for name, array in names.items()), helper.make_node("Identity", ["w"], ["same"]),
                    helper.make_node("Conv", ["x", "same"], ["c"]), helper.make_node("BatchNormalization", ["c", *names], ["y"])],
                   {"x": x}, {"y": y * scale[:, None, None] + bias[:, None, None]}, [initializer("w", weights)])

    def test_outputs_that_are_inputs_or_constants_and_inputs_that_nobody_uses(self):
        x, unused, w = random(2, 3), random(4), random(3)
        self.check([helper.make_node("Add", ["x", "w"], ["y"]), helper.make_node("Identity", ["y"], ["again"]), constant("c", w * 2)],
                   {"x": x, "unused": unused}, {"x": x, "y": x + w, "w": w, "again": x + w, "c": w * 2}, [initializer("w", w)])

    def test_initializers_that_are_listed_as_inputs(self):
        x, w = random(2, 3), random(3)
        self.check([helper.make_node("Mul", ["x", "w"], ["y"])], {"x": x}, {"y": x * w}, [initializer("w", w)],
                   listed=[value("w", [3])])

    def test_the_standard_opset_imported_twice(self):
        x = random(2, 3)
        self.check([helper.make_node("Abs", ["x"], ["t"]), helper.make_node("Neg", ["t"], ["y"], domain="ai.onnx")],
                   {"x": x}, {"y": -numpy.abs(x)}, opsets=[("", 13), ("ai.onnx", 13)])

    def test_optional_outputs_without_a_name(self):
        x = random(1, 1, 4, 4)
        self.check([helper.make_node("Dropout", ["x"], ["d", ""]),
                    helper.make_node("MaxPool", ["d"], ["y", ""], kernel_shape=[2, 2], strides=[2, 2])],
                   {"x": x}, {"y": x.reshape(1, 1, 2, 2, 2, 2).max((3, 5))})

    def test_data_in_another_file(self):
        x, weights = random(1, 16, 4, 4), random(32, 16, 1, 1)

        def save(model, path):
            onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
            self.assertTrue((self.folder / "case/weights.bin").stat().st_size >= weights.nbytes)
        self.check([helper.make_node("Conv", ["x", "w"], ["y"])], {"x": x}, {"y": pointwise(x, weights)},
                   [initializer("w", weights)], save=save)
        weights_file = self.folder / "case/weights.bin"
        weights_file.write_bytes(weights_file.read_bytes()[:-4])
        self.refused("run", self.folder / "case/model.onnx", words=["weights.bin", "'w'"])
        weights_file.unlink()
        weights_file.symlink_to("/etc/passwd")
        self.refused("run", self.folder / "case/model.onnx", words=["weights.bin", "leaves the model's folder"])

    def test_functions_of_the_model(self):
        x = random(2, 3)
        function = helper.make_function("local", "Swish", ["a"], ["b"], [
            helper.make_node("Sigmoid", ["a"], ["gate"]), helper.make_node("Mul", ["a", "gate"], ["b"])],
            [helper.make_opsetid("", 13)])
        swish = lambda array: array / (1 + numpy.exp(-array))  # noqa: E731
        self.check([helper.make_node("Swish", ["x"], ["t"], domain="local"), helper.make_node("Swish", ["t"], ["y"], domain="local")],
                   {"x": x}, {"y": swish(swish(x))}, opsets=[("", 13), ("local", 1)], functions=[function])

    def test_branches_that_shapes_decide(self):
        x = random(2, 3, 1)

        def branch(name, *nodes):
            return helper.make_graph(list(nodes), name, [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])
        self.check([constant("two", numpy.array(2)), constant("one", numpy.array(1)), constant("axes", numpy.array([2])),
                    helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "two"], ["d"]),
                    helper.make_node("Equal", ["d", "one"], ["is_one"]),
                    helper.make_node("If", ["is_one"], ["y"],
                                     then_branch=branch("then", helper.make_node("Squeeze", ["x", "axes"], ["r"])),
                                     else_branch=branch("else", helper.make_node("Identity", ["x"], ["r"])))],
                   {"x": x}, {"y": x[:, :, 0]})

    def test_recurrent_layers(self):
        """As their definitions say, both directions, with biases and a state to begin with."""
        steps, batch, inputs, hidden = 4, 2, 3, 5
        x, start = random(steps, batch, inputs), random(2, batch, hidden)
        sigmoid = lambda array: 1 / (1 + numpy.exp(-array))  # noqa: E731

        def lstm(gates, state):
            i, o, f = (sigmoid(gates[k]) for k in range(3))
            cell = f * state[1] + i * numpy.tanh(gates[3])
            return [o * numpy.tanh(cell), cell]

        for op, count, attributes in ("LSTM", 4, {}), ("GRU", 3, {}), ("GRU", 3, {"linear_before_reset": 1}):
            w, r, b = random(2, count * hidden, inputs), random(2, count * hidden, hidden), random(2, 2 * count * hidden)
            y = numpy.zeros((steps, 2, batch, hidden), numpy.float32)
            last = []
            for d in range(2):
                state = [start[d], start[d] / 2]
                wb, rb = b[d].reshape(2, count, hidden)
                for t in range(steps) if d == 0 else reversed(range(steps)):
                    from_x = [x[t] @ w[d].reshape(count, hidden, inputs)[k].T + wb[k] for k in range(count)]
                    from_h = [state[0] @ r[d].reshape(count, hidden, hidden)[k].T + rb[k] for k in range(count)]
                    if op == "LSTM":
                        state = lstm([a + c for a, c in zip(from_x, from_h)], state)
                    else:
                        z, reset = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
                        inner = reset * from_h[2] if attributes else (
                            (reset * state[0]) @ r[d].reshape(count, hidden, hidden)[2].T + rb[2])
                        state = [(1 - z) * numpy.tanh(from_x[2] + inner) + z * state[0]]
                    y[t, d] = state[0]
                last.append(state[0])
            weights = {"w": w, "r": r, "b": b, "h": start, "c": start / 2}
            with self.subTest(op=op, **attributes):
                self.check([helper.make_node(op, ["x", "w", "r", "b", "", "h"] + ["c"] * (op == "LSTM"), ["y", "last"],
                                             direction="bidirectional", hidden_size=hidden, **attributes)],
                           {"x": x}, {"y": y, "last": numpy.stack(last)},
                           [initializer(name, array) for name, array in weights.items() if name != "c" or op == "LSTM"])
            shutil.rmtree(self.folder / "case")


if __name__ == "__main__":
    support.main()
