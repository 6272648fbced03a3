#!/usr/bin/env python3
"""Tests a store against kills, damaged files, full and failing disks, odd worlds and many processes; counts the attempts.

    scripts/check_reliability.py PROGRAM [--cifar10 FOLDER]
    scripts/check_reliability.py PROGRAM --kills 500           the long run

Every attack starts from a separate store, is followed by the same command without an attack, and must produce the same
bytes as an undisturbed sweep. Full disks need the right to mount one; failing disks and held up processes need strace,
which makes the N-th system call of a kind fail or wait. Without these they are not tested, and that is said. Exits with
1 if any attack failed.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

# The modules beside this file are not compiled into a folder that git would see.
sys.dont_write_bytecode = True

from reliability.bench import Bench
from reliability.disks import CALLS, SmallDisk, faults, full_disks
from reliability.flips import flips
from reliability.kills import kills, real_sweep
from reliability.processes import processes
from reliability.races import races
from reliability.worlds import odd_worlds

NAMES = ["kills", "flips", "full", "worlds", "processes", "races", "cifar10", "faults"]


def attacks(bench, arguments):
    """Yields each attack when it is over."""
    # So that an attack alone is the same as among the others.
    source = lambda: random.Random(arguments.seed)
    if "kills" in arguments.only:
        yield kills(bench, source(), arguments.kills)
    if "flips" in arguments.only:
        yield from flips(bench, source(), arguments.flips)
    if "full" in arguments.only:
        if refusal := SmallDisk.refusal(bench.folder / "disk"):
            skipped(f"full disks: no file system can be mounted: {refusal}")
        else:
            yield full_disks(bench)
    if "worlds" in arguments.only:
        yield odd_worlds(bench)
    if "processes" in arguments.only:
        yield processes(bench, arguments.trials)
    if "races" in arguments.only:
        if shutil.which("strace"):
            yield races(bench)
        else:
            skipped("processes that are held up: strace is not installed")
    if "cifar10" in arguments.only:
        if arguments.cifar10:
            yield real_sweep(bench, source(), arguments.cifar10)
        else:
            skipped("a real sweep: --cifar10 was not given")
    if "faults" in arguments.only:
        if shutil.which("strace"):
            for error in CALLS:
                yield faults(bench, error, None, "a fresh", arguments.every)
                yield faults(bench, error, bench.interrupted, "a resumed", arguments.every)
        else:
            skipped("failing disks: strace is not installed")


def skipped(what):
    print(f"not tested: {what}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda path: Path(path).resolve())
    parser.add_argument("--kills", type=int, default=25, help="500 take six minutes")
    parser.add_argument("--flips", type=int, default=1000, help="in all files together")
    parser.add_argument("--every", type=int, default=25, help="let each N-th system call of a kind fail")
    parser.add_argument("--trials", type=int, default=200, help="of the many processes")
    parser.add_argument("--cifar10", type=Path, help="folder with the files of CIFAR-10, for a real sweep")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="which attacks, all by default")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # So that disks are unmounted and folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ended = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.program, Path(folder))
        start = time.monotonic()
        for attack in attacks(bench, arguments):
            attack.expect(attack.tries > 0, "nothing was tried")
            print(f"{time.monotonic() - start:4.0f} s  {attack.name}: {attack.tries} tries", file=sys.stderr, flush=True)
            ended.append(attack)
            start = time.monotonic()
    print("| attack | tries | did not hold |\n|---|---|---|")
    for attack in ended:
        print(f"| {attack.name} | {attack.tries} | {len(attack.failures)} |")
        for failure in attack.failures[:5]:
            print(f"{attack.name}: {failure}", file=sys.stderr)
    if any(attack.failures for attack in ended):
        sys.exit(1)


if __name__ == "__main__":
    main()
