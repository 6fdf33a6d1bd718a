"""raceline paper qs-dnn, and the paper's protocol, end to end on a small network."""
import csv
import math
import re
import xml.etree.ElementTree as xml

import support

METHODS = {"vanilla", "single_type", "library", "random", "q_learning", "greedy", "optimum"}


class Paper(support.CliTest):
    def qs_dnn(self, *extra, status=0):
        return self.json_of("paper", "qs-dnn", "--quick", "--store", self.store, "-o", self.folder / "out",
                            "--seeds", 3, *extra, status=status)

    def test_tables_figures_and_page_are_made_and_a_second_run_measures_nothing(self):
        first = self.qs_dnn()
        self.assertGreater(first["measured"], 0)
        out = self.folder / "out"

        rows = [row for row in first["methods"] if row["graph"] == "paper"]
        self.assertEqual({row["method"] for row in rows}, METHODS)
        rows = [row for row in first["methods"] if row["graph"] == "default"]
        self.assertEqual({row["method"] for row in rows}, METHODS | {"tuned"})
        for row in first["methods"]:
            self.assertGreater(float(row["whole_ms"]), 0, row)
            self.assertGreater(float(row["table_ms"]), 0, row)
            self.assertGreater(int(row["runs"]), 0, row)
            self.assertLessEqual(float(row["ratio_low"]), float(row["ratio_high"]), row)
            # No plan is better than the proven optimum on the costs that it was made on.
            self.assertGreaterEqual(float(row["over_optimum"]), 0.9999, row)
        optimum = [row for row in first["methods"] if row["method"] == "optimum"]
        self.assertEqual([float(row["over_optimum"]) for row in optimum], [1, 1])
        # The strict row of a library can only be better than its row with Vanilla elsewhere.
        cost = {(row["graph"], row["method"], row["library"]): float(row["table_ms"]) for row in first["methods"]}
        libraries = {key for key in cost if key[1] == "single_type"}
        self.assertTrue(libraries)
        for graph, _, library in libraries:
            self.assertLessEqual(cost[graph, "library", library], cost[graph, "single_type", library] * 1.0001)

        self.assertEqual(len(first["figure4"]), 1000)
        best = [float(row["best_ms"]) for row in first["figure4"]]
        self.assertEqual(best, sorted(best, reverse=True))
        self.assertEqual([row["episodes"] for row in first["figure5"]],
                         ["25", "50", "100", "200", "350", "500", "700", "1000"])
        self.assertEqual(len(first["claims"]), 7)
        for row in first["design_spaces"]:
            bound = int(row["N_L"]) * math.log10(int(row["N_I"]))
            self.assertAlmostEqual(float(row["log10 N_I^N_L"]), bound, delta=0.06)
            self.assertLessEqual(float(row["log10 of what there is"]), bound + 0.06)

        self.assertEqual([row["net"] for row in first["predictions"]], ["lenet5_caffe"])
        parts = [float(first["predictions"][0][part]) for part in ("kernels", "conversions", "dispatch")]
        self.assertAlmostEqual(sum(parts), float(first["predictions"][0]["corrected inside"]), delta=2e-4)

        for name in ("figure4", "figure5", "table2_paper_layers", "table2_default_passes"):
            root = xml.fromstring((out / f"{name}.svg").read_text())
            self.assertTrue(root.tag.endswith("svg"))
        with open(out / "methods.csv", newline="") as file:
            table = list(csv.DictReader(file))
        self.assertEqual(table, first["methods"])
        html = (out / "report.html").read_text()
        self.assertEqual(html.count("<svg "), 4)
        self.assertNotIn("<script", html)
        self.assertNotIn("http", re.sub(r'xmlns="[^"]*"', "", html))
        text = (out / "report.txt").read_text()
        for word in ("Table II", "13.02x", "QS-DNN vs BSL, strict", "lenet5_caffe"):
            self.assertIn(word, text)

        entries = self.json_of("store", "info", "--store", self.store)
        second = self.qs_dnn()
        self.assertEqual(second["measured"], 0)
        self.assertEqual(self.json_of("store", "info", "--store", self.store), entries)
        self.assertEqual(second["methods"], first["methods"])

    def test_the_papers_protocol_feeds_search_and_is_kept_apart(self):
        model = self.zoo("lenet5_caffe")
        common = [model, "--no-fusion", "--store", self.store, "--threads", 1]
        self.run_program("search", *common, "--protocol", "paper", status=2)  # nothing is measured yet
        first = self.json_of("profile", *common, "--protocol", "paper", "--inputs", 4)
        self.assertTrue(first["complete"])
        self.assertTrue(all(cost["samples"] % 4 == 0 or cost["layer"].startswith("reorder") or cost["us"] == 0
                            for cost in first["costs"]))
        vanilla = [cost for cost in first["costs"] if ".reference." in cost["primitive"]]
        others = [cost for cost in first["costs"] if ".reference." not in cost["primitive"]]
        self.assertTrue(vanilla and others)
        info = self.json_of("store", "info", "--store", self.store)
        self.assertEqual(info["rows"], 0)  # none of it is a cost of ours
        self.assertEqual(self.json_of("profile", *common, "--protocol", "paper", "--inputs", 4)["costs"], first["costs"])
        self.assertEqual(self.json_of("store", "info", "--store", self.store), info)
        answer = self.json_of("search", *common, "--protocol", "paper", "--inputs", 4, "--strategy", "q-learning")
        self.assertGreaterEqual(answer["cost_us"], answer["optimum_us"])
        # More inputs go on from those that are there.
        more = self.json_of("profile", *common, "--protocol", "paper", "--inputs", 6)
        self.assertTrue(more["complete"])
        tuned = self.json_of("tune", *common, "--protocol", "paper", "--inputs", 6, "--race-rounds", 5, "-o",
                             self.folder / "a.plan")
        self.assertTrue(tuned["raced"])
        self.assertEqual(tuned["correction"]["plans"], 0)
        result = self.json_of("verify", model, "--plan", self.folder / "a.plan", "--of-largest", "1e-3")
        self.assertEqual(result["failed"], 0)

    def test_the_table_is_made_on_costs_of_the_papers_protocol_too(self):
        report = self.qs_dnn("--protocol", "paper", "--inputs", 3)
        self.assertEqual(report["protocol"], "paper")
        self.assertEqual({row["graph"] for row in report["methods"]}, {"paper"})
        self.assertEqual({row["method"] for row in report["methods"]}, METHODS)
        self.assertEqual(self.qs_dnn("--protocol", "paper", "--inputs", 3)["measured"], 0)

    def test_wrong_use_is_refused_by_name(self):
        self.refused("paper", "qs-dnn", "--nets", "mobilenet_v9", "--store", self.store, words=["mobilenet_v9", "mobilenet_v1"])
        self.refused("paper", "qs-dnn", "--protocol", "none", "--store", self.store, words=["none"])
        self.refused("paper", words=["subcommand"])


if __name__ == "__main__":
    support.main()
