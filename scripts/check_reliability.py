#!/usr/bin/env python3
"""Tests a store against kills, failing disks, flipped bits and many processes, and counts the attempts.

    scripts/check_reliability.py PROGRAM [--kills 25] [--flips 8] [--every 1] [--trials 200] [--seed 1]

Every attack starts from a separate store, is followed by the same command without an attack, and must produce the same
bytes as an undisturbed sweep. Disk faults need strace, which makes the N-th system call of a kind
fail; without it they are not tested. Exits with 1 if any attack failed.
"""

import argparse
import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SWEEP = """\
name = "attacked"
losses = [{ name = "cross_entropy" }, { name = "encouraging" }]
seeds = [1]
[train]
dataset = "shapes"
width = 2
epochs = 3
batch_size = 32
subset = 96
validation = 50
learning_rate = 0.05
backend = "flex"
threads = 1
"""

# What a disk refuses, by the system calls with which the program changes or reads a store.
CALLS = {
    "EIO": ["openat", "read", "write", "fsync", "rename", "mkdir", "unlink", "ftruncate", "statx"],
    "ENOSPC": ["openat", "write", "fsync", "rename", "mkdir"],
}

SAME = ["model.safetensors", "steps.jsonl", "settings.toml"]


class Attack:
    """A row of the table: what was tried how often, and what did not hold."""

    def __init__(self, name):
        self.name = name
        self.tries = 0
        self.failures = []

    def expect(self, holds, what):
        if not holds:
            self.failures.append(what)


class Bench:
    """The program, a sweep file, and what an undisturbed sweep leaves."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.file = folder / "sweep.toml"
        self.file.write_text(SWEEP)
        expected = folder / "undisturbed"
        assert self.run(expected).returncode == 0
        self.expected = contents(expected)
        self.interrupted = folder / "interrupted"
        self.interrupt(self.interrupted)

    def command(self, store):
        return [self.program, "run", self.file, "--store", store, "--checkpoint-interval", "0"]

    def run(self, store, before=()):
        return subprocess.run([*before, *self.command(store)], capture_output=True, text=True)

    def interrupt(self, store):
        """A store of which one trial is done and the other has a checkpoint."""
        code = None
        while code != 75:
            shutil.rmtree(store, ignore_errors=True)
            process = subprocess.Popen(self.command(store), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            while process.poll() is None and not (any(store.glob("trials/*/result.json")) and checkpoints(store)):
                time.sleep(0.001)
            process.send_signal(signal.SIGTERM)
            code = process.wait()
            assert code in (0, 75), f"exit code {code}"

    def paths(self, store):
        """All names that the program can give to a file or folder of a store, but for an attempt's before it is one."""
        names = {path.relative_to(other) for other in (self.folder / "undisturbed", self.interrupted) for path in other.rglob("*")}
        trials = {name.parts[1] for name in names if name.parts[0] == "trials" and len(name.parts) > 1}
        files = {Path(*name.parts[2:]) for name in names if name.parts[0] in ("trials", "attempts") and len(name.parts) > 1}
        files |= {Path(name) for name in ("lease.json", "checkpoint.safetensors", "checkpoint-before.safetensors")}
        names |= {Path("attempts", f"{trial}.{number}", file) for trial in trials for number in (1, 2, 3) for file in files}
        names |= {name.with_name(f".{name.name}.partial") for name in names}
        return [store, *(store / name for name in sorted(names))]

    def store(self, start=None):
        store = self.folder / "attacked"
        shutil.rmtree(store, ignore_errors=True)
        if start:
            shutil.copytree(start, store)
        return store

    def recovers(self, attack, store, what):
        finished = self.run(store)
        attack.expect(finished.returncode == 0, f"{what}: then exit code {finished.returncode}: {finished.stderr[-300:]}")
        attack.expect(contents(store) == self.expected, f"{what}: then other results than undisturbed")


