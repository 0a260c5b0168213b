#!/usr/bin/env bash
# Trains a small model, shows how good it is against the simplest baseline, and lets it write.
#
#   scripts/quickstart.sh         on a small Turkish corpus that scripts/fetch_corpus.sh makes
#   scripts/quickstart.sh PATH    on your own text: a file, a folder or a glob (.txt, .jsonl, .parquet, .gz, .zst)
#
# ARGS="KEY=VALUE ..." adds overrides, for instance ARGS="training.max_steps=100 run.dir=outputs/short".
# Needs bin/agiformer: `make train` builds it first. Interrupted (Ctrl-C): run it again, it goes on.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

program="bin/agiformer"
[ -x "$program" ] || fail "$program is not built: run make build"

# quoted TEXT writes a value so that an override takes it literally.
quoted() {
	local text="${1//\\/\\\\}"
	printf "'%s'" "${text//\'/\\\'}"
}

if [ $# -gt 0 ]; then
	# Relative to the caller's folder, which is this project's when make calls.
	run="outputs/train-$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)"
	data=("data.train=$(quoted "$1")" "data.valid=null")
	valid="$1" what="on all of your text, most of which it was trained on"
	prompt="" # the first words of the validation text
else
	run="outputs/quickstart"
	corpus="build/corpus"
	if [ ! -s "$corpus/train.jsonl" ] || [ ! -s "$corpus/valid.jsonl" ]; then
		"$here/fetch_corpus.sh" "$corpus"
	fi
	data=("data.train=$corpus/train.jsonl" "data.valid=$corpus/valid.jsonl")
	valid="$corpus/valid.jsonl" what="on all of the held-out text"
	prompt="Bir belgeyi açmak için "
fi

read -ra more <<<"${ARGS:-}"
kept=() # for another run: all but where it is and how long it is
for override in "${more[@]}"; do
	case "$override" in
	run.dir=*) run="${override#run.dir=}" ;;
	training.max_steps=*) ;;
	*) kept+=("$override") ;;
	esac
done

echo "training in $run (Ctrl-C saves and stops; the same command goes on)"
stopped=""
trap 'stopped=1' INT TERM # the program gets the signal too, saves and ends
"$program" train experiment=quickstart "${data[@]}" --resume auto "run.dir=$run" "${more[@]}"

trap - INT TERM
# The program's last words, after which run.compare_with may have put a line.
if ! tail -n 2 "$run/train.log" | grep -q "the run is complete"; then
	echo "stopped; the same command goes on"
	exit 0
fi
if [ -n "$stopped" ]; then
	echo "the run is complete; the same command shows how good it is"
	exit 0
fi
best="$run/checkpoints/best"
[ -e "$best" ] || best="$run/checkpoints/latest" # checkpoint.best=false, or no evaluation was finite

# compare METRICS STATS prints the model's best held-out bits per byte, as the run measured it when it saved its best
# checkpoint, and the bigram model's where there are statistics of the text.
compare() {
	python3 - "$@" <<'EOF'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as metrics:
    events = [json.loads(line) for line in metrics]
figures = [event["bits_per_byte"] for event in events if event["event"] == "eval"]
model = min((f for f in figures if f is not None), default=float("nan"))
print("held-out bits per byte (lower is better)")
if sys.argv[2]:
    bigram = json.loads(sys.argv[2])["bigram_bits_per_byte"]
    print("  byte-bigram model   %.3f" % bigram)
    print("  this model          %.3f   (%.1f %% %s)" % (model, abs(1 - model / bigram) * 100, "lower" if model < bigram else "higher"))
else:
    print("  this model          %.3f" % model)
EOF
}

# first_words STATS prints the first words of the validation text, up to 40 characters.
first_words() {
	python3 - "$1" <<'EOF'
import json
import sys

text = json.loads(sys.argv[1] or "{}").get("validation", {}).get("start", "")
words = ""
for word in text.split():
    if len(words) + len(word) > 40:
        break
    words += word + " "
sys.stdout.buffer.write((words or text.strip()[:20] or "A").encode())
EOF
}

echo
# The run has shown already what there is to say about the text.
stats="$("$program" data stats experiment=quickstart "${data[@]}" "${more[@]}" --validation --json 2>/dev/null)" || stats=""
compare "$run/metrics.jsonl" "$stats"

if [ -z "$prompt" ]; then
	prompt="$(first_words "$stats")"
fi
echo
echo "what it writes after \"$prompt\":"
echo
"$program" generate --checkpoint "$best" --prompt="$prompt" --max-new-tokens 300 --temperature 0.7 --top-k 50 --seed 1
# As a shell wants them: an override keeps its own quotes. The full size takes none of this run's.
text="$(printf '%q ' "${data[@]}")"
own="$(printf '%q ' "${data[@]}" "${kept[@]}")"
cat <<EOF

Next:
  # let it write something else
  $program generate --checkpoint $best --prompt "Merhaba"
  # measure it $what
  $program eval --checkpoint $best --data $(printf '%q' "$valid")
  # draw its training curves
  $program plot $run
  # train longer
  $program train experiment=quickstart ${own}training.max_steps=5000 run.dir=outputs/longer
  # see what the full size takes, 54 million parameters and 1.6 billion tokens: two months on two cores, so take a GPU
  $program train model=text_only ${text}--dry-run
  # all commands
  $program --help
EOF
