"""TensorRT on an NVIDIA GPU, as a Raceline platform.

NEVER RUN ON A GPU: it is written against the Python API of TensorRT 8.5 and later and CUDA Python; its handling of
requests is tested with stand-ins for both (tests/cli/test_tensorrt_worker.py). What it measures is unproven.

optimised: tactics are timed while the engine is built, as always. unoptimised: builder optimisation level 0.
"""
import numpy

from worker import Refusal, label, serve


def checked(result):
    """CUDA Python returns (error, values...)."""
    error, *values = result
    if int(error) != 0:
        raise RuntimeError(f"CUDA: {error}")
    return values[0] if len(values) == 1 else values


class Profiler:
    """What TensorRT calls after each layer of a profiled run."""

    def __init__(self, base):
        # A subclass of trt.IProfiler is wanted, which exists only where TensorRT does.
        class Reports(base):
            def __init__(reports):
                super().__init__()
                reports.layers = []

            def report_layer_time(reports, name, milliseconds):
                reports.layers.append((name, milliseconds * 1e3))

        self.reports = Reports()


class TensorRt:
    def __init__(self, trt, cuda):
        self.trt, self.cuda = trt, cuda
        self.logger = trt.Logger(trt.Logger.ERROR)
        self.stream = checked(cuda.cudaStreamCreate())
        self.events = [checked(cuda.cudaEventCreate()) for _ in range(4)]
        self.buffers = []

    def facts(self):
        properties = checked(self.cuda.cudaGetDeviceProperties(0))
        name = properties.name.decode() if isinstance(properties.name, bytes) else properties.name
        return {"platform": "tensorrt", "accelerator": name.rstrip("\0"), "modes": ["optimised", "unoptimised"],
                "versions": {"tensorrt": self.trt.__version__, "numpy": numpy.__version__}}

    def engine(self, model, mode):
        trt = self.trt
        builder = trt.Builder(self.logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
        parser = trt.OnnxParser(network, self.logger)
        if not parser.parse(model.read_bytes()):
            raise Refusal("unsupported", "; ".join(str(parser.get_error(at)) for at in range(parser.num_errors)))
        config = builder.create_builder_config()
        config.builder_optimization_level = 3 if mode == "optimised" else 0
        config.clear_flag(trt.BuilderFlag.TF32)
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise Refusal("failed", "no engine could be built")
        return trt.Runtime(self.logger).deserialize_cuda_engine(plan)

    def open(self, model, inputs, threads, mode, plan):
        self.free()
        trt = self.trt
        self.built = self.engine(model, mode)
        self.context = self.built.create_execution_context()
        self.inputs, self.outputs = [], []
        for index in range(self.built.num_io_tensors):
            name = self.built.get_tensor_name(index)
            shape = tuple(self.built.get_tensor_shape(name))
            array = numpy.empty(shape, trt.nptype(self.built.get_tensor_dtype(name)))
            is_input = self.built.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            if is_input:
                if name not in inputs:
                    raise Refusal("unsupported", f"the model takes '{name}', given {sorted(inputs)}")
                array = numpy.ascontiguousarray(inputs[name])
            address = checked(self.cuda.cudaMalloc(array.nbytes))
            self.buffers.append(address)
            self.context.set_tensor_address(name, address)
            (self.inputs if is_input else self.outputs).append((name, array, address))
        self.run()
        return [name for name, _, _ in self.outputs]

    def free(self):
        for address in self.buffers:
            self.cuda.cudaFree(address)
        self.buffers = []

    def copy(self, to, source, size, kind):
        checked(self.cuda.cudaMemcpyAsync(to, source, size, kind, self.stream))

    def feed(self):
        for _, array, address in self.inputs:
            self.copy(address, array.ctypes.data, array.nbytes, self.cuda.cudaMemcpyKind.cudaMemcpyHostToDevice)
        self.wait()

    def run(self):
        if not self.context.execute_async_v3(self.stream):
            raise RuntimeError("the engine did not run")
        self.wait()

    def fetch(self):
        for _, array, address in self.outputs:
            self.copy(array.ctypes.data, address, array.nbytes, self.cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost)
        self.wait()

    def wait(self):
        checked(self.cuda.cudaStreamSynchronize(self.stream))

    def output(self, wanted):
        self.fetch()
        return {name: array for name, array, _ in self.outputs}[wanted]

    def kernels(self):
        profiler = Profiler(self.trt.IProfiler).reports
        self.context.profiler = profiler
        self.run()
        layers = [("reformat" in name.lower() or "reorder" in name.lower(), took) for name, took in profiler.layers]
        return label(layers), [name for name, _ in profiler.layers]


def main():
    import tensorrt
    from cuda import cudart
    serve(TensorRt(tensorrt, cudart))


if __name__ == "__main__":
    main()