def contents(store):
    """All that must come out the same, by trial and file."""
    found = {}
    for trial in sorted((store / "trials").glob("*")):
        for name in SAME:
            file = trial / name
            found[trial.name, name] = file.read_bytes() if file.exists() else None
        result = trial / "result.json"
        found[trial.name, "test"] = json.loads(result.read_text())["test"] if result.exists() else None
    return found


def checkpoints(store):
    found = {}
    for file in (store / "attempts").glob("*/checkpoint*.safetensors"):
        try:
            found[id_of(file.parent)] = file.read_bytes()
        except FileNotFoundError:
            pass  # The trial has ended meanwhile.
    return found


def id_of(attempt):
    return attempt.name.split(".")[0]


def kills(bench, random, count):
    attack = Attack("SIGKILL at a random moment, and again until the sweep is done")
    start = time.monotonic()
    bench.run(bench.store())
    duration = time.monotonic() - start
    while attack.tries < count:
        store = bench.store()
        while attack.tries < count:
            process = subprocess.Popen(bench.command(store), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                _, messages = process.communicate(timeout=random.uniform(0, duration / 2))
                attack.expect(process.returncode == 0, f"exit code {process.returncode}: {messages[-300:]}")
                break
            except subprocess.TimeoutExpired:
                process.kill()
                _, messages = process.communicate()
                attack.tries += 1
            attack.expect("warning" not in messages, f"kill {attack.tries}: {messages[-300:]}")
        bench.recovers(attack, store, f"kill {attack.tries}")
    return attack


def faults(bench, error, start, name, every):
    attack = Attack(f"{error} at each {', '.join(CALLS[error])} of {name} trial")
    log = bench.folder / "calls.log"
    for call in CALLS[error]:
        for position in itertools.count(1, every):
            store = bench.store(start)
            before = checkpoints(store)
            only = [part for path in bench.paths(store) for part in ("-P", path)]
            log.unlink(missing_ok=True)
            inject = f"inject={call}:error={error}:when={position}"
            faulted = bench.run(store, ["strace", "-f", "--seccomp-bpf", "-o", log, "-e", f"trace={call}", "-e", inject, *only])
            if "(INJECTED)" not in log.read_text():
                break
            what = f"{call} {position}"
            attack.tries += 1
            attack.expect(faulted.returncode in (0, 1), f"{what}: exit code {faulted.returncode}: {faulted.stderr[-300:]}")
            attack.expect("panicked" not in faulted.stderr, f"{what}: {faulted.stderr[-300:]}")
            attack.expect("restarted from the beginning" not in faulted.stderr, f"{what}: a good checkpoint was given up")
            ended = {trial for (trial, part), value in contents(store).items() if part == "test" and value}
            lost = before.keys() - checkpoints(store).keys() - ended
            attack.expect(not lost, f"{what}: the checkpoint of {lost} is gone")
            bench.recovers(attack, store, what)
    return attack


def flips(bench, random, count):
    """Changes a finished store; the report must name the trial and exclude it."""
    attack = Attack("a flipped bit in each file of a finished store")
    finished = bench.folder / "undisturbed"
    for file in sorted(finished.glob("trials/*/*")):
        for _ in range(count):
            store = bench.store(finished)
            changed = flip(store / file.relative_to(finished), random)
            report = subprocess.run([bench.program, "report", store], capture_output=True, text=True)
            attack.tries += 1
            attack.expect(report.returncode == 3, f"{changed}: exit code {report.returncode}")
            attack.expect(file.parent.name in report.stderr, f"{changed}: not named")
    return attack


def flips_in_unfinished(bench, random, count):
    """Changes a store with a checkpoint; the sweep must end as an undisturbed one."""
    attack = Attack("a flipped bit in each file of an interrupted trial")
    for trial in (bench.interrupted / "attempts").glob("*"):
        for file in (file for file in sorted(trial.glob("*")) if file.stat().st_size):
            for _ in range(count):
                store = bench.store(bench.interrupted)
                changed = flip(store / file.relative_to(bench.interrupted), random)
                attack.tries += 1
                bench.recovers(attack, store, changed)
    return attack


def processes(bench, trials):
    """Eight processes train into one store; two are killed and one is stopped until another took its trial over."""
    attack = Attack(f"8 processes and {trials} trials, 2 killed, 1 stopped")
    file = bench.folder / "many.toml"
    file.write_text(SWEEP.replace("seeds = [1]", f"seeds = {list(range(trials // 2))}").replace("epochs = 3", "epochs = 1"))
    store, alone = bench.folder / "many", bench.folder / "alone"
    command = [bench.program, "run", file, "--threads", "1", "--stale-after", "1", "--store"]
    logs = [(bench.folder / f"process-{number}.log").open("w+") for number in range(8)]
    running = [subprocess.Popen([*command, store], stdout=subprocess.DEVNULL, stderr=log) for log in logs]

    def wait_until(holds):
        while not holds() and any(process.poll() is None for process in running):
            time.sleep(0.01)

    def leases():
        return {read_json(lease).get("pid"): lease.parent for lease in (store / "attempts").glob("*/lease.json")}

    for number, process in enumerate(running[:3]):
        wait_until(lambda: process.pid in leases())
        process.send_signal(signal.SIGSTOP)
        # The trial can have ended before the signal came.
        held = leases().get(process.pid)
        attack.expect(process.poll() is None, f"process {number} has ended too early")
        attack.tries += 1
        if number < 2:
            process.kill()
        elif held:
            wait_until(lambda: not held.exists() or (store / "trials" / id_of(held)).exists())
    running[2].send_signal(signal.SIGCONT)
    codes = [process.wait() for process in running]
    attack.expect(codes == [-signal.SIGKILL] * 2 + [0] * 6, f"exit codes {codes}")
    subprocess.run([*command, alone], check=True, capture_output=True)
    attack.expect(contents(store) == contents(alone), "other results than one process has")
    attack.expect(len(contents(alone)) == trials * (len(SAME) + 1), "trials are missing")
    report = subprocess.run([bench.program, "report", store], capture_output=True, text=True)
    attack.expect(report.returncode == 0, f"report: {report.stderr[-300:]}")
    attack.expect(not any((store / "attempts").iterdir()), "attempts are left")
    texts = []
    for log in logs:
        log.seek(0)
        texts.append(log.read())
    ended = [line for text in texts for line in text.splitlines() if ": done: " in line]
    # A process can be killed between a result and the line about it.
    attack.expect(trials - 2 <= len(ended) <= trials, f"{len(ended)} lines say that a trial is done")
    attack.expect(not any("panicked" in text for text in texts), "a process panicked")
    return attack


def read_json(file):
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}  # It was given back meanwhile.


