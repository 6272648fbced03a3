"""Many processes that share a store."""

import json
import signal
import subprocess
import time
from pathlib import Path

from reliability.bench import SWEEP, Attack, Sweep, contents, end_of, id_of

# One step per trial, so that what is between trials is most of the time.
SHORT_TRIALS = SWEEP.replace("epochs = 2", "epochs = 1").replace("subset = 48", "subset = 16")


def processes(bench, trials):
    """Eight processes train into one store; two are killed and one is stopped until another took its trial over."""
    attack = Attack(f"8 processes and {trials} trials, 2 killed, 1 stopped")
    sweep = Sweep(bench, "many", seeds=trials // 2, text=SHORT_TRIALS)
    store = bench.store()
    logs = [(bench.folder / f"process-{number}.log").open("w+") for number in range(8)]
    command = sweep.command(store, "--stale-after", "1")
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log) for log in logs]

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
    for process in running:
        process.wait()
    for number, (process, log) in enumerate(zip(running, logs)):
        code = -signal.SIGKILL if number < 2 else 0
        said = Path(log.name).read_text()[-600:]
        attack.expect(process.returncode == code, f"process {number}: exit code {process.returncode}: {said}")
    attack.expect(contents(store) == sweep.expected, "other results than one process has")
    attack.expect(len({trial for trial, _ in sweep.expected}) == trials, "trials are missing")
    report = bench.report(store)
    attack.expect((report.returncode, report.stdout) == (0, sweep.table), f"another report: {end_of(report)}")
    # A kill before an attempt has its name leaves a folder that begins with a dot and is never looked at.
    left = [path.name for path in store.glob("attempts/[!.]*")]
    attack.expect(not left, f"attempts are left: {left}")
    expect_one_end_of_each_trial(attack, logs, trials)
    return attack


def expect_one_end_of_each_trial(attack, logs, trials):
    texts = []
    for log in logs:
        log.seek(0)
        texts.append(log.read())
        log.close()
    ended = [line for text in texts for line in text.splitlines() if ": done: " in line]
    # A process can be killed between a result and the line about it.
    attack.expect(trials - 2 <= len(ended) <= trials, f"{len(ended)} lines say that a trial is done")
    attack.expect(not any("panicked" in text for text in texts), "a process panicked")


def read_json(file):
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}  # It was given back meanwhile.
