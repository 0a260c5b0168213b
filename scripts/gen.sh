#!/usr/bin/env bash
# gen.sh writes the generated files again. gen.sh --check fails when that changed one: a generator, its list or
# a file was edited without the other. The signatures come from native_functions.yaml of the fetched libtorch.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
eval "$("$here/env.sh")"

if [ ! -f third_party/libtorch/native_functions.yaml ]; then
	note "LIBTORCH's install has no native_functions.yaml, so generated files are left as they are"
	exit 0
fi

# generated prints a hash for each checked-in file that says of itself that it is generated.
generated() {
	git ls-files -- '*.go' '*.cpp' '*.h' | while read -r file; do
		if [ -f "$file" ] && head -n 5 "$file" | grep -q 'Code generated .* DO NOT EDIT'; then sha256sum "$file"; fi
	done
}

before="$(generated)"
go generate ./...
if [ "${1:-}" = --check ]; then
	changed="$(diff <(echo "$before") <(generated) | awk '/^>/ { print $3 }')" || true
	[ -z "$changed" ] || fail "these files were not what their generator writes, and have been written again; commit them: ${changed//$'\n'/ }"
	echo "gen: generated files are current"
fi
