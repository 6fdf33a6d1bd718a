"""The TensorRT worker's handling of requests, with stand-ins for TensorRT and CUDA: no GPU takes part."""
import sys
import pathlib
import types
import unittest

import numpy

import support

sys.path.insert(0, str(support.SOURCE / "platforms"))
import tensorrt_worker  # noqa: E402
from worker import Refusal, Server  # noqa: E402


class Memory:
    """CUDA's part: addresses are numbers, copies are counted."""

    def __init__(self):
        self.blocks, self.copies, self.waits = {}, [], 0
        self.cudaMemcpyKind = types.SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)

    def cudaStreamCreate(self):
        return 0, 7

    def cudaEventCreate(self):
        return 0, 8

    def cudaGetDeviceProperties(self, _):
        return 0, types.SimpleNamespace(name=b"Stand-in GPU\0\0")

    def cudaMalloc(self, size):
        if size > 1 << 30:
            return 2,
        address = 1000 + len(self.blocks)
        self.blocks[address] = size
        return 0, address

    def cudaFree(self, address):
        del self.blocks[address]
        return 0,

    def cudaMemcpyAsync(self, to, source, size, kind, stream):
        self.copies.append((kind, size))
        return 0,

    def cudaStreamSynchronize(self, _):
        self.waits += 1
        return 0,


def tensorrt(parses=True):
    """TensorRT's part: an engine of one input of 1x4 and one output of 1x2."""
    trt = types.SimpleNamespace(__version__="0-stand-in")
    trt.Logger = type("Logger", (), {"ERROR": 1, "__init__": lambda self, level: None})
    trt.IProfiler = type("IProfiler", (), {})
    trt.TensorIOMode = types.SimpleNamespace(INPUT="in", OUTPUT="out")
    trt.NetworkDefinitionCreationFlag = types.SimpleNamespace(EXPLICIT_BATCH=0)
    trt.BuilderFlag = types.SimpleNamespace(TF32="tf32")
    trt.ProfilingVerbosity = types.SimpleNamespace(DETAILED="detailed")
    trt.nptype = lambda _: numpy.float32
    trt.levels = []

    class Config:
        def clear_flag(self, flag):
            pass

    class Context:
        profiler = None
        addresses = {}

        def set_tensor_address(self, name, address):
            self.addresses[name] = address

        def execute_async_v3(self, stream):
            if self.profiler:
                for name, took in (("Reformatting CopyNode", 0.001), ("conv + relu", 0.04), ("Reformat out", 0.002)):
                    self.profiler.report_layer_time(name, took)
            return True

    class Engine:
        num_io_tensors = 2
        get_tensor_name = staticmethod(lambda index: ("x", "y")[index])
        get_tensor_shape = staticmethod(lambda name: (1, 4) if name == "x" else (1, 2))
        get_tensor_dtype = staticmethod(lambda name: None)
        get_tensor_mode = staticmethod(lambda name: "in" if name == "x" else "out")
        create_execution_context = staticmethod(Context)

    class Builder:
        def __init__(self, logger):
            pass

        def create_network(self, flags):
            return object()

        def create_builder_config(self):
            self.config = Config()
            return self.config

        def build_serialized_network(self, network, config):
            trt.levels.append(config.builder_optimization_level)
            return b"engine"

    class Parser:
        num_errors = 1

        def __init__(self, network, logger):
            pass

        def parse(self, model):
            return parses and model == b"model"

        def get_error(self, at):
            return "no such op"

    trt.Builder, trt.OnnxParser = Builder, Parser
    trt.Runtime = lambda logger: types.SimpleNamespace(deserialize_cuda_engine=lambda plan: Engine())
    return trt


class TensorRtWorker(unittest.TestCase):
    def setUp(self):
        self.cuda, self.trt = Memory(), tensorrt()
        self.worker = tensorrt_worker.TensorRt(self.trt, self.cuda)
        self.model = pathlib.Path(support.tempfile.mkdtemp()) / "model"
        self.model.write_bytes(b"model")
        self.addCleanup(support.shutil.rmtree, self.model.parent)
        self.inputs = {"x": numpy.ones((1, 4), numpy.float32)}

    def open(self, mode="optimised", inputs=None):
        return self.worker.open(self.model, self.inputs if inputs is None else inputs, 1, mode, None)

    def test_facts_name_the_gpu(self):
        facts = self.worker.facts()
        self.assertEqual((facts["platform"], facts["accelerator"]), ("tensorrt", "Stand-in GPU"))

    def test_a_model_is_opened_run_and_its_steps_told_apart(self):
        self.assertEqual(self.open(), ["y"])
        answer = Server(self.worker, None, None, None).measure(1000, 5)
        steps = {name: end - begin for name, begin, end in answer["runs"][0]}
        self.assertEqual(answer["kernels"], ["Reformatting CopyNode", "conv + relu", "Reformat out"])
        self.assertGreater(steps["copy_in"], 0)
        self.assertGreater(steps["compute"], steps["reshape_out"])
        self.assertGreater(steps["reshape_out"], steps["reshape_in"])
        self.assertIn((1, 16), self.cuda.copies)
        self.assertIn((2, 8), self.cuda.copies)
        self.assertEqual(self.worker.output("y").shape, (1, 2))

    def test_modes_are_levels_and_memory_is_given_back(self):
        self.open()
        self.open("unoptimised")
        self.assertEqual(self.trt.levels, [3, 0])
        self.assertEqual(len(self.cuda.blocks), 2)

    def test_what_cannot_be_done_is_refused(self):
        with self.assertRaises(Refusal) as refused:
            self.open(inputs={"z": numpy.ones(1)})
        self.assertIn("'x'", str(refused.exception))
        self.trt.OnnxParser.parse = lambda self, model: False
        with self.assertRaises(Refusal) as refused:
            self.open()
        self.assertEqual((refused.exception.kind, str(refused.exception)), ("unsupported", "no such op"))
        self.cuda.cudaMalloc = lambda size: (2,)
        with self.assertRaises(RuntimeError):
            tensorrt_worker.checked(self.cuda.cudaMalloc(1))


if __name__ == "__main__":
    support.main()
