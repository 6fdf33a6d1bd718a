"""Models from strangers: names that a terminal would obey, sizes that no machine has."""
import json
import unittest

import onnx
from onnx import TensorProto, helper

import support

F = TensorProto.FLOAT


class Hostile(support.CliTest):
    def model(self, nodes, inputs, initializers=()):
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(name, F, dims) for name, dims in inputs],
                                  [helper.make_tensor_value_info("y", F, None)], list(initializers))
        path = self.folder / "m.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path

    def test_names_are_shown_and_never_obeyed(self):
        model = self.model([helper.make_node("Relu", ["x"], ["?escape??"], name="!escape!!"),
                            helper.make_node("Neg", ["?escape??"], ["y"], name="n")], [("x", [1, 4])])
        # Not UTF-8, with an escape sequence that clears the screen and a line end.
        model.write_bytes(model.read_bytes().replace(b"!escape!!", b"\xff\x1b[2J\r\xc2\x9bx").replace(
            b"?escape??", b"\x1b]0;mee\x07\xfe"))
        for arguments in (["inspect", model], ["run", model], ["inspect", model, "--json"], ["run", model, "--json"],
                          ["verify", model]):
            done = self.run_program(*arguments)  # decodes as UTF-8
            for text in (done.stdout, done.stderr):
                obeyed = "\x1b\x07" if "--json" in arguments else "\x1b\r\x07\x9b"
                self.assertFalse(set(text) & set(obeyed), repr(text[-500:]))
        self.assertIn("\\xff\\x1b[2J", self.run_program("inspect", model).stdout)
        document = self.json_of("run", model)
        self.assertIn("y", json.dumps(document))
        broken = self.model([helper.make_node("!escape!!", ["x"], ["y"])], [("x", [1, 4])])
        broken.write_bytes(broken.read_bytes().replace(b"!escape!!", b"\xff\x1b[2J\r\xc2\x9bx"))
        self.assertIn("\\xff\\x1b[2J", self.refused("inspect", broken))

    def test_a_network_too_large_for_this_machine_is_refused_by_name(self):
        shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1 << 20, 1 << 19])
        model = self.model([helper.make_node("Expand", ["x", "shape"], ["big"], name="grow"),
                            helper.make_node("Relu", ["big"], ["r"], name="relu"),
                            helper.make_node("Neg", ["r"], ["y"], name="neg")], [("x", [1])], [shape])
        self.run_program("inspect", model)
        self.refused("run", model, words=["this machine has", "1048576x524288"])
        huge = self.model([helper.make_node("Relu", ["x"], ["y"], name="relu")], [("x", [1 << 20, 1 << 19])])
        self.refused("run", huge, words=["this machine has", "1048576x524288"])

    def test_a_network_that_is_its_own_input_is_refused(self):
        model = self.model([helper.make_node("Add", ["x", "b"], ["a"], name="first"),
                            helper.make_node("Relu", ["a"], ["b"], name="second"),
                            helper.make_node("Relu", ["b"], ["y"], name="third")], [("x", [1, 4])])
        self.refused("inspect", model, words=["first", "'b'"])


if __name__ == "__main__":
    support.main()
