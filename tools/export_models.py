#!/usr/bin/env python3
"""Small CNNs with random weights, exported by common tools, with what ONNX Runtime computes: a check of the reader.

Makes a virtual environment for each tool under --work, installs the tool there from PyPI (torch's CUDA libraries take some
gigabytes), exports its models for several opsets and writes folders as `raceline verify` wants them:

    tools/export_models.py --work /tmp/exported
    raceline verify /tmp/exported/models --rtol 1e-3 --atol 1e-5

FOLDER/<tool>.json lists versions, ops, and what a tool could not export.
"""
import argparse
import os
import pathlib
import subprocess
import sys

TOOLS = {
    "torch": (["torch", "torchvision", "onnx", "onnxscript", "onnxruntime"], "torch_export.py"),
    "keras": (["tensorflow-cpu", "tf2onnx", "onnxruntime"], "keras_export.py"),
    "paddle": (["paddlepaddle", "paddle2onnx", "onnxruntime", "setuptools"], "paddle_export.py"),
}


def environment(folder, packages):
    """The Python of a virtual environment that has these packages."""
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_text().split() != packages:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        installed.write_text("\n".join(packages) + "\n")
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the environments and of models/")
    parser.add_argument("--tools", default=",".join(TOOLS), help="which of them, by commas (%(default)s)")
    parser.add_argument("--only", default="", help="cases whose name holds one of these parts, by commas")
    options = parser.parse_args()
    unknown = set(options.tools.split(",")) - set(TOOLS)
    if unknown:
        parser.error(f"no tool {', '.join(sorted(unknown))}; there are {', '.join(TOOLS)}")
    work = options.work.absolute()
    scripts = pathlib.Path(__file__).resolve().parent / "exporters"
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    failed = []
    for tool in options.tools.split(","):
        packages, script = TOOLS[tool]
        try:
            python = environment(work / f"venv-{tool}", packages)
            subprocess.run([str(python), str(scripts / script), str(work / "models"), *filter(None, options.only.split(","))],
                           check=True, env=settings)
        except subprocess.CalledProcessError as error:
            print(f"{tool}: {error}", file=sys.stderr)
            failed.append(tool)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
