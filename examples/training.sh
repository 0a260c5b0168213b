#!/usr/bin/env bash
# Training: what it will take, the run, how well it knows the text (its validation figures are in the log), its curves.
#
#   examples/training.sh TEXT RUN [OVERRIDE...]
set -euo pipefail
agiformer="${AGIFORMER:-$(dirname "$0")/../bin/agiformer}"
text="${1:?give a text file or folder to train on}"
run="${2:?give a folder for the run}"
shift 2

settings=(experiment=quickstart "data.train=$text" data.split=blank_line "run.dir=$run" "$@")
"$agiformer" train "${settings[@]}" --dry-run
# --resume auto: the same line goes on after an interruption.
"$agiformer" train "${settings[@]}" --resume auto
"$agiformer" eval --checkpoint "$run/checkpoints/best" --data "$text"
"$agiformer" plot "$run"
