"""The Python package, as it is installed: predict, tune and run as the program does, and no exception but Error."""
import ast
import inspect
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
SITE = tempfile.TemporaryDirectory(prefix="raceline-site-")
PACKAGE = pathlib.Path(SITE.name) / "raceline"
subprocess.run(["cmake", "--install", os.environ["RACELINE_BUILD"], "--component", "python", "--prefix", PACKAGE],
               check=True, stdout=subprocess.DEVNULL)
sys.path[:0] = [SITE.name, str(SOURCE / "tests" / "cli")]

import raceline  # noqa: E402
from support import main  # noqa: E402
from toy_platforms import ToyPlatforms  # noqa: E402


def model_of(nodes, inputs, outputs, weights=()):
    """A model; inputs and outputs are (name, type, shape)."""
    value = lambda each: helper.make_tensor_value_info(*each)
    graph = helper.make_graph(nodes, "net", [*map(value, inputs)], [*map(value, outputs)],
                              [numpy_helper.from_array(array, name) for name, array in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


def conv_model(channels, size=16, batch=1):
    """One convolution of so many channels in and out."""
    weights = numpy.ones((channels, channels, 3, 3), numpy.float32)
    return model_of([helper.make_node("Conv", ["x", "w"], ["y"])],
                    [("x", TensorProto.FLOAT, [batch, channels, size, size])], [("y", TensorProto.FLOAT, None)],
                    [("w", weights)])


def add_model(batch="N"):
    return model_of([helper.make_node("Add", ["a", "b"], ["sum"])],
                    [("a", TensorProto.FLOAT, [batch, 3]), ("b", TensorProto.FLOAT, [batch, 3])],
                    [("sum", TensorProto.FLOAT, None)])


class Package(ToyPlatforms):
    def error_of(self, function, *arguments, words=(), **options):
        """The call must raise Error, whose text has each word."""
        with self.assertRaises(raceline.Error) as raised:
            function(*arguments, **options)
        for word in words:
            self.assertIn(word, str(raised.exception))

    def toy_predictor(self):
        return self.predictor(self.dataset(conv=60, dense=60))

    def test_predict_says_what_the_program_says(self):
        toy, lenet = self.toy_predictor(), self.zoo("lenet5")
        document = self.json_of("predict", lenet, "--predictor", toy, "--level", 80, "--samples", 7)["networks"][0]
        given = raceline.predict(lenet, toy, level=80)
        self.assertEqual((given.network, given.batch), ("lenet5", 1))
        for name in ("total_us", "low_us", "high_us", "exe_us", "flops_without_model_percent"):
            self.assertAlmostEqual(getattr(given, name), document[name], delta=1e-9 * abs(document[name]))
        for name in ("layers_without_model", "layers_beyond_training"):
            self.assertEqual(getattr(given, name), document[name])
        self.assertAlmostEqual(given.epoch_us(7), document["epoch_us"], places=6)
        self.assertEqual((given.pre, given.post), (None, None))
        self.assertEqual(len(given.layers), len(document["layers"]))
        for layer, other in zip(given.layers, document["layers"]):
            self.assertEqual((layer.name, layer.type, layer.primitive, layer.flops),
                             (other["name"], other["type"], other["primitive"], other["flops"]))
            self.assertEqual(layer.exe is None, other["exe"] is None)
            if layer.exe:
                self.assertAlmostEqual(layer.exe.us, other["exe"]["us"], places=6)
                self.assertAlmostEqual(layer.exe.low_us, other["exe"]["low_us"], places=6)
                self.assertAlmostEqual(layer.exe.high_us, other["exe"]["high_us"], places=6)
                self.assertEqual(layer.exe.beyond_training, other["exe"]["beyond_training"])

    def test_a_model_is_a_path_or_bytes_or_a_proto(self):
        toy, lenet = raceline.Predictor(self.toy_predictor()), self.zoo("lenet5")
        models = [lenet, str(lenet), lenet.read_bytes(), onnx.load(lenet)]
        self.assertEqual(len({raceline.predict(model, toy).total_us for model in models}), 1)

    def test_the_batch_is_that_of_the_call(self):
        toy, lenet = raceline.Predictor(self.toy_predictor()), self.zoo("lenet5", batch=4)
        open_model = onnx.load(lenet)
        open_model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
        self.assertEqual(raceline.predict(open_model, toy, 4).total_us, raceline.predict(lenet, toy).total_us)
        self.assertEqual(raceline.predict(open_model, toy).batch, 1)
        self.error_of(raceline.predict, lenet, toy, 8, words=["8", "fixed at 4"])

    def test_a_thousand_candidates_are_one_call(self):
        toy = raceline.Predictor(self.toy_predictor())
        widths = [1 + 37 * place % 256 for place in range(1000)]
        protos = {width: conv_model(width).SerializeToString() for width in set(widths)}
        results = raceline.predict_many([protos[width] for width in widths], toy)
        self.assertEqual([each.network for each in results], [f"model{place}" for place in range(1000)])
        for place in range(0, 1000, 111):
            alone = raceline.predict(protos[widths[place]], toy)
            self.assertEqual((results[place].total_us, results[place].low_us, results[place].high_us),
                             (alone.total_us, alone.low_us, alone.high_us))
            self.assertLess(alone.low_us, alone.total_us)
            self.assertLess(alone.total_us, alone.high_us)
        ranked = raceline.predict_many([protos[width] for width in widths], toy, sort=True)
        times = [each.total_us for each in ranked]
        self.assertEqual(times, sorted(each.total_us for each in results))

    def test_what_cannot_be_predicted_is_raised_or_stands_in_its_place(self):
        toy = raceline.Predictor(self.toy_predictor())
        partly, broken = add_model(2).SerializeToString(), b"no model"
        models = [partly, broken, conv_model(200), conv_model(100)]
        self.error_of(raceline.predict_many, models, toy)
        kept = raceline.predict_many(models, toy, keep_errors=True)
        self.assertIsInstance(kept[1], raceline.Error)
        self.assertEqual([each.network for each in (kept[0], *kept[2:])], ["model0", "model2", "model3"])
        ranked = raceline.predict_many(models, toy, keep_errors=True, sort=True)
        self.assertEqual([each.network for each in ranked[:3]], ["model3", "model2", "model0"])
        self.assertEqual(ranked[2].layers_without_model, 1)
        self.assertIsInstance(ranked[3], raceline.Error)
        self.assertEqual(raceline.predict_many([], toy), [])

    def test_shipped_predictors_have_names(self):
        before = raceline.predictors()
        shipped = PACKAGE / "share" / "raceline" / "platforms" / "predictors"
        shipped.mkdir(parents=True, exist_ok=True)
        path = self.predictor(self.dataset(conv=60, dense=60), name=str(shipped / "toy-cpu.predictor.gz"))
        self.addCleanup(path.unlink)
        self.assertEqual(raceline.predictors(), sorted([*before, "toy-cpu"]))
        lenet = self.zoo("lenet5")
        self.assertEqual(raceline.predict(lenet, "toy-cpu").total_us, raceline.predict(lenet, path).total_us)
        predictor = raceline.Predictor("toy-cpu")
        self.assertEqual((predictor.accelerator, predictor.model, predictor.types), ("TOY", "linear", ["conv", "dense"]))
        self.error_of(raceline.Predictor, "toy", words=["'toy'", "toy-cpu"])

    def test_types_are_those_of_all_primitives(self):
        toy = self.toy_predictor()
        document = json.loads(toy.read_text())
        for part in document["parts"]:
            part["primitive"] = f"{part['type']}.one"
        document["parts"].append(document["parts"][0] | {"primitive": "another"})
        toy.write_text(json.dumps(document))
        self.assertEqual(raceline.Predictor(toy).types, ["conv", "dense"])

    def test_runs_as_the_program_does(self):
        lenet = self.zoo("lenet5")
        image = numpy.random.default_rng(1).standard_normal((1, 1, 28, 28), numpy.float32)
        model = raceline.Model(lenet)
        self.assertEqual([(each.name, each.dtype) for each in model.inputs],
                         [(model.inputs[0].name, numpy.dtype("float32"))])
        image = image if model.inputs[0].dims == ["1", "1", "28", "28"] else \
            numpy.random.default_rng(1).standard_normal([*map(int, model.inputs[0].dims)], numpy.float32)
        numpy.save(self.folder / "image.npy", image)
        self.run_program("run", lenet, "--input", f"{model.inputs[0].name}={self.folder / 'image.npy'}",
                         "--output-dir", self.folder)
        name = model.outputs[0]
        reference = numpy.load(self.folder / f"{name}.npy")
        for inputs in (image, [image], {model.inputs[0].name: image}):
            numpy.testing.assert_array_equal(model.run(inputs)[name], reference)
        turned = numpy.asfortranarray(image)
        numpy.testing.assert_array_equal(raceline.run(lenet, turned)[name], reference)
        numpy.testing.assert_array_equal(raceline.run(lenet.read_bytes(), image)[name], reference)

    def test_tunes_and_runs_the_plan(self):
        lenet = self.zoo("lenet5")
        plan = raceline.tune(lenet, threads=1, store=self.store, race_rounds=5, budget=60)
        self.assertEqual(plan.report["plan"]["threads"], 1)
        model = raceline.Model(lenet, plan)
        image = numpy.random.default_rng(2).standard_normal([*map(int, model.inputs[0].dims)], numpy.float32)
        name = model.outputs[0]
        reference, fast = raceline.run(lenet, image)[name], raceline.run(plan, image)[name]
        self.assertLess(abs(fast - reference).max(), 1e-4 * abs(reference).max())
        path = self.folder / "lenet5.plan"
        plan.save(path)
        numpy.testing.assert_array_equal(raceline.Model(lenet, path).run(image)[name], fast)
        self.run_program("verify", lenet, "--plan", path, "--of-largest", "1e-3")
        self.error_of(raceline.tune, lenet, store=self.store, speed="high", words=["--speed"])
        self.error_of(raceline.tune, lenet, store=self.store, threads="two", words=["--threads"])
        self.error_of(raceline.tune, self.folder / "none.onnx", store=self.store, words=["none.onnx"])
        other = raceline.Model(self.zoo("squeezenet"), plan)
        self.error_of(other.run, numpy.zeros([*map(int, other.inputs[0].dims)], numpy.float32), words=["plan"])
        self.error_of(raceline.Model, lenet, self.folder / "none.plan", words=["none.plan"])

    def test_shapes_are_those_of_the_arrays(self):
        model = raceline.Model(add_model())
        for batch in (1, 5, 2):
            a, b = numpy.full((batch, 3), 2, numpy.float32), numpy.arange(3 * batch, dtype=numpy.float32).reshape(batch, 3)
            numpy.testing.assert_array_equal(model.run({"b": b, "a": a})["sum"], a + b)
            numpy.testing.assert_array_equal(model.run([a[:, ::-1], b[::-1]])["sum"], a[:, ::-1] + b[::-1])

    def test_every_type_of_numpy_goes_through(self):
        for name in ("float32", "float64", "float16", "int8", "uint8", "int32", "int64", "bool"):
            kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(name)) if hasattr(helper, "np_dtype_to_tensor_dtype") \
                else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[numpy.dtype(name)]
            model = model_of([helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])], [("x", kind, [2, 3])],
                             [("y", kind, None)])
            array = numpy.array([[0, 1, 2], [3, 4, 5]]).astype(name)
            result = raceline.run(model, array)["y"]
            self.assertEqual(result.dtype, array.dtype)
            numpy.testing.assert_array_equal(result, array.T)

    def test_outputs_of_a_size_that_a_run_tells(self):
        model = raceline.Model(model_of([helper.make_node("NonZero", ["x"], ["where"])],
                                        [("x", TensorProto.FLOAT, [2, 4])], [("where", TensorProto.INT64, None)]))
        for array in ([[0, 1, 0, 2], [3, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]):
            array = numpy.array(array, numpy.float32)
            numpy.testing.assert_array_equal(model.run(array)["where"], numpy.array(numpy.nonzero(array)))

    def test_outputs_outlive_the_model_and_the_next_run(self):
        model = raceline.Model(add_model())
        ones, twos = numpy.ones((4, 3), numpy.float32), numpy.full((4, 3), 2, numpy.float32)
        first = model.run([ones, ones])["sum"]
        second = model.run([twos, twos])["sum"]
        del model
        numpy.testing.assert_array_equal((first, second), (2 * ones, 2 * twos))
        first[0] = 7  # they are the caller's

    def test_inputs_are_never_written(self):
        model = model_of([helper.make_node("Relu", ["x"], ["y"])], [("x", TensorProto.FLOAT, [3])],
                         [("y", TensorProto.FLOAT, None)])
        array = numpy.array([-1, 0, 1], numpy.float32)
        array.flags.writeable = False
        numpy.testing.assert_array_equal(raceline.run(model, array)["y"], [0, 0, 1])
        numpy.testing.assert_array_equal(array, [-1, 0, 1])

    def test_whatever_is_wrong_is_an_error_that_names_it(self):
        model, toy = raceline.Model(add_model()), raceline.Predictor(self.toy_predictor())
        a = numpy.ones((2, 3), numpy.float32)
        self.assertTrue(issubclass(raceline.Error, Exception))
        self.error_of(model.run, [a, a.astype(numpy.float64)], words=["'b'", "float32", "float64"])
        self.error_of(model.run, [a, a.astype(">f4")], words=["'b'", "float32", ">f4"])
        self.error_of(model.run, [a, numpy.ones((2, 4), numpy.float32)])
        self.error_of(model.run, [a, numpy.ones((1,) * 9, numpy.float32)], words=["'b'", "9 dimensions"])
        self.error_of(model.run, [a, object()], words=["'b'", "object"])
        self.error_of(model.run, a, words=["1 inputs", "2"])
        self.error_of(model.run, {"a": a}, words=["wanted a, b; given a"])
        for inputs in (None, 3, "text", [], [None, None], {}, iter([])):
            self.error_of(model.run, inputs)
        for wrong in (None, 3, 1.5, [], {}, object()):
            self.error_of(raceline.Model, wrong)
            self.error_of(raceline.predict, wrong, toy)
            self.error_of(raceline.predict, add_model(2), wrong)
            self.error_of(raceline.tune, wrong)
        for wrong in (None, 3, object(), "net.onnx", b""):
            self.error_of(raceline.predict_many, wrong, toy, words=["models", type(wrong).__name__])
        self.error_of(raceline.predict, "a\0b", toy)
        self.error_of(raceline.tune, "a\0b")
        self.error_of(raceline.Plan(b"", "", {}).save, self.folder)
        self.error_of(raceline.Model, "none.onnx", words=["none.onnx"])
        self.error_of(raceline.Model, b"")
        self.error_of(raceline.Model, add_model(), threads="two")
        self.error_of(raceline.Model, add_model(), __file__, words=["plan"])
        self.error_of(raceline.Predictor, __file__, words=["test_package.py"])
        self.error_of(raceline.predict, add_model(), toy, 0, words=["batch", "0"])
        self.error_of(raceline.predict, add_model(), toy, "two")
        self.error_of(raceline.predict, add_model(), toy, level=100, words=["level", "100"])
        self.error_of(raceline.predict, add_model(), toy, shapes=5, words=["shapes"])
        self.error_of(raceline.predict, add_model(), toy, shapes={"c": [1, 3]}, words=["c"])
        self.error_of(raceline.predict(conv_model(3), toy).epoch_us, 0, words=["0 samples"])

    def test_names_that_are_no_text_do_no_harm(self):
        model = add_model(2).SerializeToString().replace(b"sum", b"s\xffm")
        self.assertEqual(raceline.Model(model).outputs, ["s\\xffm"])
        layer = model_of([helper.make_node("Relu", ["x"], ["y"], name="bad")], [("x", TensorProto.FLOAT, [3])],
                         [("y", TensorProto.FLOAT, None)]).SerializeToString().replace(b"bad", b"b\xffd")
        self.assertIn("b\\xffd", raceline.predict(layer, self.toy_predictor()).layers[0].name)

    def test_other_threads_of_python_go_on(self):
        # Reading a pipe waits until this thread has written: with the GIL held, it never would.
        pipe, content, opened = self.folder / "pipe", self.toy_predictor().read_bytes(), []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: opened.append(raceline.Predictor(pipe)), daemon=True)
        reader.start()
        pipe.write_bytes(content)
        reader.join(60)
        self.assertEqual([each.accelerator for each in opened], ["TOY"])
        # While a long run goes on, this thread sees time pass.
        model, running = raceline.Model(self.zoo("squeezenet")), threading.Event()
        image = numpy.zeros([*map(int, model.inputs[0].dims)], numpy.float32)

        def run():
            running.set()
            for _ in range(5):
                model.run(image)
            running.clear()

        runner = threading.Thread(target=run)
        runner.start()
        running.wait()
        seen = 0
        while running.is_set():
            time.sleep(0.001)
            seen += 1
        runner.join()
        self.assertGreater(seen, 20)

    def test_threads_of_python_may_share_a_model(self):
        model, results = raceline.Model(add_model()), {}

        def run(number):
            array = numpy.full((number, 3), number, numpy.float32)
            for _ in range(200):
                results[number] = model.run([array, array])["sum"]

        threads = [threading.Thread(target=run, args=[number]) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(1, 5):
            numpy.testing.assert_array_equal(results[number], numpy.full((number, 3), 2 * number))

    def test_what_is_public_is_documented_and_the_stubs_are_true(self):
        for name in raceline.__all__:
            self.assertTrue(inspect.getdoc(getattr(raceline, name)), name)
        self.assertTrue((PACKAGE / "py.typed").is_file())
        stubs = ast.parse((PACKAGE / "_native.pyi").read_text())
        for stub in stubs.body:
            if isinstance(stub, ast.FunctionDef):
                self.assertTrue(callable(getattr(raceline._native, stub.name)))
            if not isinstance(stub, ast.ClassDef):
                continue
            kind = getattr(raceline._native, stub.name)
            said = {each.name for each in stub.body if isinstance(each, ast.FunctionDef)} - {"__init__"}
            self.assertEqual(said, {name for name in vars(kind) if not name.startswith("_")}, stub.name)

    def test_the_program_is_installed_beside(self):
        environment = dict(os.environ, PYTHONPATH=SITE.name)
        done = subprocess.run([sys.executable, "-m", "raceline", "--version"], capture_output=True, text=True,
                              env=environment, check=True)
        self.assertIn(raceline.__version__, done.stdout)


if __name__ == "__main__":
    main()
