"""What-if: limits of memory, of primitives and of what may vary, and what they cost."""
import json

import support


class Limits(support.CliTest):
    def profiled(self):
        model = self.zoo()
        self.run_program("profile", model, "--store", self.store, "--threads", 1, "--budget", 120)
        return model, ["--store", self.store, "--threads", 1]

    def test_the_curve_falls_in_memory_and_its_points_are_what_limits_give(self):
        model, store = self.profiled()
        problem = self.folder / "problem.json"
        free = self.json_of("search", model, *store, "--dump-problem", problem)
        curve = self.json_of("search", model, *store, "--pareto", "--seconds", 2)
        self.assertEqual(curve[0]["cost_us"], free["cost_us"])
        for less, more in zip(curve[1:], curve):
            self.assertLess(less["memory_bytes"], more["memory_bytes"])
            self.assertGreater(less["cost_us"], more["cost_us"])
            self.assertLessEqual(less["lower_bound_us"], less["cost_us"])
        least = curve[-1]
        plan = self.folder / "small.plan"
        found = self.json_of("search", model, *store, "--max-memory", least["memory_bytes"], "-o", plan,
                             "--seconds", 5)
        self.assertLessEqual(found["memory_bytes"], least["memory_bytes"])
        self.assertEqual(found["memory_bytes"], max(found["weights_bytes"] + found["arena_bytes"], found["packing_bytes"]))
        self.assertEqual(found["unlimited_us"], free["cost_us"])
        self.run_program("verify", model, "--plan", plan)
        # The session holds what was said.
        session = self.json_of("bench", model, "--plan", plan, "--rounds", 5)
        self.assertEqual(session["arena_bytes"], found["arena_bytes"])
        csv = self.run_program("search", model, *store, "--pareto", "--csv", "--seconds", 2).stdout.splitlines()
        self.assertEqual(csv[0], "memory_bytes,weights_bytes,cost_us,lower_bound_us,optimal")
        # The fastest plan may be the smallest one too.
        self.assertGreaterEqual(len(csv), 2)
        self.assertRegex(self.refused("search", model, *store, "--max-memory", 1000),
                         r"least that is possible is|smallest plan found needs")
        # The dumped problem carries the figures.
        choices = [choice for layer in json.loads(problem.read_text())["layers"] for choice in layer["choices"]]
        self.assertGreater(sum(choice.get("weights_bytes", 0) > 0 for choice in choices), 10)
        self.assertGreater(sum(choice.get("workspace_bytes", 0) > 0 for choice in choices), 0)
        numbers = self.json_of("search", "--problem", problem, "--pareto", "--seconds", 2)
        self.assertGreaterEqual(len(numbers), 1)

    def test_a_deterministic_plan_is_the_same_each_time(self):
        model, store = self.profiled()
        plans = [self.folder / "a.plan", self.folder / "b.plan"]
        for plan in plans:
            result = self.json_of("tune", model, *store, "--deterministic", "-o", plan)
            self.assertEqual(result["race"][0]["name"], "best within the limits")
        self.assertEqual(plans[0].read_text(), plans[1].read_text())
        self.run_program("verify", model, "--plan", plans[0])

    def test_files_of_numbers_take_filters_and_limits(self):
        choices = [{"primitive": f"op.{library}.x", "cost_us": cost, "inputs": [], "outputs": [],
                    "weights_bytes": weights, "workspace_bytes": 10}
                   for library, cost, weights in (("fast", 1, 3000), ("middle", 2, 2000), ("small", 4, 500))]
        file = self.folder / "problem.json"
        file.write_text(json.dumps({"format": "raceline-problem/1", "tensors": [],
                                    "layers": [{"name": name, "choices": choices} for name in ("a", "b")]}))
        search = lambda *options: self.json_of("search", "--problem", file, *options)
        self.assertEqual(search()["choice"], [0, 0])
        self.assertEqual(search("--without", "fast")["choice"], [1, 1])
        self.assertEqual(search("--only", "small")["choice"], [2, 2])
        limited = search("--max-memory", "4K")
        self.assertEqual((sorted(limited["choice"]), limited["cost_us"], limited["optimal"]), ([1, 1], 4, True))
        self.assertEqual(sorted(search("--max-memory", "4009")["choice"]), [0, 2])
        curve = search("--pareto")
        self.assertEqual([point["cost_us"] for point in curve], [2, 3, 4, 5, 6, 8])
        self.refused("search", "--problem", file, "--max-memory", "1009", words=("1010 bytes", "least"))
        self.refused("search", "--problem", file, "--deterministic", words=("--deterministic", "model"))
        self.refused("search", "--problem", file, "--max-memory", "much", words=("--max-memory",))


if __name__ == "__main__":
    support.main()
