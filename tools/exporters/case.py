"""Test folders of exported models: the model, random inputs, and the outputs that ONNX Runtime computes."""
import contextlib
import io
import json
import os
import pathlib
import shutil
import sys
import traceback

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


class Cases:
    """Writes FOLDER/<tool>-<name>-<opset>/{model.onnx,test_data_set_*/...}, and counts what an exporter refused."""

    def __init__(self, folder, tool, versions, only=None, isolated=False):
        """isolated: each export in a process of its own, since the tool may end the one in which it fails."""
        self.folder = pathlib.Path(folder)
        self.tool = tool
        self.only = only
        self.isolated = isolated
        self.report = {"tool": tool, "versions": {**versions, "onnxruntime": onnxruntime.__version__},
                       "written": [], "failed": {}}

    def add(self, name, export, inputs, opset=None, more_inputs=()):
        """export(path) writes the model; inputs are arrays in the model's order, more_inputs further sets of them."""
        case = f"{self.tool}-{name}" + (f"-{opset}" if opset else "")
        if self.only and not any(part in case for part in self.only):
            return
        target = self.folder / case
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        try:
            self._export(export, str(target / "model.onnx"))
            written = [self._save(target, number, data) for number, data in enumerate([inputs, *more_inputs])]
            self.report["written"].append({"name": case, **written[0]})
            print(f"written {case}", flush=True)
        except BaseException as error:  # exporters end in all kinds of exceptions, SystemExit among them
            if isinstance(error, KeyboardInterrupt):
                raise
            shutil.rmtree(target)
            why = (traceback.format_exception_only(type(error), error)[-1].strip().splitlines() or ["?"])[0]
            self.report["failed"][case] = why[:300]
            print(f"not exported {case}: {why[:300]}", file=sys.stderr, flush=True)

    def finish(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{self.tool}.json").write_text(json.dumps(self.report, indent=1) + "\n")
        print(f"{self.tool}: {len(self.report['written'])} written, {len(self.report['failed'])} not exported")

    def _export(self, export, path):
        if not self.isolated:
            with contextlib.redirect_stdout(io.StringIO()):  # exporters tell much
                return export(path)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                export(path)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            raise RuntimeError(f"the exporter ended with status {status}; its messages stand above")

    @staticmethod
    def _save(target, number, inputs):
        path = str(target / "model.onnx")
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        assert len(names) == len(inputs), f"the model wants {names}, {len(inputs)} inputs given"
        outputs = session.run(None, dict(zip(names, inputs)))
        finite = all(np.isfinite(array).all() for array in outputs if array.dtype.kind == "f")
        assert finite, "an output of ONNX Runtime is not finite: the model has lost a parameter"
        data = target / f"test_data_set_{number}"
        data.mkdir()
        for kind, arrays in ("input", inputs), ("output", outputs):
            for index, array in enumerate(arrays):
                tensor = numpy_helper.from_array(np.ascontiguousarray(array), f"{kind}_{index}")
                (data / f"{kind}_{index}.pb").write_bytes(tensor.SerializeToString())
        model = onnx.load(path, load_external_data=False)
        return {"ops": sorted({node.op_type for node in model.graph.node}),
                "opsets": {entry.domain: entry.version for entry in model.opset_import},
                "functions": len(model.functions)}


def images(seed, *shapes):
    """Random arrays of float32 between -1 and 1."""
    random = np.random.default_rng(seed)
    return [random.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