def flip(file, random):
    content = bytearray(file.read_bytes())
    place = random.randrange(len(content))
    content[place] ^= 1 << random.randrange(8)
    file.write_bytes(content)
    return f"{file.name}, byte {place}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda path: Path(path).resolve())
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--flips", type=int, default=8, help="in each file")
    parser.add_argument("--every", type=int, default=1, help="let each N-th system call of a kind fail")
    parser.add_argument("--trials", type=int, default=200, help="of the many processes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    source = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.program, Path(folder))
        attacks = [kills(bench, source, arguments.kills), flips(bench, source, arguments.flips)]
        attacks.append(flips_in_unfinished(bench, source, arguments.flips))
        attacks.append(processes(bench, arguments.trials))
        if shutil.which("strace"):
            for error in CALLS:
                attacks.append(faults(bench, error, None, "a fresh", arguments.every))
                attacks.append(faults(bench, error, bench.interrupted, "a resumed", arguments.every))
        else:
            print("strace is not installed: disk faults were not tested", file=sys.stderr)
    for attack in attacks:
        attack.expect(attack.tries > 0, "nothing was tried")
    print("| attack | tries | did not hold |\n|---|---|---|")
    for attack in attacks:
        print(f"| {attack.name} | {attack.tries} | {len(attack.failures)} |")
        for failure in attack.failures[:5]:
            print(failure, file=sys.stderr)
    if any(attack.failures for attack in attacks):
        sys.exit(1)


if __name__ == "__main__":
    main()
