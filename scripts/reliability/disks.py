"""Disks that are full or fail."""

import itertools
import subprocess
from pathlib import Path

from reliability.bench import REMAINS, Attack, Sweep, changed, contents, end_of, id_of, run, snapshot

# What a disk refuses, by the system calls with which the program changes or reads a store.
CALLS = {
    "EIO": ["openat", "read", "write", "fsync", "rename", "mkdir", "unlink", "ftruncate", "statx"],
    "ENOSPC": ["openat", "write", "fsync", "rename", "mkdir"],
}
PAGE = 4096


class SmallDisk:
    """A file system in memory with some bytes; it stays mounted within `with`."""

    def __init__(self, folder, size):
        self.folder = folder
        self.size = size

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.folder], check=True)
        return self

    def remount(self, options):
        run(["mount", "-o", f"remount,{options}", self.folder], check=True)

    def __exit__(self, *_):
        run(["umount", "--lazy", self.folder], check=True)

    @staticmethod
    def refusal(folder):
        """Why this process may not mount one; empty if it may."""
        try:
            with SmallDisk(folder, PAGE * 4):
                return ""
        except FileNotFoundError as error:
            return str(error)
        except subprocess.CalledProcessError as error:
            return error.stderr.strip()


def full_disks(bench, sizes=20):
    """From a disk on which nothing fits to one that lacks a few kB at the end."""
    attack = Attack(f"a disk that is full, of {sizes} sizes")
    sweep = Sweep(bench, "four", seeds=2)
    needed = sum(-(-file.stat().st_size // PAGE) * PAGE for file in sweep.store.glob("trials/*/*"))
    for number in range(sizes):
        size = (1 + number * (needed // PAGE - 1) // sizes) * PAGE
        with SmallDisk(bench.folder / "disk", size) as disk:
            store, what = disk.folder / "store", f"{size} of {needed} bytes"
            full = sweep.run(store)
            attack.tries += 1
            attack.expect_no_panic(full, what)
            attack.expect(full.returncode == 1, f"{what}: exit code {full.returncode}: {end_of(full)}")
            is_named = f"{store}" in full.stderr and "No space left" in full.stderr
            attack.expect(is_named, f"{what}: the message does not say where and why: {end_of(full)}")
            done, found = snapshot(store), contents(store)
            attack.expect(
                all(found[trial, name] == sweep.expected[trial, name] for trial, name in found),
                f"{what}: other results than undisturbed",
            )
            disk.remount(f"size={8 * needed}")
            sweep.recovers(attack, store, what)
            attack.expect(not changed(done, snapshot(store)), f"{what}: done trials have changed")
    return attack


def faults(bench, error, start, name, every):
    """One system call of a run fails: each that names a path of the store, or every N-th."""
    which = "each" if every == 1 else f"every {every}th"
    attack = Attack(f"{error} at {which} {', '.join(CALLS[error])} of {name} trial")
    sweep, log = bench.small, bench.folder / "calls.log"
    for call in CALLS[error]:
        for position in itertools.count(1, every):
            store = bench.store(start)
            before = checkpoints(store)
            only = [part for path in paths(bench, store) for part in ("-P", path)]
            log.unlink(missing_ok=True)
            inject = f"inject={call}:error={error}:when={position}"
            strace = ["strace", "-f", "--seccomp-bpf", "-o", log, "-e", f"trace={call}", "-e", inject, *only]
            faulted = sweep.run(store, before=strace)
            if "(INJECTED)" not in log.read_text():
                break
            what = f"{call} {position}"
            attack.tries += 1
            attack.expect_no_panic(faulted, what)
            attack.expect(faulted.returncode in (0, 1), f"{what}: exit code {faulted.returncode}: {end_of(faulted)}")
            attack.expect("restarted from the beginning" not in faulted.stderr, f"{what}: a good checkpoint was given up")
            ended = {file.parent.name for file in snapshot(store)}
            lost = before.keys() - checkpoints(store).keys() - ended
            attack.expect(not lost, f"{what}: the checkpoint of {lost} is gone")
            sweep.recovers(attack, store, what)
    return attack


def checkpoints(store):
    return {id_of(file.parent): file.read_bytes() for file in (store / "attempts").glob("*/checkpoint*.safetensors")}


def paths(bench, store):
    """All names that the program can give to a file or folder of a store, but for an attempt's before it is one."""
    stores = (bench.small.store, bench.interrupted)
    names = {path.relative_to(other) for other in stores for path in other.rglob("*")}
    trials = {name.parts[1] for name in names if name.parts[0] == "trials" and len(name.parts) > 1}
    files = {name.name for name in names if name.parts[0] in ("trials", "attempts") and len(name.parts) > 2}
    attempts = [Path("attempts", f"{trial}.{number}") for trial in trials for number in (1, 2, 3)]
    names |= {attempt / file for attempt in attempts for file in [*files, *REMAINS, ""]}
    names |= {name.with_name(f".{name.name}.partial") for name in names}
    return [store, *(store / name for name in sorted(names))]
