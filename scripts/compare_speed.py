"""Training and inference speed beside PyTorch's, measured in turn on the same cores.

    cargo build --release --workspace
    python scripts/compare_speed.py target/release/experiment --rounds 5

Each round runs `experiment bench` and the same step in PyTorch (f32, channels last, two threads) one
after the other, each in a process of its own; a row's ratio is the median of its rounds' ratios. So
what else the machine does falls on both. Needs torch; prints a Markdown table.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

THREADS = 2
BATCH = 128
PEER = Path(__file__).with_name("peer_resnet18.py")
# backend, width, mode
ROWS = [
    ("flex", 64, "training"),
    ("ndarray", 64, "training"),
    ("flex", 16, "training"),
    ("ndarray", 16, "training"),
    ("flex", 8, "training"),
    ("flex", 64, "inference"),
    ("flex", 16, "inference"),
]


def output_of(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def compare(program, backend, width, mode, rounds, steps):
    """The table's row of one setting."""
    options = f"--width {width} --mode {mode} --batch {BATCH} --threads {THREADS} --steps {steps}".split()
    ours = [program, "bench", "--json", "--backend", backend, *options]
    theirs = [sys.executable, str(PEER), *options]
    pairs = [(output_of(ours)[0], output_of(theirs)) for _ in range(rounds)]
    rates = [[run["images_per_second"] for run in runs] for runs in zip(*pairs)]
    ratios = [own / other for own, other in zip(*rates)]
    memory = [max(run["peak_memory_bytes"] for run in runs) / 1e6 for runs in zip(*pairs)]
    own, other = map(statistics.median, rates)
    return (
        f"| {backend} | {width} | {mode} | {own:.0f} | {other:.0f} | **{statistics.median(ratios):.2f}** "
        f"| {min(ratios):.2f} to {max(ratios):.2f} | {memory[0]:.0f} | {memory[1]:.0f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built experiment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    print("| backend | width | step | images/s | PyTorch | ratio | its range | peak MB | PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|")
    for backend, width, mode in ROWS:
        print(compare(arguments.program, backend, width, mode, arguments.rounds, arguments.steps), flush=True)


if __name__ == "__main__":
    main()
