"""Two races for a trial that chance shows only on a busy machine: strace holds a process up between two system calls."""

import signal
import time

from reliability.bench import SWEEP, Attack, Sweep, contents

ONE_TRIAL = SWEEP.replace('{ name = "cross_entropy" }, ', "").replace("epochs = 2", "epochs = 20").split("[[claim]]")[0]


def races(bench):
    """A process looks, finds no attempt at a trial, and is late when it gives its own the name `attempts/ID.1`."""
    attack = Attack("a process that is late for a trial: it has ended, or another attempt is under way")
    sweep = Sweep(bench, "one", seeds=1, text=ONE_TRIAL)
    for race in (late_for_the_end, late_for_a_takeover):
        race(attack, sweep, bench.store())
        attack.tries += 1
    return attack


def late_for_the_end(attack, sweep, store):
    """The name is taken when the late process asks for it, and free again when it looks who has it."""
    late = hold_up(sweep, store, "delay_enter=2000000:delay_exit=15000000")
    first = sweep.start(store)
    ends_well(attack, first, "the first process")
    expect_held_up(attack, store)
    ends_well(attack, late, "a process that is late for the end")
    is_as_undisturbed(attack, sweep, store, "late for the end")


def late_for_a_takeover(attack, sweep, store):
    """The name is free since a second process took the attempt over from the first, which was killed, and so gave it the
    next name. Whoever trains the trial then, one result counts and no process fails."""
    late = hold_up(sweep, store, "delay_enter=8000000", "--stale-after", "1")
    first = sweep.start(store)
    wait_for(store, "attempts/[!.]*.1/steps.jsonl")
    first.kill()
    first.communicate()
    start = time.time()
    second = sweep.start(store)
    # It trains: the file is another since.
    wait_for(store, "attempts/[!.]*.2/steps.jsonl", start)
    second.send_signal(signal.SIGSTOP)
    expect_held_up(attack, store)
    ends_well(attack, late, "a process that is late for a takeover")
    second.send_signal(signal.SIGCONT)
    ends_well(attack, second, "the process that took the attempt over")
    is_as_undisturbed(attack, sweep, store, "late for a takeover")


def hold_up(sweep, store, delay, *more):
    """Starts a process and holds it up in its third `rename`, after those of `plan.json` and of its `lease.json`."""
    strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=rename", "-e", f"inject=rename:{delay}:when=3"]
    late = sweep.start(store, *more, before=strace)
    wait_for(store, "attempts/.*/lease.json")
    return late


def expect_held_up(attack, store):
    is_held_up = any(store.glob("attempts/.*/lease.json"))
    attack.expect(is_held_up, "no process was held up for long enough in the rename of its attempt")


def wait_for(store, pattern, start=0):
    """Waits for a file that was written since a time."""
    end = time.monotonic() + 60
    while not any(file.stat().st_mtime > start for file in store.glob(pattern)):
        assert time.monotonic() < end, f"there is no new {pattern}"
        time.sleep(0.005)


def ends_well(attack, process, what):
    _, messages = process.communicate()
    attack.expect(process.returncode == 0, f"{what}: exit code {process.returncode}: {messages[-600:]}")


def is_as_undisturbed(attack, sweep, store, what):
    attack.expect(contents(store) == sweep.expected, f"{what}: other results than undisturbed")
    sweep.recovers(attack, store, what)
