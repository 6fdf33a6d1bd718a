"""Platforms that follow a rule, so that what a predictor should say of them is known."""
import random

from support import CliTest

HEADER = ("run,batchsize,matsize,kernelsize,channels_in,channels_out,strides,padding,activation_fct,use_bias,"
          "optimizer,time_median_ms,time_min_ms,time_max_ms,time_std_ms")
DENSE_HEADER = "run,batchsize,dim_input,dim_output,activation_fct,optimizer,time_median_ms,time_min_ms,time_max_ms,time_std_ms"


def toy_rows(count, speed, seed=1):
    """Convolutions of a platform that takes 0.05 ms and as much as its arithmetic does."""
    draw = random.Random(seed)
    lines = [HEADER]
    for _ in range(count):
        batch, size, kernel = draw.randint(1, 32), draw.randint(7, 230), draw.choice([1, 3, 5, 7])
        inputs, outputs, stride = draw.randint(1, 256), draw.randint(1, 256), draw.randint(1, 2)
        gflops = 2e-9 * batch * (size / stride) ** 2 * kernel ** 2 * inputs * outputs
        ms = (0.05 + gflops / speed) * draw.uniform(0.97, 1.03)
        lines.append(f"0,{batch},{size},{kernel},{inputs},{outputs},{stride},1,{draw.randint(0, 1)},1,0,{ms},{ms},{ms},0")
    return "\n".join(lines) + "\n"


def toy_dense(count, speed, seed=2):
    draw = random.Random(seed)
    lines = [DENSE_HEADER]
    for _ in range(count):
        batch, inputs, outputs = draw.randint(1, 32), draw.randint(10, 4096), draw.randint(10, 4096)
        ms = (0.02 + 2e-9 * batch * inputs * outputs / speed) * draw.uniform(0.97, 1.03)
        lines.append(f"0,{batch},{inputs},{outputs},0,0,{ms},{ms},{ms},0")
    return "\n".join(lines) + "\n"


class ToyPlatforms(CliTest):
    def dataset(self, gpu="TOY", speed=1.0, conv=400, dense=200):
        """A dataset of both types, divided."""
        parts = []
        for kind, text in (("conv", toy_rows(conv, speed)), ("dense", toy_dense(dense, speed))):
            source = self.folder / f"{kind}_{gpu}.csv"
            source.write_text(text)
            imported = self.folder / f"{kind}_{gpu}.dataset.csv"
            self.run_program("dataset", "import", "--format", "justus", source, "-o", imported)
            parts.append(imported.read_text())
        both = self.folder / f"{gpu}.csv"
        both.write_text(parts[0] + "".join(line + "\n" for line in parts[1].splitlines()
                                           if not line.startswith("#") and not line.startswith("layer,")))
        divided = self.folder / f"{gpu}.divided.csv"
        self.run_program("dataset", "split", both, "-o", divided)
        return divided

    def predictor(self, data, *options, model="linear", name=None):
        path = self.folder / (name or f"{data.stem}.{model}.predictor")
        self.run_program("train", data, "--model", model, "-o", path, *options)
        return path
