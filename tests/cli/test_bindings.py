"""Open shapes: several bindings in one plan file, and models whose shapes only a run tells."""
import json

import onnx

import support


class Bindings(support.CliTest):
    def open_batch(self):
        """A network whose batch is a symbol."""
        path = self.zoo()
        model = onnx.load(path)
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "N"
        onnx.save(model, path)
        return path

    def tune(self, model, *arguments):
        plan = self.folder / "several.plan"
        self.run_program("tune", model, "-o", plan, "--store", self.store, "--threads", 1, "--race-rounds", 5,
                         "--budget", 30, *arguments)
        return plan

    def test_one_plan_file_serves_several_batches(self):
        model = self.open_batch()
        plan = self.tune(model, "--batch", "1,4")
        document = json.loads(plan.read_text())
        self.assertEqual(document["format"], "raceline-plan/2")
        shapes = [binding["shapes"] for binding in document["bindings"]]
        (name, first), = shapes[0].items()
        four = shapes[1][name]
        self.assertEqual((first.split("x")[0], four.split("x")[0]), ("1", "4"))
        for arguments, batch in (((), 1), (("--batch", 4), 4), (("--shape", f"{name}={four}"), 4)):
            outputs = self.json_of("run", model, "--plan", plan, *arguments)["outputs"]
            self.assertEqual(outputs[0]["desc"].split("x")[0], str(batch), arguments)
        for verb in ("run", "verify", "bench"):
            # Each binding that there is, is named.
            words = [f"{name}={first}", f"{name}={four}"]
            if verb == "verify":
                done = self.run_program(verb, model, "--plan", plan, "--shape", f"{name}=2{four[1:]}", status=1)
                for word in words:
                    self.assertIn(word, done.stdout)
            else:
                self.refused(verb, model, "--plan", plan, "--batch", 2, words=words)
        self.run_program("verify", model, "--plan", plan, "--shape", f"{name}={four}", "--of-largest", "1e-3")
        self.run_program("explain", model, "--plan", plan, "--batch", 4, "--store", self.store)
        self.run_program("bench", model, "--plan", plan, "--batch", 4, "--rounds", 3, "--no-pin")
        self.run_program("run", model, "--plan", plan, "--batch", 2, "--repair")

    def test_lists_of_shapes_go_together(self):
        model = self.open_batch()
        inspected = self.run_program("inspect", model).stdout
        name, shape = [line.split()[1:] for line in inspected.splitlines() if line.startswith("input")][0]
        rest = shape[1:]
        plan = self.tune(model, "--shape", f"{name}=2{rest},3{rest}", "--shape", f"{name}=5{rest}")
        self.assertEqual([binding["shapes"][name] for binding in json.loads(plan.read_text())["bindings"]],
                         [f"2{rest}", f"3{rest}", f"5{rest}"])
        self.refused("tune", model, "-o", plan, "--store", self.store, "--batch", "1,2", "--shape",
                     f"{name}=1{rest},2{rest},3{rest}", words=["--batch", "2", "3"])
        self.refused("run", model, "--batch", "1,2", words=["2 bindings"])

    def test_a_damaged_list_of_plans_is_refused(self):
        model = self.zoo()
        one = json.loads(self.tuned(model).read_text())
        plan = self.folder / "broken.plan"
        for bindings, word in (([], "1 to"), ([one, one], "bindings[1]"), ([one, 3], "bindings[1]"), (7, "list")):
            plan.write_text(json.dumps({"format": "raceline-plan/2", "bindings": bindings}))
            self.refused("run", model, "--plan", plan, words=["broken.plan", word])


if __name__ == "__main__":
    support.main()
