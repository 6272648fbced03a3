#!/usr/bin/env python3
"""Measures what a store costs: `plan` and `status` of thousands of trials, and the file operations of a trial.

    cargo build --release
    python3 scripts/measure_store.py target/release/experiment

Trains one trial of each loss and makes a store in which nine in ten of all trials have ended with their results. The
file operations are timed with strace, whose own time they include.
"""

import argparse
import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SWEEP = """\
name = "many"
losses = [{ name = "cross_entropy" }, { name = "mean_squared_error" }]
seeds = SEEDS
[grid]
weight_decay = WEIGHT_DECAYS
[train]
dataset = "shapes"
width = 2
epochs = 1
batch_size = 32
subset = 64
validation = 50
learning_rate = 0.05
backend = "flex"
threads = 1
"""
TRIALS = 10_000
SHARE_ENDED = 0.9
ROUNDS = 5
TRACED_SEEDS = 10
# What can wait for the disk.
FILE_OPERATIONS = "openat,write,close,fsync,fdatasync,rename,renameat2,unlink,unlinkat,mkdir,rmdir,ftruncate,linkat"


def sweep(folder, seeds, weight_decays=1):
    """A file of so many trials of each of two losses."""
    file = folder / f"{seeds}-{weight_decays}.toml"
    decays = [place * 1e-4 for place in range(1, weight_decays + 1)]
    file.write_text(SWEEP.replace("SEEDS", str(list(range(1, seeds + 1)))).replace("WEIGHT_DECAYS", str(decays)))
    return file


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_store(program, folder):
    """A store of TRIALS, most of which have ended; returns it and the sweep's file."""
    trained = folder / "trained"
    output(program, "run", sweep(folder, 1), "--store", trained)
    models = {json.loads(file.read_text())["settings"]["loss"]["name"]: file.parent for file in trained.glob("trials/*/result.json")}
    file, store = sweep(folder, TRIALS // 10, 5), folder / "store"
    listed = output(program, "run", file, "--store", store, "--dry-run")
    trials = re.findall(r"^(\w{12}) +new +(\w+), weight_decay = (\S+), seed (\d+)$", listed, re.MULTILINE)
    assert len(trials) == TRIALS, f"expected {TRIALS} trials, found {len(trials)}"
    output(program, "plan", file, "--store", store, "--declare")
    for trial, loss, weight_decay, seed in trials[: round(SHARE_ENDED * TRIALS)]:
        copy_trial(models[loss], store / "trials" / trial, {"weight_decay": float(weight_decay), "seed": int(seed)})
    return file, store


def copy_trial(model, folder, settings):
    """A trial with the results of `model`, as if of other settings."""
    shutil.copytree(model, folder)
    result = folder / "result.json"
    content = json.loads(result.read_text())
    content["id"] = folder.name
    content["settings"].update(settings)
    result.write_text(json.dumps(content, indent=2))
    sums = folder / "SHA256SUMS"
    digest = hashlib.sha256(result.read_bytes()).hexdigest()
    sums.write_text(re.sub(r"^\w{64}  result\.json$", f"{digest}  result.json", sums.read_text(), flags=re.MULTILINE))


def seconds(*command):
    start = time.monotonic()
    output(*command)
    return time.monotonic() - start


def print_seconds(name, times):
    print(f"{name}: {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})")


def file_operations_ms(program, folder):
    """For each trial, the milliseconds in which at least one file operation of the program was under way."""
    trace = folder / "trace"
    options = ["-f", "-ttt", "-T", "-e", f"trace={FILE_OPERATIONS}", "-o", trace]
    output("strace", *options, program, "run", sweep(folder, TRACED_SEEDS), "--store", folder / "traced")
    trials, total, end = [], 0.0, 0.0
    for start, stop, commits in sorted(spans(trace.read_text())):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
        if commits:
            trials.append(1e3 * total)
            total = 0.0
    assert len(trials) == 2 * TRACED_SEEDS, f"expected {2 * TRACED_SEEDS} trials, found {len(trials)}"
    return trials


def spans(trace):
    """When each call began and ended, and whether it is the rename that commits a trial."""
    begun = {}
    for line in trace.splitlines():
        call = re.match(r"^(\d+) +([\d.]+) (.*?)(?:<([\d.]+)>)?$", line)
        process, time, text, seconds = call[1], float(call[2]), call[3], call[4]
        if "<unfinished ...>" in text:
            begun[process] = (time, text)
        elif seconds:
            start, text = begun.pop(process) if "resumed>" in text else (time, text)
            yield start, start + float(seconds), bool(re.match(r"rename.*/attempts/.*/trials/", text))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the built experiment")
    program = parser.parse_args().program.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, store = make_store(program, folder)
        # The weights of every trial are verified once.
        print_seconds("first status", [seconds(program, "status", store)])
        commands = {"status": ["status", store], "plan": ["plan", file, "--store", store]}
        times = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(seconds(program, *command))
        for name in commands:
            print_seconds(name, times[name])
        times = file_operations_ms(program, folder)
        print(f"file operations of a trial: {statistics.median(times):.1f} ms ({min(times):.1f} to {max(times):.1f})")


if __name__ == "__main__":
    sys.exit(main())
