"""Pruned networks on the command line: written, planned with sparse primitives, verified, and refused why."""
import support


class Sparse(support.CliTest):
    def keys(self, model):
        return [layer["key"] for layer in self.json_of("inspect", model)["layers"]]

    def test_a_pruned_net_says_so_in_its_layers_and_agrees_with_the_reference_by_sparse_primitives_alone(self):
        for extra, density, formats in (([], "*3", ["csr"]), (["--sparse-blocks"], "*3/3", ["csr", "block16"])):
            model = self.folder / "net.onnx"
            self.run_program("zoo", "write", "resnet32", "-o", model, "--sparsity", 0.9, *extra)
            self.assertTrue(any(density + " " in key for key in self.keys(model)), self.keys(model))
            for form in formats:
                result = self.json_of("verify", model, "--only", f"sparse.{form}", "--of-largest", "1e-4")
                self.assertEqual((result["passed"], result["failed"], result["refused"]), (1, 0, 0), form)

    def test_tune_finds_a_plan_of_a_pruned_net_that_verifies(self):
        model = self.zoo("lenet5_caffe", sparsity=0.95)
        plan = self.tuned(model)
        result = self.json_of("verify", model, "--plan", plan, "--of-largest", "1e-4")
        self.assertEqual((result["passed"], result["failed"]), (1, 0))

    def test_the_reason_why_a_layer_gets_no_sparse_primitive_is_said(self):
        def answer(key):
            said = self.json_of("primitives", "--layer", key)
            return said["can"], {entry["name"]: entry["why"] for entry in said["cannot"]}

        csr, block = "conv2d.native.sparse.csr.nchw@cpu", "conv2d.native.sparse.block16.nhwc@cpu"
        can, cannot = answer("conv2d 1x64x14x14 64x64x3x3*")
        self.assertIn("dense", cannot[csr])
        can, cannot = answer("conv2d 1x64x14x14 64x64x3x3*3")
        self.assertIn(csr, can)
        self.assertIn("blocks of 16", cannot[block])
        can, cannot = answer("conv2d 1x64x14x14 64x64x3x3*3/3")
        self.assertIn(block, can)

    def test_a_share_that_is_none_is_refused(self):
        self.refused("zoo", "write", "lenet5", "-o", self.folder / "net.onnx", "--sparsity", 1.5, words=["sparsity"])


if __name__ == "__main__":
    support.main()
