"""A second processor from the command line: listed, verified, tuned with, and done without where it is not."""
import hashlib
import json
import os
import subprocess
import unittest
import unittest.mock

import support

SANITIZED = bool(os.environ.get("RACELINE_SANITIZED"))  # drivers keep memory for themselves


class OpenCl(support.CliTest):
    def setUp(self):
        super().setUp()
        self.devices = self.json_of("inspect", "--machine")["opencl"]

    def want_device(self):
        if not self.devices:
            self.skipTest("no OpenCL device here")

    def test_what_is_not_there_is_said(self):
        model = self.zoo()
        for device in ("opencl:99", "no such device"):
            self.refused("verify", model, "--devices", f"cpu,{device}", words=("OpenCL",))
        self.refused("verify", model, "--devices", "opencl:0", words=("the CPU always takes part",))
        self.refused("verify", model, "--devices", "cpu,opencl:0,opencl:1", words=("one accelerator",))
        self.refused("verify", model, "--devices", "cpu,opencl:")
        # tune and primitives go on with the CPU.
        done = self.run_program("primitives", "--op", "gemm", "--devices", "cpu,opencl:99")
        self.assertIn("without cpu,opencl:99", done.stderr)
        self.assertNotIn("@opencl", done.stdout)

    def test_its_primitives_take_part_where_it_is_asked_for(self):
        self.want_device()
        alone = self.json_of("primitives")["primitives"]
        both = self.json_of("primitives", "--devices", "cpu,opencl:0")["primitives"]
        self.assertEqual([p for p in both if p["processor"] == "cpu"], alone)
        self.assertIn("conv2d", {p["op"] for p in both if p["processor"] == "opencl"})

    def test_a_network_runs_there_and_what_it_lacks_is_named(self):
        self.want_device()
        model = self.zoo()
        case, = self.json_of("verify", model, "--devices", "cpu,opencl", "--only", "*.opencl")["cases"]
        self.assertEqual((case["state"], case["fallbacks"]), ("passed", []))
        case, = self.json_of("verify", model, "--devices", "cpu,opencl", "--only", "conv2d.opencl")["cases"]
        self.assertEqual(case["state"], "passed")
        self.assertTrue(any(name.startswith("gemm.reference") for name in case["fallbacks"]), case["fallbacks"])

    def on_device(self, model):
        """A plan with the convolutions on the device and the rest on the CPU: found, not raced."""
        plan = self.folder / "mixed.plan"
        common = ("--store", self.store, "--threads", 1, "--devices", "cpu,opencl:0",
                  "--only", "conv2d.opencl.direct,gemm.reference,reorder.opencl.copy")
        self.run_program("profile", model, *common)
        self.run_program("search", model, "-o", plan, *common)
        return plan

    @unittest.skipIf(SANITIZED, "the driver's compiler takes minutes")
    def test_a_plan_for_the_cpu_is_the_same_before_and_after_costs_of_a_device_are_stored(self):
        self.want_device()
        model = self.zoo()
        plans = [self.folder / name for name in ("before.plan", "after.plan")]
        common = ("--store", self.store, "--threads", 1, "--race-rounds", 5, "--no-correction",
                  "--only", "reference,native")
        self.run_program("tune", model, "-o", plans[0], *common)
        rows = self.json_of("store", "info", "--store", self.store)
        self.on_device(model)
        self.assertNotEqual(self.json_of("store", "info", "--store", self.store), rows)
        self.run_program("tune", model, "-o", plans[1], *common)
        self.assertEqual(plans[0].read_text(), plans[1].read_text())
        self.run_program("verify", model, "--plan", plans[1])

    @unittest.skipIf(SANITIZED, "the driver's compiler takes minutes")
    def test_a_mixed_plan_names_its_devices_and_is_refused_or_repaired_without_them(self):
        self.want_device()
        model = self.zoo()
        plan = self.on_device(model)
        made = json.loads(plan.read_text())
        self.assertTrue(any(step["primitive"].endswith("@opencl") for step in made["steps"]), made["steps"])
        self.assertTrue(any(step["primitive"].endswith("@cpu") for step in made["steps"]), made["steps"])
        host, device = made["machine"].split("+")
        self.run_program("verify", model, "--plan", plan)
        self.run_program("explain", model, "--plan", plan, "--store", self.store)

        other = self.folder / "other.plan"
        other.write_text(plan.read_text().replace(f"{host}+{device}", f"{host}+{device[::-1]}"))
        self.refused("run", model, "--plan", other, words=("machine",))
        self.refused("run", model, "--plan", plan, "--devices", "cpu", words=("opencl",))
        with unittest.mock.patch.dict(os.environ, OCL_ICD_VENDORS=str(self.folder)):  # no driver there
            self.assertIn("no OpenCL driver", self.refused("run", model, "--plan", plan, words=("opencl",)))
            done = self.run_program("run", model, "--plan", plan, "--repair")
            self.assertIn("repaired: ", done.stderr)

    @unittest.skipIf(SANITIZED, "the driver's compiler takes minutes")
    def test_a_mixed_plan_is_a_side_and_a_peer_of_a_comparison(self):
        self.want_device()
        model = self.zoo()
        plan = self.on_device(model)
        for more in (("--plan", plan, "--against", plan), ("--against", plan)):
            found = self.json_of("bench", model, "--threads", 1, "--rounds", 5, "--seconds", 5, *more)
            self.assertEqual(len(found["sides"][1]["rounds_us"]), found["rounds"])

    @unittest.skipIf(SANITIZED, "the driver's compiler takes minutes")
    def test_as_a_platform_it_keeps_to_the_device(self):
        self.want_device()
        model = self.zoo()
        data = model.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        what = {"model": name, "inputs": {}, "threads": 1, "tune": True}
        unoptimised = {**what, "mode": "unoptimised"}
        requests = [{"verb": "hello"}, {"verb": "put", "hash": name, "bytes": len(data)},
                    {"verb": "primitives", **unoptimised}, {"verb": "open", **unoptimised},
                    {"verb": "measure", "budget_us": 1, "runs": 1}, {"verb": "bye"}]
        text = b""
        for number, request in enumerate(requests):
            text += json.dumps({"id": number, **request}).encode() + b"\n" + (data if "bytes" in request else b"")
        done = subprocess.run([support.PROGRAM, "worker", "--devices", "cpu,opencl"], input=text, timeout=280,
                              capture_output=True, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(answers[0]["platform"], "raceline-opencl")
        self.assertTrue(answers[2]["primitives"])
        for primitive in answers[2]["primitives"] + answers[4]["kernels"]:
            self.assertRegex(primitive, "@opencl$")
        steps = {step: end - begin for step, begin, end in answers[4]["runs"][0]}
        for step in ("issue_copy", "copy_in", "compute", "copy_out"):
            self.assertGreater(steps[step], 0, steps)


if __name__ == "__main__":
    support.main()
