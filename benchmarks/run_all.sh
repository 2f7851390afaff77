#!/usr/bin/env bash
# Measure everything, beside every peer, and keep the results: benchmarks/run_all.sh [PYTHON]
# About 45 minutes on two idle cores; the estimate of each part stands beside it. A part that fails does not stop the rest.
set -uo pipefail
cd "$(dirname "$0")/.."

python=${1:-.venv/bin/python}
export NASION_DATA=${NASION_DATA:-../shared/data}
export NASION_MODELS=${NASION_MODELS:-$NASION_DATA/../models}
failed=()

measure() {
    echo "== $*"
    "$python" "benchmarks/$1.py" --write "${@:2}" || failed+=("$1")
}

measure startup                  # 1 min
measure landmarks --peers all    # 2 min, and once 2 min to install MediaPipe
measure robustness --peers all   # 8 min, 1.2 GB of pictures in the temporary folder
measure dense                    # 1 min
measure pose                     # 1 min
measure calibration              # 3 min
measure detect --peers all       # 5 min
measure conformal                # 1 min
measure video --peers all        # 15 min
measure eyes                     # 4 min
measure identity                 # 5 min, needs the embedding network
measure stages                   # 1 min
measure memory                   # 8 min

if ((${#failed[@]})); then
    echo "failed: ${failed[*]}" >&2
    exit 1
fi
