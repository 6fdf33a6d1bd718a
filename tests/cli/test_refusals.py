"""Bad input: a clear message that names the thing, exit status 2, nothing lost and nothing half-written."""
import json
import os
import sqlite3
import stat
import unittest

import support


class Refusals(support.CliTest):
    def test_a_plan_of_another_model(self):
        model, other = self.zoo(), self.zoo("squeezenet")
        plan = self.tuned(model)
        self.refused("run", other, "--plan", plan, words=["plan"])
        self.refused("bench", other, "--plan", plan, words=["plan"])

    def test_a_plan_of_another_machine(self):
        model = self.zoo()
        plan = self.tuned(model)
        document = json.loads(plan.read_text())
        document["machine"] = "0123456789abcdef"
        plan.write_text(json.dumps(document))
        self.refused("run", model, "--plan", plan, words=["machine", "0123456789abcdef"])
        self.run_program("run", model, "--plan", plan, "--repair")

    def test_a_plan_that_is_no_plan(self):
        model = self.zoo()
        for text in ("", "{", "[]", '{"format": "raceline-plan/9"}', '{"steps": 3}', "\0" * 100):
            plan = self.folder / "broken.plan"
            plan.write_text(text)
            self.refused("run", model, "--plan", plan, words=["broken.plan"])

    def test_a_plan_naming_a_primitive_that_does_not_exist(self):
        model = self.zoo()
        plan = self.tuned(model)
        text = plan.read_text()
        name = json.loads(text)["steps"][0]["primitive"]
        plan.write_text(text.replace(name, name.replace("@cpu", "x@cpu")))
        self.refused("run", model, "--plan", plan, words=[name.replace("@cpu", "x@cpu")])

    def test_a_cut_off_onnx_file(self):
        model = self.zoo()
        whole = model.read_bytes()
        cut = self.folder / "cut.onnx"
        for size in (0, 1, 10, len(whole) // 3, len(whole) // 2, len(whole) - 1):
            cut.write_bytes(whole[:size])
            self.refused("inspect", cut, words=["cut.onnx"])

    def test_a_file_that_is_missing(self):
        model = self.zoo()
        self.refused("inspect", self.folder / "nowhere.onnx", words=["nowhere.onnx"])
        self.refused("run", model, "--plan", self.folder / "nowhere.plan", words=["nowhere.plan"])
        self.refused("run", model, "--input", f"data={self.folder / 'nowhere.npy'}", words=["nowhere.npy"])
        self.refused("verify", self.folder / "nowhere", words=["nowhere"])
        self.refused("search", "--problem", self.folder / "nowhere.json", words=["nowhere.json"])

    def test_an_input_that_does_not_exist(self):
        model = self.zoo()
        import numpy
        numpy.save(self.folder / "x.npy", numpy.zeros((1, 1, 28, 28), numpy.float32))
        self.refused("run", model, "--input", f"image={self.folder / 'x.npy'}", words=["image", "data"])

    def test_an_input_of_the_wrong_shape_or_type(self):
        model = self.zoo()
        import numpy
        numpy.save(self.folder / "x.npy", numpy.zeros((1, 1, 29, 28), numpy.float32))
        self.refused("run", model, "--input", f"data={self.folder / 'x.npy'}", words=["data", "1x1x29x28", "28"])
        numpy.save(self.folder / "x.npy", numpy.zeros((1, 1, 28, 28), numpy.int64))
        self.refused("run", model, "--input", f"data={self.folder / 'x.npy'}", words=["data", "i64"])
        self.refused("inspect", model, "--shape", "data=1x3x28x28", words=["data", "1x3x28x28"])

    def test_a_read_only_store(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everything: the folder below /proc stands for a read-only place")
        self.store.parent.mkdir(exist_ok=True)
        self.store.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
        self.addCleanup(self.store.parent.chmod, stat.S_IRWXU)
        self.refused("tune", self.zoo(), "-o", self.folder / "x.plan", "--store", self.store, words=[self.store])

    def test_a_store_in_a_place_that_cannot_be_written(self):
        model = self.zoo()
        self.refused("tune", model, "-o", self.folder / "x.plan", "--store", "/proc/raceline/costs.db",
                     words=["/proc/raceline"])
        self.assertFalse((self.folder / "x.plan").exists())

    def test_a_store_that_is_no_store_is_left_alone(self):
        self.store.write_bytes(b"this is no database" * 100)
        self.refused("store", "info", "--store", self.store, words=["costs.db"])
        self.refused("tune", self.zoo(), "-o", self.folder / "x.plan", "--store", self.store, words=["costs.db"])
        self.assertEqual(self.store.read_bytes(), b"this is no database" * 100)

    def test_a_store_of_a_newer_schema_is_left_alone(self):
        self.tuned(self.zoo())
        database = sqlite3.connect(self.store)
        database.execute("PRAGMA user_version = 1000")
        database.commit()
        database.close()
        self.refused("store", "info", "--store", self.store, words=["costs.db", "1000"])

    def test_a_full_disk_while_writing_a_plan_or_an_output(self):
        model = self.zoo()
        self.tuned(model)
        self.refused("tune", model, "-o", "/dev/full", "--store", self.store, "--threads", 1, "--race-rounds", 5,
                     words=["/dev/full", "No space left"])
        self.refused("run", model, "--trace", "/dev/full", words=["/dev/full"])

    def test_wrong_use(self):
        model = self.zoo()
        self.refused("search")
        self.refused("inspect")
        self.refused("fly")
        self.refused("tune", model)
        self.refused("zoo", "write", "squeezenett", "-o", self.folder / "x.onnx", words=["squeezenet"])
        self.refused("profile", model, "--only", "onednnn", "--store", self.store, words=["onednnn"])
        self.refused("primitives", "--op", "conv2", words=["conv2d"])
        self.refused("primitives", "--layer", "conv2d 1x2x3", words=["conv2d"])
        self.refused("search", model, "--strategy", "magic", "--store", self.store)
        self.refused("inspect", model, "--without-pass", "fold_constant", words=["fold_constants"])

    def test_a_problem_file_with_an_error_names_the_place(self):
        problem = self.folder / "problem.json"
        good = {"format": "raceline-problem/1",
                "layers": [{"name": "a", "choices": [{"primitive": "p", "cost_us": 1, "inputs": [], "outputs": ["x"]}]},
                           {"name": "b", "choices": [{"primitive": "q", "cost_us": 2, "inputs": ["y"], "outputs": []}]}],
                "tensors": [{"producer": [0, 0], "consumers": [[1, 0]], "conversion_us": {"x": {"y": 3}}}]}
        problem.write_text(json.dumps(good))
        self.assertEqual(self.json_of("search", "--problem", problem)["cost_us"], 6)
        for path, value, words in ((("layers", 0, "choices", 0, "cost_us"), -1, ["layers[0]", "cost_us"]),
                                   (("layers", 1, "choices"), [], ["layers[1]", "no choice"]),
                                   (("tensors", 0, "producer"), [7, 0], ["tensors[0]", "producer"]),
                                   (("tensors", 0, "conversion_us"), {}, ["feasible"])):
            bad = json.loads(json.dumps(good))
            place = bad
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            problem.write_text(json.dumps(bad))
            self.refused("search", "--problem", problem, words=words)


if __name__ == "__main__":
    support.main()
