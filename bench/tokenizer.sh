#!/usr/bin/env bash
# Trains MorphoPiece and the unigram model without morphemes on a text, scores them, and compares the speed of encoding
# with SentencePiece in the same run.
#
#   bench/tokenizer.sh --train TRAIN.txt --test VALID.txt --scorer SCORER.py --gold-train TSV --gold-test TSV [--vocab 32000] [--work DIR]
#
# The scorer is a Python file with the functions that bench/tokenizer.py names. --gold-test holds words that --gold-train
# does not. Tokenizers that are in --work (default build/tokenizer) are taken as they are. PYTHON=... names a Python that
# has numpy and sentencepiece; otherwise a virtual environment is made once in the per-user cache.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."

train="" test="" scorer="" gold_train="" gold_test="" vocab=32000 work=build/tokenizer
while [ $# -gt 0 ]; do
	case "$1" in
	--train) train="$2" ;;
	--test) test="$2" ;;
	--scorer) scorer="$2" ;;
	--gold-train) gold_train="$2" ;;
	--gold-test) gold_test="$2" ;;
	--vocab) vocab="$2" ;;
	--work) work="$2" ;;
	*)
		sed -n '2,10s/^# \{0,1\}//p' "$here/tokenizer.sh"
		exit 2
		;;
	esac
	shift 2
done
for name in train test scorer gold_train gold_test; do
	if [ ! -f "${!name}" ]; then
		echo "bench/tokenizer.sh: --${name//_/-} must name a file, and is '${!name}'" >&2
		exit 2
	fi
done

environment="${XDG_CACHE_HOME:-$HOME/.cache}/agiformer/bench-tokenizer-venv"
python="${PYTHON:-$environment/bin/python}"
if ! "$python" -c 'import numpy, sentencepiece' 2>/dev/null; then
	if [ -n "${PYTHON:-}" ]; then
		echo "bench/tokenizer.sh: $PYTHON has no numpy and sentencepiece: install them there, or leave PYTHON unset" >&2
		exit 1
	fi
	python3 -m venv "$environment"
	"$python" -m pip install --quiet numpy sentencepiece
fi

eval "$(scripts/env.sh)"
mkdir -p "$work"
go build -o "$work/agiformer" ./cmd/agiformer
go build -o "$work/benchtokenizer" ./bench/cmd/benchtokenizer
for kind in morphopiece:plain morphopiece:fused unigram:plain; do
	name="${kind%:*}-${kind#*:}"
	file="$work/$name-$vocab.json"
	echo "== $name"
	if [ ! -f "$file" ]; then
		gold=()
		[ "${kind%:*}" = unigram ] || gold=(--gold "$gold_train")
		"$work/agiformer" tokenizer train --corpus "$train" "${gold[@]}" --kind "${kind%:*}" --mode "${kind#*:}" --vocab-size "$vocab" --out "$file"
	fi
	"$python" "$here/tokenizer.py" --scorer "$scorer" --train "$train" --test "$test" --gold "$gold_test" --tokenizer "$file" \
		--agiformer "$work/agiformer" --bench "$work/benchtokenizer"
	"$work/benchtokenizer" --tokenizer "$file" --speed "$test" --threads 1,2
done
"$python" "$here/tokenizer_peer.py" "$train" "$test" "$work/sentencepiece-$vocab" "$vocab"
