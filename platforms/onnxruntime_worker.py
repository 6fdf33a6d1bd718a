"""ONNX Runtime on the CPU, as a Raceline platform."""
import numpy
import onnxruntime

from worker import Refusal, serve


class OnnxRuntime:
    def facts(self):
        return {"platform": "onnxruntime", "accelerator": "cpu", "modes": ["optimised", "unoptimised"],
                "versions": {"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}}

    def open(self, model, inputs, threads, mode, plan):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (levels.ORT_ENABLE_ALL if mode == "optimised" else levels.ORT_DISABLE_ALL)
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = True
        # Idle threads spin, which is fastest; whoever else is timed stops this process meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        wanted = {value.name for value in self.session.get_inputs()}
        if wanted != set(inputs):
            raise Refusal("unsupported", f"the model takes {sorted(wanted)}, given {sorted(inputs)}")
        self.binding = self.session.io_binding()
        # Inputs and outputs stay bound to buffers of ONNX Runtime's own: a run copies nothing.
        self.inputs = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array, "cpu", 0)
                       for name, array in inputs.items()}
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        names = [value.name for value in self.session.get_outputs()]
        for name in names:
            self.binding.bind_output(name, "cpu")
        self.session.run_with_iobinding(self.binding)
        self.results = dict(zip(names, self.binding.get_outputs()))
        for name, value in self.results.items():
            self.binding.bind_ortvalue_output(name, value)
        return names

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self, name):
        return self.results[name].numpy()


serve(OnnxRuntime())
