#!/usr/bin/env bash
# Packs the program for machines without Rust: an archive to unpack, and a wheel to install with pip.
#
#     scripts/package.sh [OUT]        # OUT is dist by default, a path from the checkout's root
#
# Environment variables:
#     FEATURES=wgpu    features in addition to the default ones, such as GPU support
#     PYTHON=python3   the interpreter that builds the wheel; maturin is installed for it in a temporary folder
#
# Both run on machines with this operating system and architecture and a C library at least as new as here.
set -euo pipefail

cd "$(dirname "$0")/.."
out=${1:-dist}
features=(--features "${FEATURES:-default}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cargo build --release --package experiment "${features[@]}"
program=$(cargo metadata --format-version 1 --no-deps |
    "${PYTHON:-python3}" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/experiment
version=$("$program" --version | cut -d ' ' -f 2)
name=experiment-$version-$(rustc -vV | sed -n 's/^host: //p')

mkdir -p "$scratch/$name" "$out"
rm -f "$out"/experiment-*.tar.gz "$out"/experiment-*.whl
cp -r "$program" docs experiments results README.md DESIGN.md LICENSE-MIT LICENSE-APACHE "$scratch/$name"
"$program" man "$scratch/$name/man/man1"
mkdir "$scratch/$name/completions"
# Under the names that the shells look for.
"$program" completions bash >"$scratch/$name/completions/experiment"
"$program" completions zsh >"$scratch/$name/completions/_experiment"
"$program" completions fish >"$scratch/$name/completions/experiment.fish"
tar -C "$scratch" -czf "$out/$name.tar.gz" "$name"

"${PYTHON:-python3}" -m venv "$scratch/python"
"$scratch/python/bin/pip" install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
"$scratch/python/bin/maturin" build --release --quiet --out "$out" "${features[@]}"

ls -l "$out"
