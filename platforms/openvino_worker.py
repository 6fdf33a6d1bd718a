"""OpenVINO on the CPU, as a Raceline platform.

optimised: as it comes. unoptimised: OpenVINO has no switch for that; the result of every op is made an output of the
network, so that nothing is fused over it and every tensor is written in its plain layout.
"""
import numpy
import openvino

from worker import Refusal, label, serve

NO_KERNELS = ("Input", "Output", "Parameter", "Result", "Constant", "Const")


class OpenVino:
    resolution_us = 1.0

    def __init__(self):
        self.core = openvino.Core()

    def facts(self):
        return {"platform": "openvino", "accelerator": "cpu", "modes": ["optimised", "unoptimised"],
                "versions": {"openvino": openvino.__version__, "numpy": numpy.__version__}}

    def compiled(self, profiled):
        network = self.core.read_model(str(self.model))
        names = {value.get_any_name(): value for value in network.inputs}
        if set(names) != set(self.arrays):
            raise Refusal("unsupported", f"the model takes {sorted(names)}, given {sorted(self.arrays)}")
        network.reshape({value: self.arrays[name].shape for name, value in names.items()})
        outputs = [value.get_any_name() for value in network.outputs]
        if self.mode == "unoptimised":
            for op in network.get_ordered_ops():
                if op.get_type_name() not in ("Parameter", "Constant", "Result", "Convert"):
                    network.add_outputs(op.outputs())
        # f32 like everybody else: by default it would round to bf16 where the processor has it.
        settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(self.threads),
                    "INFERENCE_PRECISION_HINT": "f32", "PERF_COUNT": "YES" if profiled else "NO"}
        request = self.core.compile_model(network, "CPU", settings).create_infer_request()
        for name, tensor in self.inputs.items():
            request.set_tensor(name, tensor)
        request.infer()
        return request, outputs

    def open(self, model, inputs, threads, mode, plan):
        self.model, self.threads, self.mode, self.profiled = model, threads, mode, None
        self.arrays = inputs
        # The network reads these copies where they lie; what is fed is copied there.
        self.places = {name: array.copy() for name, array in inputs.items()}
        self.inputs = {name: openvino.Tensor(array, shared_memory=True) for name, array in self.places.items()}
        self.request, self.names = self.compiled(profiled=False)
        self.results = [self.request.get_tensor(name).data for name in self.names]
        self.taken = [numpy.empty_like(result) for result in self.results]
        return self.names

    def feed(self):
        for name, array in self.arrays.items():
            numpy.copyto(self.places[name], array)

    def run(self):
        self.request.start_async()
        self.request.wait()

    def fetch(self):
        for taken, result in zip(self.taken, self.results):
            numpy.copyto(taken, result)

    def output(self, name):
        return self.request.get_tensor(name).data

    def kernels(self):
        if self.profiled is None:
            self.profiled, _ = self.compiled(profiled=True)
        self.profiled.infer()
        kernels, names = [], []
        for info in self.profiled.profiling_info:
            if info.node_type in NO_KERNELS or str(info.status).rpartition(".")[2] != "EXECUTED":
                continue
            kernels.append((info.node_type == "Reorder", info.real_time.total_seconds() * 1e6))
            names.append(f"{info.node_type}:{info.exec_type}")
        return label(kernels), names


if __name__ == "__main__":
    serve(OpenVino())
