#!/usr/bin/env bash
# Runs every check of the project, each to its end, and fails when one failed. go test comes last, so that its
# summary closes the output. Needs what `make build` leaves.
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.." || exit 1
eval "$("$here/env.sh")"
# libgomp reads this when it loads: test binaries run side by side, so each takes one thread.
export OMP_NUM_THREADS=1

failed=()

# step NAME COMMAND... runs one check and remembers whether it failed.
step() {
	local name="$1" started=$SECONDS
	shift
	echo "== $name"
	"$@" || failed+=("$name")
	echo "== $name: $((SECONDS - started)) s"
}

step lint "$here/lint.sh"
step "generated code" "$here/gen.sh" --check
if [ -f ../shared/spec/hydra/run_cases.py ]; then
	step "Hydra cases" python3 ../shared/spec/hydra/run_cases.py --prog "$PWD/bin/agiformer" --dir ../shared/spec/hydra
fi
if [ "${#failed[@]}" -gt 0 ]; then
	echo "failed before go test: ${failed[*]} (see above)" >&2
fi
echo "== go test"
# -count=1: Go's cache of results does not see the libraries that the tests load at run time.
go test -count=1 ./... || failed+=("go test")
if [ "${#failed[@]}" -gt 0 ]; then
	printf 'FAILED: %s\n' "${failed[@]}" >&2
	exit 1
fi
