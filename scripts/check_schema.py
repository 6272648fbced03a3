"""Checks the JSON schema of sweep files: every file of experiments/ is valid, and files with a fault are not.

    cargo build --release
    python3 -m venv environment && environment/bin/pip install jsonschema
    environment/bin/python scripts/check_schema.py target/release/experiment
"""

import argparse
import json
import subprocess
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parent.parent
SMALL = 'name = "a"\nlosses = [{ name = "cross_entropy" }]\n'
SEEDS = "seeds = [1, 2]\n"
GOOD = [
    SMALL + SEEDS,
    SMALL + 'seeds = { until = "decided", at_most = 40 }\n',
    SMALL + SEEDS + '[train]\nlearning_rate = 1\nnesterov = true\nbackend = "flex"\n[grid]\nwidth = [8, 16]\n',
    'name = "b"\nlosses = [{ name = "sum", terms = [{ name = "focal", gamma = 1 }, { name = "poly1" }], weights = [-1, 2] }]\n' + SEEDS,
    SMALL + SEEDS + """
[tune]
seeds = [101]
metric = "accuracy"
[tune.grid]
learning_rate = [0.1, 0.01]
[tune.grid_for."focal(gamma=3)"]
learning_rate = [1.0, 0.5]
[[claim]]
better = "focal(gamma=3)"
than = "cross_entropy"
[[claim]]
better = "focal(gamma=3)"
than = "cross_entropy"
metric = "cross_entropy"
margin = 0.2
at = { learning_rate = 0.1 }
paired = false
[[claim]]
better = "focal(gamma=3)"
than = "cross_entropy"
at = "tuned"
[[claim]]
better = "focal(gamma=3)"
than = "cross_entropy"
at = { tuned_for = "cross_entropy" }
[reference]
name = "the paper"
source = "https://arxiv.org/abs/2110.06537"
note = "n"
[reference.settings]
learning_rate = 0.1
[[reference.result]]
loss = "cross_entropy"
metric = "accuracy"
value = 95.1
std = 0.2
seeds = 3
""",
]
BAD = [
    'name = "a"\n' + SEEDS,
    SMALL,
    SMALL.replace('"a"', '"a/b"') + SEEDS,
    SMALL + "seeds = []\n",
    SMALL + "seeds = [1, 1]\n",
    SMALL + "seeds = [-1]\n",
    SMALL + 'seeds = { until = "bored", at_most = 3 }\n',
    SMALL + 'seeds = { until = "decided" }\n',
    SMALL + SEEDS + "sedes = 1\n",
    SMALL + SEEDS + "[train]\nlearning_rate = 0\n",
    SMALL + SEEDS + "[train]\nmomentum = 1.0\n",
    SMALL + SEEDS + '[train]\nlearning_rate = "1e-3"\n',
    SMALL + SEEDS + "[train]\nwidht = 8\n",
    SMALL + SEEDS + '[train]\nmodel = "resnet19"\n',
    SMALL + SEEDS + "[grid]\nwidth = 8\n",
    SMALL + SEEDS + "[grid]\nthreads = [1]\n",
    'name = "a"\nlosses = [{ name = "focal", gama = 3 }]\n' + SEEDS,
    'name = "a"\nlosses = [{ name = "sum" }]\n' + SEEDS,
    SMALL + SEEDS + "[tune.grid]\nwidth = [8, 16]\n",
    SMALL + SEEDS + '[tune]\nseeds = [3]\nmetric = "log_odds"\n',
    SMALL + SEEDS + '[[claim]]\nbetter = "focal"\n',
    SMALL + SEEDS + '[[claim]]\nbetter = "focal"\nthan = "poly1"\nmargin = -1\n',
    SMALL + SEEDS + '[[claim]]\nbetter = "focal"\nthan = "poly1"\nat = "best"\n',
    SMALL + SEEDS + '[reference]\nname = "x"\n[[reference.result]]\nloss = "focal"\n',
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    program = parser.parse_args().program.resolve()
    schema = json.loads(subprocess.run([program, "schema"], check=True, stdout=subprocess.PIPE).stdout)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    files = sorted((ROOT / "experiments").glob("*.toml"))
    assert len(files) > 3, files
    good = {str(file): file.read_text() for file in files} | {text: text for text in GOOD}
    for name, text in good.items():
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(tomllib.loads(text))]
        assert not problems, (name, problems)
    for text in BAD:
        assert not validator.is_valid(tomllib.loads(text)), text
    print(f"{len(good)} sweep files are valid and {len(BAD)} are not, as they should be")


if __name__ == "__main__":
    main()
