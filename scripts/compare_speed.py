"""Training and inference speed beside PyTorch's, measured in turn on the same cores.

    cargo build --release --workspace
    python scripts/compare_speed.py target/release/experiment --rounds 5

Each round runs `experiment bench` and the same step in PyTorch (f32, channels last, two threads) one
after the other, each in a process of its own; a row's ratio is the median of its rounds' ratios. So
what else the machine does falls on both. Needs torch and numpy; prints a Markdown table.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

from peer_sweep import resnet18

THREADS = 2
BATCH = 128
WARMUP_STEPS = 3
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


def peer(width, mode, steps):
    """Images per second of PyTorch's median step and the process's peak memory."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    model = resnet18(width).to(memory_format=torch.channels_last)
    model.train(mode == "training")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    images = torch.randn(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % 10
    rates = []
    for _ in range(WARMUP_STEPS + steps):
        start = time.perf_counter()
        with torch.set_grad_enabled(mode == "training"):
            loss = F.cross_entropy(model(images), labels)
        if mode == "training":
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()
        rates.append(BATCH / (time.perf_counter() - start))
    return {
        "images_per_second": statistics.median(rates[WARMUP_STEPS:]),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def output_of(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def compare(program, backend, width, mode, rounds, steps):
    """The table's row of one setting."""
    options = f"--backend {backend} --width {width} --mode {mode} --batch {BATCH} --threads {THREADS}"
    ours = [program, "bench", "--json", "--steps", str(steps), *options.split()]
    theirs = [sys.executable, __file__, "peer", "--width", str(width), "--mode", mode, "--steps", str(steps)]
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
    parser.add_argument("program", help="the built experiment, or `peer` for one measurement of PyTorch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--width", type=int)
    parser.add_argument("--mode", choices=["training", "inference"])
    arguments = parser.parse_args()
    if arguments.program == "peer":
        print(json.dumps(peer(arguments.width, arguments.mode, arguments.steps)))
        return
    print("| backend | width | step | images/s | PyTorch | ratio | its range | peak MB | PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|")
    for backend, width, mode in ROWS:
        print(compare(arguments.program, backend, width, mode, arguments.rounds, arguments.steps), flush=True)


if __name__ == "__main__":
    main()
