"""A second processor from the command line: listed, verified, tuned with, and done without where it is not."""
import os
import unittest

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

    @unittest.skipIf(SANITIZED, "the driver's compiler takes minutes")
    def test_a_tuned_plan_is_the_same_for_the_cpu_and_names_the_device_it_needs(self):
        self.want_device()
        model = self.zoo()
        plan = self.folder / "mixed.plan"
        common = ("--store", self.store, "--threads", 1, "--race-rounds", 5, "--no-correction",
                  "--only", "reference,conv2d.opencl.direct,gemm.opencl,reorder.opencl.copy")
        self.run_program("tune", model, "-o", plan, "--devices", "cpu,opencl:0", *common)
        self.run_program("verify", model, "--plan", plan)
        rows = self.json_of("store", "info", "--store", self.store)
        self.assertTrue(rows)
        cpu = self.folder / "cpu.plan"
        self.run_program("tune", model, "-o", cpu, *common[:-1], "reference")
        self.assertNotIn("opencl", cpu.read_text())
        self.run_program("verify", model, "--plan", cpu)
        self.run_program("explain", model, "--plan", plan, "--store", self.store)


if __name__ == "__main__":
    support.main()
