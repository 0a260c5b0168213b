#!/usr/bin/env bash
# Text generation: the same prompt, ever more freely.
#
#   examples/text_generation.sh RUN [PROMPT]
set -euo pipefail
agiformer="${AGIFORMER:-$(dirname "$0")/../bin/agiformer}"
run="${1:?give the folder of a run, as in: examples/text_generation.sh runs/first}"
prompt="${2:-Bir varmış bir yokmuş, }"

for temperature in 0 0.7 1.2; do
	echo "--- temperature $temperature"
	printf '%s' "$prompt"
	"$agiformer" generate --checkpoint "$run" --prompt "$prompt" --max-new-tokens 60 \
		--temperature "$temperature" --top-k 50 --seed 1
done

echo "--- ids and log-probabilities, for programs"
"$agiformer" generate --checkpoint "$run" --prompt "$prompt" --max-new-tokens 5 --seed 1 --json
