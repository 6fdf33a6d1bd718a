"""raceline diff: what two plan files differ in, and what the exit status says."""
import copy
import json

import support


def plan(name="net", key="00112233445566ff", data="1x3x8x8"):
    return {
        "conversions": [{"expected_us": 2, "from": "cpu:nchw", "primitive": "reorder.native.t.nchw-nhwc@cpu",
                         "tensor": "data", "to": "cpu:nhwc"}],
        "expected_us": 15, "format": "raceline-plan/1", "fusion": True, "graph_key": key, "lower_bound_us": 15,
        "machine": "ffeeddccbbaa9988", "model": name, "shapes": {"data": data},
        "steps": [{"covers": ["conv1", "relu1"], "expected_us": 10, "primitive": "conv2d.onednn.jit.nhwc@cpu",
                   "threads": 0},
                  {"covers": ["pool1"], "expected_us": 3, "primitive": "max_pool.native.loop.nhwc@cpu", "threads": 0}],
        "strategy": "exact", "threads": 1, "without_passes": []}


class Diff(support.CliTest):
    def file(self, name, *plans):
        path = self.folder / name
        document = plans[0] if len(plans) == 1 else {"bindings": list(plans), "format": "raceline-plan/2"}
        path.write_text(json.dumps(document))
        return path

    def test_equal_plans_say_nothing_and_end_with_0(self):
        a, b = self.file("a", plan()), self.file("b", plan())
        self.assertEqual(self.run_program("diff", a, b).stdout, "")
        self.assertTrue(self.json_of("diff", a, b)["equal"])

    def test_another_primitive_is_shown_with_its_layout_time_and_conversion(self):
        other = plan()
        other["steps"][0].update(primitive="conv2d.openblas.gemm.im2col.nchw@cpu", expected_us=11)
        other["conversions"] = []
        other["expected_us"] = 14
        a, b = self.file("a", plan()), self.file("b", other)
        text = self.run_program("diff", a, b, status=1).stdout
        self.assertRegex(text, r"10\.0 +11\.0 +\+1\.0 +conv1 \+ relu1 +nhwc \| nchw")
        self.assertRegex(text, r"2\.0 +0\.0 +-2\.0 +convert data")
        self.assertIn("1 conversions go, 0 come", text)
        self.assertNotIn("pool1", text)
        self.assertIn("pool1", self.run_program("diff", a, b, "--all", status=1).stdout)
        found = self.json_of("diff", a, b, status=1)["bindings"][0]
        self.assertEqual([layer["equal"] for layer in found["layers"]], [False, True])
        self.assertEqual((found["a"]["us"], found["b"]["us"]), (15, 14))
        self.assertIsNone(found["conversions"][0]["b"])

    def test_plans_of_different_models_are_said_to_be(self):
        a, b = self.file("a", plan()), self.file("b", plan("other", "ff66554433221100"))
        self.assertIn("of different graphs", self.run_program("diff", a, b, status=1).stdout)
        self.assertFalse(self.json_of("diff", a, b, status=1)["bindings"][0]["same_graph"])

    def test_bindings_are_compared_by_their_shapes(self):
        slower = plan(data="4x3x8x8")
        slower["steps"][1]["expected_us"] = 4
        a = self.file("a", plan(), plan(data="4x3x8x8"))
        b = self.file("b", slower, plan(), plan(data="8x3x8x8"))
        text = self.run_program("diff", a, b, status=1).stdout
        self.assertIn("data=1x3x8x8: equal", text)
        self.assertIn("data=8x3x8x8: only B has a plan", text)
        self.assertIn("2 layers are run alike, 1 of them with other expected times", text)
        self.assertEqual(self.json_of("diff", a, b, status=1)["only_b"], [{"data": "8x3x8x8"}])

    def test_a_file_that_is_no_plan_is_refused_by_name(self):
        broken = copy.deepcopy(plan())
        del broken["steps"]
        self.refused("diff", self.file("a", plan()), self.file("broken", broken), words=("broken", "steps"))


if __name__ == "__main__":
    support.main()
