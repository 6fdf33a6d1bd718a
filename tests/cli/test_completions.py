"""raceline completions: what a shell offers when a word is begun."""
import shutil
import subprocess

import support


class Completions(support.CliTest):
    def offers(self, line):
        """What bash offers for the last word of a line."""
        script = self.run_program("completions", "bash").stdout
        words = line.split(" ")
        ask = f'{script}\nCOMP_WORDS=({" ".join(repr(word) for word in words)})\nCOMP_CWORD={len(words) - 1}\n' \
              '_raceline\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, cwd=self.folder, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_commands_and_their_subcommands(self):
        self.assertIn("tune", self.offers("raceline "))
        self.assertEqual(self.offers("raceline ex"), ["explain"])
        self.assertEqual(sorted(self.offers("raceline zoo ")), ["list", "write"])
        self.assertEqual(sorted(self.offers("raceline completions ")), ["bash", "fish", "zsh"])

    def test_options_of_the_command_alone(self):
        self.assertIn("--plan", self.offers("raceline explain net.onnx --p"))
        self.assertIn("--strategy", self.offers("raceline search --"))
        self.assertNotIn("--strategy", self.offers("raceline bench --"))

    def test_names_of_primitives_networks_strategies_and_files(self):
        self.assertIn("conv2d.reference.direct.nchw@cpu", self.offers("raceline tune net.onnx --without conv2d.ref"))
        self.assertEqual(self.offers("raceline zoo write squ"), ["squeezenet"])
        self.assertEqual(self.offers("raceline search --strategy ex"), ["exact"])
        (self.folder / "mine.plan").touch()
        self.assertEqual(self.offers("raceline run net.onnx --plan mi"), ["mine.plan"])
        self.assertEqual(self.offers("raceline diff mi"), ["mine.plan"])

    def test_scripts_of_other_shells_are_right_where_these_are_installed(self):
        for shell in ("zsh", "fish"):
            script = self.run_program("completions", shell).stdout
            self.assertIn("squeezenet", script)
            self.assertIn("conv2d.reference.direct.nchw@cpu", script)
            if not shutil.which(shell):
                print(f"{shell} is not installed: its script was not parsed")
                continue
            file = self.folder / f"script.{shell}"
            file.write_text(script)
            done = subprocess.run([shell, "-n", file], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        if shutil.which("fish"):
            ask = f"source {self.folder / 'script.fish'}; complete -C 'raceline zoo write squ'"
            done = subprocess.run(["fish", "--no-config", "-c", ask], capture_output=True, text=True)
            self.assertEqual(done.stdout.split(), ["squeezenet"], done.stderr)

    def test_another_shell_is_refused(self):
        self.refused("completions", "csh", words=("csh",))


if __name__ == "__main__":
    support.main()
