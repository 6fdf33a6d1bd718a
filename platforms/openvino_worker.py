"""OpenVINO on the CPU, as a Raceline platform."""
import numpy
import openvino

from worker import Refusal, serve


class OpenVino:
    def __init__(self):
        self.core = openvino.Core()

    def facts(self):
        return {"platform": "openvino", "accelerator": "cpu", "modes": ["optimised"],
                "versions": {"openvino": openvino.__version__, "numpy": numpy.__version__}}

    def open(self, model, inputs, threads, mode, plan):
        if mode != "optimised":
            raise Refusal("unsupported", f"mode '{mode}'; OpenVINO always optimises")
        network = self.core.read_model(str(model))
        names = {value.get_any_name(): value for value in network.inputs}
        if set(names) != set(inputs):
            raise Refusal("unsupported", f"the model takes {sorted(names)}, given {sorted(inputs)}")
        network.reshape({value: inputs[name].shape for name, value in names.items()})
        # f32 like everybody else: by default it would round to bf16 where the processor has it.
        self.compiled = self.core.compile_model(network, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(threads),
            "INFERENCE_PRECISION_HINT": "f32"})
        self.request = self.compiled.create_infer_request()
        self.inputs = {name: openvino.Tensor(array, shared_memory=True) for name, array in inputs.items()}
        for name, tensor in self.inputs.items():
            self.request.set_tensor(name, tensor)
        self.names = [value.get_any_name() for value in self.compiled.outputs]
        self.request.infer()
        return self.names

    def run(self):
        self.request.start_async()
        self.request.wait()

    def output(self, name):
        return self.request.get_tensor(name).data


serve(OpenVino())
