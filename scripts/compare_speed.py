"""Compares training and inference speed with PyTorch's, alternating on the same cores.

    cargo build --release
    python3 scripts/compare_speed.py target/release/experiment --rounds 5
    python3 scripts/compare_speed.py target/release/experiment --instructions avx2

Each round runs `experiment bench` and the same step in PyTorch, eager and by torch.compile (f32, channels last,
two threads), one after the other, each in a separate process. So other load on the machine affects all of
them. A row's ratio is the median of its rounds' ratios to the faster of the two. If torch.compile does not
work, its column shows a dash. `--instructions` limits all of them to one set. Needs torch; prints a Markdown table.
"""

import argparse
import json
import os
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
# What limits PyTorch and its oneDNN to a set of instructions.
PEER_LIMITS = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}


def output_of(command, environment, check=True):
    """The JSON that a process prints; None if it fails and that is not an error."""
    errors = None if check else subprocess.DEVNULL
    finished = subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=errors, env=os.environ | environment)
    return json.loads(finished.stdout) if finished.returncode == 0 else None


def rate(run):
    """Images per second; 0 if there is none, as for the peer if PyTorch fails."""
    return run.get("images_per_second", 0.0) if run else 0.0


def compare(arguments, backend, width, mode):
    """The table's row of one setting."""
    options = f"--width {width} --mode {mode} --batch {BATCH} --threads {THREADS} --steps {arguments.steps}".split()
    limit = PEER_LIMITS.get(arguments.instructions, {})
    chosen = {"EXPERIMENT_INSTRUCTIONS": arguments.instructions or ""}
    peer = [sys.executable, str(PEER), *options]
    rounds = []
    for _ in range(arguments.rounds):
        own = output_of([arguments.program, "bench", "--json", "--backend", backend, *options], chosen)[0]
        rounds.append((own, output_of(peer, limit), output_of([*peer, "--compile"], limit, check=False)))
    ratios = [rate(own) / max(rate(eager), rate(compiled)) for own, eager, compiled in rounds]
    own, eager, compiled = (statistics.median(map(rate, runs)) for runs in zip(*rounds))
    memory = [max(run["peak_memory_bytes"] for run in runs) / 1e6 for runs in list(zip(*rounds))[:2]]
    return (
        f"| {rounds[0][0]['instructions']} | {backend} | {width} | {mode} | {own:.0f} | {eager:.0f} | {format(compiled, '.0f') if compiled else '–'} "
        f"| **{statistics.median(ratios):.2f}** | {min(ratios):.2f} to {max(ratios):.2f} | {memory[0]:.0f} | {memory[1]:.0f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built experiment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--instructions", choices=PEER_LIMITS, help="limit all to these; the widest by default")
    arguments = parser.parse_args()
    print("| instructions | backend | width | step | images/s | PyTorch | compiled | ratio | range of ratios | peak MB | PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for setting in ROWS:
        print(compare(arguments, *setting), flush=True)


if __name__ == "__main__":
    main()
