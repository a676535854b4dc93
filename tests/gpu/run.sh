#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What needs a CUDA device, in one go, under ten minutes: shipped models give the processor's class ids on it, a
# flowgraph runs on it, and the figures of `sr2cnn bench` for docs/performance.md.
#
#     tests/gpu/run.sh
#
# Uses what `make build` set up; where that is not there and a Debian-like system can install it, makes it. On a
# machine without GNU Radio the laboratory's part alone is tested and measured, with the interpreter PYTHON (python3) and
# what it has; what is missing is fetched into build/gpu.
#
# Status: 0 all holds, 1 something does not, 77 there is no CUDA device.

set -euo pipefail
cd "$(dirname "$0")/../.."
SECONDS=0
budget=580 # seconds in all
python=${PYTHON:-python3}
lab=build/gpu

if ! nvidia-smi -L 2> /dev/null | grep '^GPU'; then
    echo "no CUDA device on this machine: nothing tested"
    exit 77
fi

radio=false
if ! .venv/bin/python -c 'from gnuradio import sr2cnn' 2> /dev/null && command -v apt-get > /dev/null; then
    timeout $((budget / 2)) make build || echo "make build failed: GNU Radio's part is left out"
fi
if .venv/bin/python -c 'from gnuradio import sr2cnn' 2> /dev/null; then
    radio=true
    python=.venv/bin/python
else
    mkdir -p "$lab"
    export PYTHONPATH=$PWD/$lab
    # With what is there; no network may be at hand.
    "$python" -m pip install --quiet --upgrade --no-deps --no-build-isolation --target "$lab" . 2> /dev/null ||
        "$python" -m pip install --quiet --upgrade --no-deps --target "$lab" .
    "$python" -c 'import pytest, hypothesis, sr2cnn_learn.cli.app, torch' 2> /dev/null ||
        "$python" -m pip install --quiet --target "$lab" . pytest hypothesis
fi
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
    "$python" -c 'import torch; print(f"torch {torch.__version__} sees no CUDA device: nothing tested")'
    exit 77
}
"$python" -c 'from sr2cnn_learn.machine import machine; print(machine("cuda"))'

status=0
# -o addopts=: not all that the project's tests use is needed here.
timeout $((budget - SECONDS)) "$python" -m pytest -rA -o addopts= tests/gpu || status=1
# Without GNU Radio the encoders alone are measured.
sr2cnn=.venv/bin/sr2cnn
$radio || sr2cnn=$lab/bin/sr2cnn
timeout $((budget - SECONDS > 0 ? budget - SECONDS : 1)) "$python" "$sr2cnn" bench --device cuda --seconds 0.3 ||
    status=1
echo "$SECONDS s, status $status"
exit $status
