#!/usr/bin/env bash
# Measures the morphological segmenter on gold held out by word.
#
#   bench/morphology.sh --gold TSV --scorer PY [--text FILE] [--dic FILE --aff FILE] [--split word|lemma] [--without-gold] [--out DIR]
#
# A fifth of the gold's words (or, with --split lemma, of its roots) is held out by a hash; the segmenter is trained on
# the rest and on the text's words, and cuts the fifth. The scorer is a Python script that takes
# --score-words WORDS --morph GOLD; PYTHON names a Python that can run it (numpy).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
scorer="" out="$here/../build/morphology" arguments=()
while [ $# -gt 0 ]; do
	case "$1" in
	-h | --help)
		sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	--scorer) scorer="${2:?--scorer needs the path of the scorer}" && shift 2 ;;
	--out) out="${2:?--out needs a folder}" && shift 2 ;;
	--without-gold) arguments+=(-without-gold) && shift ;;
	--gold | --text | --dic | --aff | --split) arguments+=("${1#-}" "${2:?$1 needs a value}") && shift 2 ;;
	*)
		echo "bench/morphology.sh: $1 is unknown: see --help" >&2
		exit 2
		;;
	esac
done
if [ -z "$scorer" ]; then
	echo "bench/morphology.sh: --scorer PATH is needed: see --help" >&2
	exit 2
fi

mkdir -p "$out"
# The segmenter is plain Go: nothing of libtorch is needed.
(cd "$here/.." && CGO_ENABLED=0 go build -o "$out/benchmorphology" ./bench/cmd/benchmorphology)
"$out/benchmorphology" "${arguments[@]}" -out "$out"
cut -f 1,2 "$out/words.tsv" >"$out/scored.tsv"
"${PYTHON:-python3}" "$scorer" --score-words "$out/scored.tsv" --morph "$out/test.tsv"
