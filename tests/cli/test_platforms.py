"""Workers through the command line: Raceline as its own peer, a peer of the guide's length, peers that fail."""
import hashlib
import json
import subprocess
import textwrap

import support


class Platforms(support.CliTest):
    def model(self):
        path = self.folder / "lenet5.onnx"
        self.run_program("zoo", "write", "lenet5", "-o", path)
        return path

    def worker(self, body):
        """A toy worker, of the form that docs/platforms.md shows."""
        path = self.folder / "toy_worker.py"
        path.write_text(textwrap.dedent(f"""
            import sys
            sys.path.insert(0, {str(support.SOURCE / "platforms")!r})
            import numpy
            from worker import Refusal, serve

            class Toy:
                def facts(self):
                    return {{"platform": "toy", "accelerator": "none", "versions": {{"toy": "1"}},
                             "modes": ["optimised"]}}
                def open(self, model, inputs, threads, mode, plan):
                    {body}
                def run(self):
                    pass
                def output(self, name):
                    return numpy.zeros((1, 10), numpy.float32)

            serve(Toy())
            """))
        return f"/usr/bin/python3 {path}"

    def against(self, peers, status=0):
        return self.json_of("bench", self.model(), "--threads", 1, "--rounds", 5, "--seconds", 5,
                            "--against", ",".join(peers), status=status)

    def test_raceline_is_its_own_peer_and_agrees(self):
        found = self.against([f"{support.PROGRAM} worker"])
        ours, peer = found["sides"]
        self.assertEqual(ours["name"], "raceline")
        self.assertEqual(ours["ratio"], [1, 1, 1])
        self.assertEqual(peer["error"], 0)
        self.assertEqual(len(peer["rounds_us"]), found["rounds"])
        self.assertGreater(peer["peak_bytes"], 1e6)
        self.assertIn("raceline", peer["versions"])

    def test_raceline_tells_who_computes_a_layer_or_a_fusion_that_begins_with_it(self):
        data = self.zoo("lenet5_caffe").read_bytes()
        name = hashlib.sha256(data).hexdigest()
        requests = [{"verb": "hello"}, {"verb": "put", "hash": name, "bytes": len(data)},
                    {"verb": "primitives", "model": name, "inputs": {}, "threads": 1, "mode": "optimised"}, {"verb": "bye"}]
        text = b"".join(json.dumps({"id": number, **request}).encode() + b"\n" + (data if "bytes" in request else b"")
                        for number, request in enumerate(requests))
        done = subprocess.run([support.PROGRAM, "worker"], input=text, timeout=60, capture_output=True, check=True)
        primitives = [json.loads(line) for line in done.stdout.splitlines()][2]["primitives"]
        self.assertEqual({name.split(".")[0] for name in primitives}, {"conv2d", "conv2d_max_pool"})

    def test_wrong_outputs_and_refusals_take_no_part(self):
        wrong = self.worker("return ['y']")
        found = self.against([wrong], status=1)
        self.assertIn("differs from ours", found["sides"][1]["why"])
        refuses = self.worker("raise Refusal('unsupported', 'not this one')")
        found = self.against([refuses], status=1)
        self.assertIn("not this one", found["sides"][1]["why"])
        dies = self.worker("import os; os.abort()")
        found = self.against([dies], status=1)
        self.assertIn("signal 6", found["sides"][1]["why"])

    def test_another_plan_of_the_model_is_a_peer(self):
        model = self.model()
        plan = self.tuned(model)
        found = self.json_of("bench", model, "--threads", 1, "--rounds", 5, "--seconds", 5, "--against", plan)
        self.assertEqual(found["sides"][1]["name"], str(plan))
        self.assertEqual(len(found["sides"][1]["rounds_us"]), found["rounds"])
        self.assertGreater(found["sides"][1]["error"], 0, "not the reference's rounding")
        missing = self.json_of("bench", model, "--rounds", 5, "--against", "missing.plan", status=1)
        self.assertIn("missing.plan", missing["sides"][1]["why"])

    def test_unknown_peers_are_named(self):
        self.refused("bench", self.model(), "--against", "nosuchpeer", words=["nosuchpeer"])
        self.refused("bench", self.model(), "--against", "onnxruntime", "--python", "/no/python",
                     words=["/no/python", "tools/install-peers"])


if __name__ == "__main__":
    support.main()
