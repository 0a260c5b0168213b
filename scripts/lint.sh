#!/usr/bin/env bash
# Runs the linters over this project's own files and fails when one has something to say.
# shellcheck disable=SC2329 # check calls these functions by name
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.." || exit 1
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
eval "$("$here/env.sh")"

failed=0

# check NAME COMMAND... runs one linter.
check() {
	local name="$1"
	shift
	if "$@"; then echo "lint: $name: fine"; else
		echo "lint: $name: see above" >&2
		failed=1
	fi
}

# files PATTERN... lists our files that match: known to git, or new and not ignored.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
		if [ -f "$file" ]; then echo "$file"; fi
	done
}

gofmt_clean() {
	local wrong
	wrong="$(files '*.go' | xargs -r gofmt -l)"
	[ -z "$wrong" ] || { echo "gofmt -w would change: $wrong" >&2 && return 1; }
}

clang_format_clean() {
	files 'csrc/*.cpp' 'csrc/*.h' '*.c' | grep -v '/gen_' | xargs -r "$tools/clang-format" --dry-run --Werror
}

shellcheck_clean() {
	{ files '*.sh' && files '.ci/run'; } | xargs -r "$tools/shellcheck"
}

python_clean() {
	files '*.py' | xargs -r python3 -c '
import ast, sys
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as source:
        ast.parse(source.read(), name)'
}

tools="$("$here/tools.sh")"
check gofmt gofmt_clean
check "go vet" go vet ./...
check staticcheck go tool staticcheck ./...
check python python_clean
if [ -n "$tools" ]; then
	check shellcheck shellcheck_clean
	check clang-format clang_format_clean
else
	echo "lint: shellcheck and clang-format are not here and could not be installed: skipped"
fi
exit "$failed"
