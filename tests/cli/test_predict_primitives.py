"""From measured costs to a predictor of primitives, and with it a plan of another network from fewer measurements."""
import csv
import io
import json
import unittest

from support import CliTest, main


class PredictPrimitives(CliTest):
    def predictor(self):
        """Trained on the costs of a small network at several batches, of which the last lies in lenet5_caffe.onnx."""
        for batch in (2, 3, 4):
            self.run_program("profile", self.zoo("lenet5_caffe", batch=batch), "--store", self.store, "--threads", 1)
        costs, rest, path = (self.folder / name for name in ("costs.csv", "rest.csv", "primitives.predictor"))
        self.run_program("dataset", "export", "--costs", "--store", self.store, "-o", costs)
        self.run_program("dataset", "split", costs, "--test", 0, "--validation", 0, "--without-layers-of",
                         self.zoo("lenet5"), "-o", rest)
        self.run_program("train", rest, "--model", "linear", "-o", path)
        return costs, rest, path

    def rows(self, text):
        return list(csv.DictReader(io.StringIO("".join(line + "\n" for line in text.splitlines()
                                                       if not line.startswith("#")))))

    def test_a_plan_from_what_the_predictor_leaves_undecided(self):
        costs, rest, predictor = self.predictor()
        rows = self.rows(costs.read_text())
        self.assertEqual({row["platform"] for row in rows}, {"raceline"})
        self.assertEqual(len({row["accelerator"] for row in rows}), 1)
        self.assertTrue(all(row["primitive"] and float(row["resperfnet_exe_us"]) > 0 for row in rows))
        own, plan = self.folder / "own.db", self.folder / "lenet5.plan"
        tune = ("tune", self.zoo("lenet5"), "-o", plan, "--store", own, "--threads", 1, "--race-rounds", 5, "--predict",
                predictor, "--predict-level", 50)
        document = self.json_of(*tune, "--predict-check")
        prediction = document["prediction"]
        self.assertTrue(prediction["decided"])
        self.assertGreater(prediction["measured"], 0)
        self.assertLess(prediction["measured"], prediction["pairs"])
        self.assertEqual(prediction["known"], 0)
        self.assertGreaterEqual(prediction["cost_us"], prediction["bound_us"] * (1 - 1e-9))
        self.assertGreaterEqual(prediction["lost_percent"], -1e-6)
        # The check measured all else, so that the store knows what the plan is made of and more.
        exported = self.rows(self.run_program("store", "export", "--store", own).stdout)
        measured = {row["primitive"] for row in exported if row["state"] == "measured"}
        for step in json.loads(plan.read_text())["steps"]:
            if step["expected_us"] > 0:
                self.assertIn(step["primitive"], measured)
        # Nothing is undecided any more.
        again = self.json_of(*tune)["prediction"]
        self.assertEqual((again["known"], again["measured"]), (again["pairs"], 0))

    def test_a_rehearsal_on_stored_costs_measures_nothing(self):
        _, _, predictor = self.predictor()
        model = self.folder / "lenet5_caffe.onnx"
        before = self.run_program("store", "export", "--store", self.store).stdout
        document = self.json_of("search", model, "--store", self.store, "--threads", 1, "--predict", predictor,
                                "--predict-within", 0, "-o", self.folder / "rehearsed.plan")
        prediction = document["prediction"]
        self.assertAlmostEqual(document["cost_us"], prediction["cost_us"])
        full = self.json_of("search", model, "--store", self.store, "--threads", 1)
        self.assertAlmostEqual(full["cost_us"], prediction["full_us"])
        self.assertEqual(before, self.run_program("store", "export", "--store", self.store).stdout)
        text = self.run_program("search", model, "--store", self.store, "--threads", 1, "--predict", predictor).stdout
        self.assertIn("the prediction lost", text)

    def test_no_layer_of_the_network_is_trained_on(self):
        costs, _, _ = self.predictor()
        def batches_without(model):
            others = self.folder / "others.csv"
            self.run_program("dataset", "split", costs, "--test", 0, "--validation", 0, "--without-layers-of", model, "-o", others)
            return {row["layer"].split()[1].split("x")[0] for row in self.rows(others.read_text())}
        self.assertEqual(batches_without(self.zoo("lenet5")), {"2", "3", "4"}, "of another network")
        # The file has batch 4: no layer of it is left at any.
        self.assertEqual(batches_without(self.folder / "lenet5_caffe.onnx"), set())

    def test_predictors_that_are_none(self):
        model, plan = self.zoo("lenet5"), self.folder / "plan"
        tune = ("tune", model, "-o", plan, "--store", self.store, "--threads", 1, "--predict")
        self.refused(*tune, self.folder / "absent", words=["absent"])
        _, _, good = self.predictor()
        text = good.read_text()
        bad = self.folder / "bad.predictor"
        for change in (text[:len(text) // 2], text.replace("raceline-predictor/3", "raceline-predictor/9"), "{}",
                       text.replace('"rows": ', '"rows": NaN, "was": ', 1), ""):
            bad.write_text(change)
            self.refused(*tune, bad, words=["bad.predictor"])
        document = json.loads(text)
        for part in document["parts"][1:]:
            part["primitive"] = ""
        document["parts"] = [dict(document["parts"][0], primitive="")]
        bad.write_text(json.dumps(document))
        self.refused(*tune, bad, words=["knows no primitives", "--costs"])
        self.refused(*tune, good, "--protocol", "paper", words=["--protocol"])
        self.refused("search", "--problem", bad, "--predict", good, words=["--predict"])
        self.assertFalse(plan.exists())


if __name__ == "__main__":
    main()
