"""ONNX Runtime on the CPU, as a Raceline platform."""
import json
import pathlib
import tempfile
import time

import numpy
import onnxruntime

from worker import Refusal, label, serve

REORDERS = ("ReorderInput", "ReorderOutput")  # nodes that ONNX Runtime adds around kernels of blocked layout
PROFILED_RUNS = 20  # a profile is a file: so many runs are written into one,
PROFILED_SECONDS = 0.03  # or as many as this allows, if that is fewer


class OnnxRuntime:
    resolution_us = 1.0

    def facts(self):
        return {"platform": "onnxruntime", "accelerator": "cpu", "modes": ["optimised", "unoptimised"],
                "versions": {"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}}

    def options(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (levels.ORT_ENABLE_ALL if self.mode == "optimised" else
                                            levels.ORT_DISABLE_ALL)
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = True
        options.log_severity_level = 3
        # Idle threads spin, which is fastest; whoever else is timed stops this process meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        return options

    def session_of(self, options):
        """A session whose inputs and outputs are bound to buffers of ONNX Runtime's own: a run copies nothing."""
        session = onnxruntime.InferenceSession(str(self.model), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        for name, value in self.inputs.items():
            binding.bind_ortvalue_input(name, value)
        return session, binding

    def open(self, model, inputs, threads, mode, plan):
        self.model, self.threads, self.mode, self.profiled = model, threads, mode, []
        # Runs read these copies where they lie, or copies of ONNX Runtime's own; what is fed is copied there.
        self.places, self.inputs = [], {}
        for name, array in inputs.items():
            place = array.copy()
            value = self.inputs[name] = onnxruntime.OrtValue.ortvalue_from_numpy(place, "cpu", 0)
            self.places.append((place if value.data_ptr() == place.ctypes.data else value.numpy(), array))
        self.session, self.binding = self.session_of(self.options())
        wanted = {value.name for value in self.session.get_inputs()}
        if wanted != set(inputs):
            raise Refusal("unsupported", f"the model takes {sorted(wanted)}, given {sorted(inputs)}")
        names = [value.name for value in self.session.get_outputs()]
        for name in names:
            self.binding.bind_output(name, "cpu")
        self.session.run_with_iobinding(self.binding)
        self.results = dict(zip(names, self.binding.get_outputs()))
        for name, value in self.results.items():
            self.binding.bind_ortvalue_output(name, value)
        self.taken = [numpy.empty_like(value.numpy()) for value in self.results.values()]
        return names

    def feed(self):
        for place, array in self.places:
            numpy.copyto(place, array)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def fetch(self):
        for taken, value in zip(self.taken, self.results.values()):
            numpy.copyto(taken, value.numpy())

    def output(self, name):
        return self.results[name].numpy()

    def kernels(self):
        if not self.profiled:
            self.profiled = self.profile()
        return self.profiled.pop()

    def profile(self):
        """Kernels of some runs in a session that keeps a profile."""
        with tempfile.TemporaryDirectory() as folder:
            options = self.options()
            options.enable_profiling = True
            options.profile_file_prefix = str(pathlib.Path(folder) / "profile")
            session, binding = self.session_of(options)
            for name, value in self.results.items():
                binding.bind_ortvalue_output(name, value)
            begin, runs = time.perf_counter(), 0
            while runs < 2 or runs <= PROFILED_RUNS and time.perf_counter() - begin < PROFILED_SECONDS:
                session.run_with_iobinding(binding)
                runs += 1
            events = json.loads(pathlib.Path(session.end_profiling()).read_text())
        kernels, names = [], []
        for event in sorted(events, key=lambda each: each.get("ts", 0)):
            op = event.get("args", {}).get("op_name")
            if event.get("name", "").endswith("_kernel_time") and op:
                kernels.append((op in REORDERS, float(event["dur"])))
                names.append(op)
        # Every run has the same kernels; the first is cold and does not count.
        each = len(kernels) // runs
        return [(label(kernels[at:at + each]), names[:each]) for at in range(each, len(kernels), max(1, each))]


if __name__ == "__main__":
    serve(OnnxRuntime())
