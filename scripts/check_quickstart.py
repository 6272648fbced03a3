"""Compares the quickstart with each set of vector instructions of this machine with the table in README.md.

    cargo build --release
    python3 scripts/check_quickstart.py target/release/experiment

Fails if a mean is outside the interval that README.md states for its loss, or if AVX2 and AVX-512 differ
at all: their kernels sum in the same order.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SWEEP = ROOT / "experiments/quickstart.toml"
# loss, n, diverged, failed, validation %, mean %, std %, interval
ROW = re.compile(r"^(\S.*?) +(\d+) +(\d+) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +\[(-?[\d.]+), (-?[\d.]+)\]$", re.MULTILINE)


def stated():
    """The interval of each loss in the table of README.md, in percent."""
    rows = ROW.findall((ROOT / "README.md").read_text())
    return {loss: (float(low), float(high)) for loss, *_, low, high in rows}


def run(program, instructions, store):
    """The report of a quickstart with `instructions`, and its seconds."""
    environment = os.environ | {"EXPERIMENT_INSTRUCTIONS": instructions}
    start = time.monotonic()
    command = [program, "run", SWEEP, "--backend", "flex", "--store", store]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    report = subprocess.run([program, "report", store, "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(report.stdout), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the built experiment")
    program = parser.parse_args().program.resolve()
    doctor = subprocess.run([program, "doctor", "--cpu", "--json"], check=True, stdout=subprocess.PIPE)
    sets = json.loads(doctor.stdout)["cpu"]["available"]
    intervals, reports, wrong = stated(), {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for instructions in sets:
            reports[instructions], seconds = run(program, instructions, Path(scratch) / instructions)
            print(f"{instructions} ({seconds:.0f} s)", flush=True)
            if {row["loss"] for row in reports[instructions]} != set(intervals):
                wrong.append(f"{instructions}: other losses than in README.md: {sorted(intervals)}")
                continue
            for row in reports[instructions]:
                # No trial is done where there is no mean.
                mean, (low, high) = 100 * (row["accuracy_mean"] or 0.0), intervals[row["loss"]]
                print(f"  {row['loss']:<41} {mean:6.2f} %, in README.md [{low}, {high}]", flush=True)
                if not low <= mean <= high:
                    wrong.append(f"{instructions}: {row['loss']}: expected a mean in [{low}, {high}], found {mean:.2f}")
    if "avx512" in sets and reports["avx2"] != reports["avx512"]:
        wrong.append("avx512: expected the bits of avx2, found other numbers")
    for message in wrong:
        print(message, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
