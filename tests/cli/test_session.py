"""A session as a deployer meets it: memory, packed weights kept on disk, traces, times in the model."""
import json
import os
import subprocess
import unittest

import numpy
import onnx

import support


class Session(support.CliTest):
    def peak_bytes(self, *arguments):
        """The largest resident set of a run of the program, pages of mapped files included."""
        process = subprocess.Popen([support.PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, arguments)
        return usage.ru_maxrss * 1024

    @unittest.skipIf(os.environ.get("RACELINE_SANITIZED"), "a sanitizer takes memory of its own")
    def test_weights_are_in_memory_once(self):
        model = self.zoo("alexnet")
        size = model.stat().st_size
        self.assertLess(self.peak_bytes("run", model), 1.3 * size)
        self.assertLess(self.peak_bytes("bench", model, "--rounds", 1), 1.3 * size)
        # Each original goes when it has been packed, so there are never two of all weights.
        trace = self.folder / "trace.json"
        run = ("run", model, "--plan", self.packing_plan(), "--repair", "--trace", trace)
        self.assertLess(self.peak_bytes(*run), 1.6 * size)
        used = [event["args"]["primitive"] for event in json.loads(trace.read_text())["traceEvents"]
                if event.get("cat") == "layer" and event["name"] in ("fc1", "fc2", "fc3")]
        self.assertEqual(used, [self.PACKER] * 3)

    PACKER = "gemm.openblas.gemv.kn.nchw@cpu"

    def packing_plan(self):
        """A plan whose dense layers pack their weights, to be repaired to fit AlexNet."""
        plan = json.loads(self.tuned(self.zoo("lenet5")).read_text())
        plan.update(conversions=[], shapes={}, machine="")
        plan["steps"] = [dict(plan["steps"][0], covers=[name], primitive=self.PACKER)
                         for name in ("fc1", "fc2", "fc3")]
        path = self.folder / "packing.plan"
        path.write_text(json.dumps(plan))
        return path

    def test_packed_weights_are_kept_and_found(self):
        model = self.zoo()
        plan = self.folder / "lenet5.plan"
        self.run_program("tune", model, "-o", plan, "--store", self.store, "--threads", 1, "--race-rounds", 5,
                         "--budget", 30, "--only", "onednn,openblas")
        cache = self.folder / "packed"
        bench = ("bench", model, "--plan", plan, "--rounds", 3, "--cache", cache)
        first, second = self.json_of(*bench)["cache"], self.json_of(*bench)["cache"]
        self.assertEqual(first["found"], 0)
        self.assertGreater(first["kept"], 0)
        self.assertEqual((second["found"], second["found_bytes"]), (first["kept"], first["kept_bytes"]))
        self.assertEqual(second["kept"], 0)
        for name, extra in ("plain", ()), ("cached", ("--cache", cache)):
            self.run_program("run", model, "--plan", plan, "--output-dir", self.folder / name, *extra)
        plain, cached = (numpy.load(next((self.folder / name).glob("*.npy"))) for name in ("plain", "cached"))
        numpy.testing.assert_array_equal(plain, cached)

    def test_a_cache_that_cannot_be_written_is_a_warning(self):
        model = self.zoo()
        plan = self.folder / "lenet5.plan"
        self.run_program("tune", model, "-o", plan, "--store", self.store, "--threads", 1, "--race-rounds", 5,
                         "--budget", 30, "--only", "onednn,openblas")
        place = self.folder / "file"
        place.write_text("in the way")
        done = self.run_program("run", model, "--plan", plan, "--cache", place)
        self.assertIn("warning: packed weights are not kept", done.stderr)
        self.assertIn(str(place), done.stderr)

    def test_a_trace_of_several_runs_is_what_perfetto_reads(self):
        model = self.zoo()
        trace = self.folder / "trace.json"
        self.run_program("run", model, "--runs", 3, "--trace", trace)
        document = json.loads(trace.read_text())
        events = document["traceEvents"]
        self.assertTrue(all(event["ph"] in "MX" and "pid" in event and "name" in event for event in events))
        spans = [event for event in events if event["ph"] == "X"]
        self.assertTrue(all(event["ts"] >= 0 and event["dur"] >= 0 and "tid" in event for event in spans))
        runs = [event for event in spans if event["cat"] == "run"]
        self.assertEqual([event["name"] for event in runs], ["run 1", "run 2", "run 3"])
        layers = [event for event in spans if event["name"] == "conv1"]
        self.assertEqual(len(layers), 3)
        for run, layer in zip(runs, layers):
            self.assertGreaterEqual(layer["ts"], run["ts"])
            self.assertLessEqual(layer["ts"] + layer["dur"], (run["ts"] + run["dur"]) * (1 + 1e-9))
            self.assertEqual(set(layer["args"]), {"primitive", "layouts", "measured_us", "expected_us"})
            self.assertIn("reference", layer["args"]["primitive"])
            self.assertEqual(layer["args"]["layouts"], "nchw -> nchw")

    def test_times_are_written_into_a_copy_of_the_model(self):
        model = self.zoo("squeezenet")
        copy, trace = self.folder / "timed.onnx", self.folder / "trace.json"
        self.run_program("bench", model, "--rounds", 2, "--annotate", copy, "--trace", trace)
        self.assertTrue(json.loads(trace.read_text())["traceEvents"])
        loaded = onnx.load(str(copy))
        onnx.checker.check_model(loaded)
        self.assertIn("raceline.run_us", [entry.key for entry in loaded.metadata_props])
        timed = [node for node in loaded.graph.node if b"raceline.time_us" in node.SerializeToString()]
        self.assertGreater(len(timed), len(loaded.graph.node) // 2)
        original = onnx.load(str(model))
        self.assertEqual([tensor.SerializeToString() for tensor in original.graph.initializer],
                         [tensor.SerializeToString() for tensor in loaded.graph.initializer])
        self.run_program("run", copy)


    def test_arrays_of_every_type_order_and_version_go_in_and_out(self):
        helper = onnx.helper
        random = numpy.random.default_rng(1)
        values = (random.standard_normal((2, 3, 4, 5)) * 50).round()
        for code in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1".split():
            kind = numpy.dtype("bool" if code == "b1" else code)
            array = values.astype(bool) if code == "b1" else numpy.abs(values).astype(kind)
            tensor_type = onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[kind]
            node = helper.make_node("Transpose", ["x"], ["y"], perm=[0, 1, 2, 3])
            x, y = (helper.make_tensor_value_info(name, tensor_type, array.shape) for name in "xy")
            graph = helper.make_graph([node], "g", [x], [y])
            model = self.folder / "same.onnx"
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(model))
            for order, version in (("C", (1, 0)), ("F", (2, 0)), ("F", (3, 0))):
                with self.subTest(code=code, order=order, version=version):
                    file = self.folder / "x.npy"
                    with open(file, "wb") as stream:
                        numpy.lib.format.write_array(stream, numpy.asarray(array, order=order), version=version)
                    self.run_program("run", model, "--input", f"x={file}", "--output-dir", self.folder / "out")
                    result = numpy.load(self.folder / "out" / "y.npy")
                    self.assertEqual(result.dtype, kind)
                    numpy.testing.assert_array_equal(result, array)


if __name__ == "__main__":
    support.main()
