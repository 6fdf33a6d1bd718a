"""The suite's results on disk: one JSON document, written anew after each cell, so that nothing is measured twice."""
import json
import os

FORMAT = "raceline-bench/1"
VARIABLES = ("OPENBLAS_", "BLIS_", "OMP_", "GOMP_", "ONEDNN_", "DNNL_", "MKL_", "RACELINE_")


def environment():
    """The variables that the libraries would read: the suite sets and unsets none."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}


def key_of(row):
    return row["net"], row["threads"], row["batch"]


class Results:
    def __init__(self, path):
        self.path = path
        self.document = {"format": FORMAT, "cells": [], "memory": []}
        if path.exists():
            self.document = json.loads(path.read_text())
            if self.document.get("format") != FORMAT:
                raise ValueError(f"{path}: its format is {self.document.get('format')!r}, wanted {FORMAT!r}")

    def __getitem__(self, name):
        return self.document[name]

    def __setitem__(self, name, value):
        self.document[name] = value

    def find(self, section, key):
        return next((row for row in self.document[section] if key_of(row) == key), None)

    def put(self, section, row):
        rows = [other for other in self.document[section] if key_of(other) != key_of(row)]
        self.document[section] = sorted([*rows, row], key=key_of)
        self.save()

    def save(self):
        """Written beside its place and renamed: a run that is killed leaves the document whole. A row a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        for name, value in self.document.items():
            if isinstance(value, list) and value:
                text = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "]"
            else:
                text = json.dumps(value)
            parts.append(f"{json.dumps(name)}: {text}")
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_text("{" + ",\n ".join(parts) + "}\n")
        beside.replace(self.path)
