"""Compares training speed between all sets of vector instructions of this machine.

    cargo build --release
    python3 scripts/compare_instructions.py target/release/experiment

Fails if a wider set is slower than a narrower one, so that a machine with AVX-512 also tests the code for
AVX2. Compares the fastest step of several alternating runs; see SLOWEST for the margins.
"""

import argparse
import json
import subprocess
import sys

WIDTH = 64
# The smallest ratio of a set's speed to that of the next narrower one. AVX-512 gains little over AVX2 on
# processors that issue it in two halves, and noise takes up to a fifth of a step; vectors of any width are
# at least twice as fast as scalar code.
SLOWEST = {"scalar": None, "neon": 1.4, "avx2": 1.4, "avx512": 0.8}


def json_of(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the built experiment")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sets = json_of([arguments.program, "doctor", "--cpu", "--json"])["cpu"]["available"]
    options = f"--backend flex --mode training --width {WIDTH} --batch 32 --steps 4 --json --instructions".split()
    fastest = dict.fromkeys(sets, 0.0)
    for _ in range(arguments.rounds):
        for row in json_of([arguments.program, "bench", *options, ",".join(sets)]):
            name, speed = row["instructions"], row["images_per_second_range"][1]
            fastest[name] = max(fastest[name], speed)
    slow = []
    print("instructions  images/s  to the one above")
    for index, name in enumerate(sets):
        ratio = fastest[name] / fastest[sets[index - 1]] if index else None
        print(f"{name:<12}  {fastest[name]:>8.1f}  {'' if ratio is None else format(ratio, '16.2f')}")
        # Written so that NaN fails.
        if ratio is not None and not ratio >= SLOWEST[name]:
            slow.append(f"{name}: expected at least {SLOWEST[name]} times the speed of {sets[index - 1]}, found {ratio:.2f}")
    for message in slow:
        print(message, file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
