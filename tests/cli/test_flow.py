"""The whole way through the command line: zoo, tune, verify, run, bench, explain, search, store."""
import json
import signal
import subprocess
import time

import numpy

import support


class WholeWay(support.CliTest):
    def test_a_tuned_plan_computes_what_the_reference_computes(self):
        model = self.zoo()
        plan = self.tuned(model)
        result = self.json_of("verify", model, "--plan", plan, "--of-largest", "1e-3")
        self.assertEqual((result["passed"], result["failed"], result["refused"]), (1, 0, 0))
        self.assertGreater(result["runs"], 0)

    def test_a_second_tune_measures_nothing_and_gives_the_same_plan(self):
        model = self.zoo()
        arguments = ["tune", model, "--store", self.store, "--threads", 1, "--race-rounds", 5]
        first = self.json_of(*arguments, "-o", self.folder / "a.plan")
        self.assertGreater(first["profile"]["measured"], 0)
        self.assertGreater(first["correction"]["run_now"], 0)
        self.assertTrue(first["raced"])
        rows = self.json_of("store", "info", "--store", self.store)
        self.assertGreater(rows["run_samples"], 0)
        second = self.json_of(*arguments, "-o", self.folder / "b.plan")
        self.assertEqual(second["profile"]["measured"], 0)
        self.assertEqual(second["correction"]["run_now"], 0)
        self.assertTrue(second["race_kept"])
        self.assertEqual((self.folder / "a.plan").read_bytes(), (self.folder / "b.plan").read_bytes())
        for what in ("race", "winner", "predicted_before", "predicted_after", "measured", "whole_us"):
            self.assertEqual(first[what], second[what], what)
        self.assertEqual(self.json_of("store", "info", "--store", self.store), rows)
        # The race is run again when that is asked for, and nothing else is.
        third = self.json_of(*arguments, "-o", self.folder / "c.plan", "--race")
        self.assertEqual(third["correction"]["run_now"], 0)
        if any(entry["ratio"] != 1 for entry in first["race"][1:-1]):  # else all plans are one
            self.assertFalse(third["race_kept"])

    def test_what_is_predicted_and_measured_is_split_and_adds_up(self):
        result = self.json_of("tune", self.zoo(), "--store", self.store, "--threads", 1, "--race-rounds", 5,
                              "-o", self.folder / "a.plan")
        for name in ("predicted_before", "predicted_after", "measured"):
            split = result[name]
            self.assertAlmostEqual(split["whole_us"], split["kernels_us"] + split["conversions_us"] + split["dispatch_us"])
        self.assertEqual(result["predicted_before"]["dispatch_us"], 0)
        after = result["predicted_after"]
        self.assertAlmostEqual(after["kernels_us"] + after["conversions_us"], result["plan"]["expected_us"], places=4)

    def test_without_correction_a_plan_costs_what_its_layers_cost_alone(self):
        result = self.json_of("tune", self.zoo(), "--store", self.store, "--threads", 1, "--race-rounds", 5,
                              "--no-correction", "-o", self.folder / "a.plan")
        self.assertEqual(result["correction"]["plans"], 0)
        self.assertEqual(result["predicted_before"], result["predicted_after"])

    def test_run_takes_and_gives_npy_and_agrees_with_the_reference(self):
        model = self.zoo()
        plan = self.tuned(model)
        image = numpy.random.default_rng(7).standard_normal((1, 1, 28, 28)).astype(numpy.float32)
        numpy.save(self.folder / "image.npy", image)
        outputs = []
        for extra in ([], ["--plan", plan]):
            out = self.folder / f"out{len(extra)}"
            result = self.json_of("run", model, "--input", f"data={self.folder / 'image.npy'}", "--output-dir", out, *extra)
            outputs.append(numpy.load(result["outputs"][0]["file"]))
        self.assertEqual(outputs[0].shape, (1, 10))
        numpy.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-3, atol=1e-5)
        self.assertAlmostEqual(float(outputs[0].sum()), 1.0, places=4)

    def test_a_trace_names_every_layer_with_its_time(self):
        model = self.zoo()
        trace = self.folder / "trace.json"
        self.run_program("run", model, "--trace", trace)
        events = [event for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]
        self.assertIn("conv1", [event["name"] for event in events])
        self.assertTrue(all(event["dur"] >= 0 for event in events))

    def test_the_zoo_says_what_it_holds(self):
        nets = {net["name"]: net for net in self.json_of("zoo", "list")}
        self.assertEqual(nets["resnet50"]["parameters"], 25557032)
        self.assertEqual(nets["resnet50"]["input"], "1x3x224x224")
        table = self.run_program("zoo", "list").stdout
        for name, net in nets.items():
            self.assertTrue(net["what"] and net["paper"] and net["flops"] > 0, name)
            self.assertRegex(table, rf"(?m)^{name} .*{net['paper']}$")

    def test_networks_of_all_kinds_of_layers_agree_with_the_reference(self):
        for name in ("resnet32", "mobilefacenet", "shufflenet_v2", "efficientnet_b0"):
            result = self.json_of("verify", self.zoo(name), "--of-largest", "1e-4")
            self.assertEqual((result["passed"], result["failed"], result["refused"]), (1, 0, 0), name)

    def test_bench_and_explain_speak_of_the_plan(self):
        model = self.zoo()
        plan = self.tuned(model)
        bench = self.json_of("bench", model, "--plan", plan, "--rounds", 10)
        self.assertGreater(bench["p10_us"], 0)
        self.assertLessEqual(bench["p10_us"], bench["p99_us"])
        explained = self.json_of("explain", model, "--plan", plan, "--store", self.store)
        covered = [name for step in explained["steps"] for name in step["covers"]]
        self.assertIn("conv1", covered)
        self.assertTrue(any(step["alternatives"] for step in explained["steps"]))
        for step in explained["steps"]:
            for other in step["alternatives"]:
                if other["plan_us"] is not None:
                    self.assertGreaterEqual(other["plan_us"], explained["lower_bound_us"] - 1e-6)

    def test_search_of_the_store_agrees_with_search_of_the_dumped_problem(self):
        model = self.zoo()
        self.tuned(model)
        problem = self.folder / "problem.json"
        store = ["--store", self.store, "--threads", 1]
        of_model = self.json_of("search", model, *store, "--dump-problem", problem, "-o", self.folder / "s.plan")
        of_file = self.json_of("search", "--problem", problem)
        self.assertEqual(of_model["choice"], of_file["choice"])
        self.assertTrue(of_file["optimal"])
        for strategy in ("greedy", "random", "best-single-library", "coordinate-descent", "annealing", "q-learning",
                         "q-learning+"):
            other = self.json_of("search", "--problem", problem, "--strategy", strategy, "--episodes", 50)
            self.assertGreaterEqual(other["cost_us"], of_file["cost_us"] - 1e-9, strategy)
            self.assertEqual(other["optimum_us"], of_file["cost_us"], strategy)
            gap = 100 * (other["cost_us"] / of_file["cost_us"] - 1)
            self.assertAlmostEqual(other["gap_percent"], max(gap, 0), places=9, msg=strategy)
        self.run_program("verify", model, "--plan", self.folder / "s.plan")

    def test_search_writes_its_learning_curve(self):
        model = self.zoo()
        self.tuned(model)
        curve = self.folder / "curve.csv"
        search = ["search", model, "--store", self.store, "--threads", 1, "--strategy", "q-learning", "--episodes", 40]
        answer = self.json_of(*search, "--curve", curve)
        lines = curve.read_text().splitlines()
        self.assertEqual(lines[0], "evaluations,cost_us,best_us")
        rows = [[float(field) for field in line.split(",")] for line in lines[1:]]
        self.assertEqual([row[0] for row in rows], list(range(1, 41)))
        self.assertEqual(rows, [[point["evaluations"], point["cost_us"], point["best_us"]] for point in answer["curve"]])
        self.assertAlmostEqual(rows[-1][2], answer["cost_us"], places=6)
        self.assertGreaterEqual(answer["learned"]["gap_percent"], 0)
        text = self.run_program(*search).stdout
        self.assertRegex(text, r"% above the optimum\nwhat was learned, greedily: ")

    def test_winners_of_a_store_are_the_cheapest_of_each_layer(self):
        model = self.zoo()
        self.tuned(model)
        found = self.json_of("store", "winners", "--store", self.store, "--threads", 1)
        costs = self.json_of("profile", model, "--store", self.store, "--threads", 1, "--budget", 0.001)["costs"]
        least = {}
        for cost in costs:
            least[cost["layer"]] = min(cost["us"], least.get(cost["layer"], float("inf")))
        judged = {layer["layer"]: layer for layer in found["layers"] if layer["layer"] in least}
        self.assertGreater(len(judged), 5)
        for key, layer in judged.items():
            self.assertAlmostEqual(layer["us"], least[key])
        self.assertEqual(sum(family["wins"] for family in found["families"]), len(found["layers"]))

    def test_costs_travel_by_csv_and_by_merge(self):
        model = self.zoo()
        self.tuned(model)
        csv = self.folder / "costs.csv"
        self.run_program("store", "export", "--store", self.store, "-o", csv)
        other = self.folder / "other.db"
        self.run_program("store", "import", csv, "--store", other)
        third = self.folder / "third.db"
        self.run_program("store", "merge", other, "--store", third)
        rows = [self.json_of("store", "info", "--store", store)["rows"] for store in (self.store, other, third)]
        self.assertGreater(rows[0], 10)
        self.assertEqual(rows, [rows[0]] * 3)

    def test_an_interrupted_tune_keeps_what_it_measured_and_goes_on(self):
        model = self.zoo("squeezenet")
        arguments = [support.PROGRAM, "tune", model, "-o", self.folder / "x.plan", "--store", self.store]
        for signal_sent, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
            process = subprocess.Popen([*map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            deadline = time.monotonic() + 120
            before = self.rows()
            while self.rows() < before + 5 and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.05)
            self.assertIsNone(process.poll(), "it should still be measuring")
            process.send_signal(signal_sent)
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, status)
            self.assertGreaterEqual(self.rows(), before + 5)
            self.assertFalse((self.folder / "x.plan").exists())

    def rows(self):
        """Rows of the store; none while it is being made."""
        arguments = [support.PROGRAM, "store", "info", "--store", str(self.store), "--json"]
        done = subprocess.run(arguments, capture_output=True, text=True)
        return json.loads(done.stdout)["rows"] if done.returncode == 0 else 0

    def test_no_fusion_keeps_the_layers_of_the_model(self):
        model = self.zoo("mobilenet_v1")
        whole = self.json_of("inspect", model, "--no-fusion")
        folded = self.json_of("inspect", model)
        ops = lambda document: [layer["op"] for layer in document["layers"]]
        self.assertEqual(ops(whole).count("batch_norm"), 27)
        self.assertEqual(ops(folded).count("batch_norm"), 0)

    def test_only_uses_a_primitive_wherever_it_can(self):
        model = self.zoo()
        plan = self.folder / "only.plan"
        self.run_program("tune", model, "-o", plan, "--store", self.store, "--threads", 1, "--race-rounds", 5,
                         "--only", "openblas")
        convs = [step["primitive"] for step in json.loads(plan.read_text())["steps"]
                 if step["primitive"].startswith(("conv2d", "gemm"))]
        self.assertTrue(convs)
        self.assertTrue(all(".openblas." in name for name in convs), convs)

    def test_primitives_say_who_cannot_and_why(self):
        layer = "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1"
        result = self.json_of("primitives", "--layer", layer)
        self.assertIn("conv2d.reference.direct.nchw@cpu", result["can"])
        self.assertTrue(all(refusal["why"] for refusal in result["cannot"]))

    def test_the_machine_is_described(self):
        facts = self.json_of("inspect", "--machine")
        for peaks in facts["peaks"]:
            self.assertGreater(peaks["fma_gflops"], 1)
        self.assertGreaterEqual(facts["physical_cores"], 1)

    def test_every_command_has_help_with_an_example(self):
        for command in ("tune", "run", "bench", "verify", "explain", "diff", "profile", "search", "inspect", "primitives",
                        "store", "zoo", "completions"):
            self.assertIn("Example:", self.run_program(command, "--help").stdout, command)


if __name__ == "__main__":
    support.main()
