#!/usr/bin/env bash
# Fuzzes the project's native Go fuzz targets one after another and ends with a line a target.
#
#   scripts/fuzz.sh [--time DURATION] [--match PATTERN] [PACKAGE...]
#
# --time is what each target gets (30s; as go test -fuzztime takes it), --match a regular expression for the
# targets' names. Without packages it takes all that have targets. An input that fails is kept by Go in the
# package's testdata/fuzz, where go test runs it from then on: mend the fault and commit it.
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
time=30s match=. packages=()
while [ $# -gt 0 ]; do
	case "$1" in
	-h | --help)
		sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	--time) time="${2:?--time needs a duration, such as 10m}" && shift 2 ;;
	--match) match="${2:?--match needs a regular expression}" && shift 2 ;;
	-*)
		echo "scripts/fuzz.sh: $1 is unknown: see --help" >&2
		exit 2
		;;
	*) packages+=("$1") && shift ;;
	esac
done
cd "$here/.." || exit 1
eval "$("$here/env.sh")"
export OMP_NUM_THREADS=1

if [ "${#packages[@]}" -eq 0 ]; then
	mapfile -t packages < <(git grep -lE '^func Fuzz[A-Z]' -- '*_test.go' | xargs -rn 1 dirname | sort -u | sed 's|^|./|')
fi

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
lines=() failed=0
for package in "${packages[@]}"; do
	if ! targets="$(go test -list '^Fuzz' "$package")"; then
		echo "$targets" >&2
		lines+=("FAIL  $package does not build")
		failed=1
		continue
	fi
	while read -r target; do
		echo "== $package $target, $time"
		# -fuzzminimizetime: by default Go spends up to a minute on making each new input shorter, and on nothing else.
		if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s -parallel 1 "$package" 2>&1 | tee "$log"; then
			word=ok
		else
			word=FAIL failed=1
		fi
		count="$(grep -oE 'execs: [0-9]+' "$log" | tail -n 1)"
		lines+=("$(printf '%-5s %s %s: %s' "$word" "$package" "$target" "${count:-execs: 0}")")
	done < <(grep '^Fuzz' <<<"$targets" | grep -E -- "$match")
done
if [ "${#lines[@]}" -eq 0 ]; then
	echo "scripts/fuzz.sh: no target's name matches $match" >&2
	exit 2
fi
echo "== targets"
printf '%s\n' "${lines[@]}"
exit "$failed"
