# Helpers that the scripts of this folder share. Sourced, never run.
# shellcheck shell=bash

# fail SENTENCE: says what went wrong and what mends it, and ends the script.
fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# note TEXT: progress for people. It goes to standard error, so that a script's output stays its result.
note() {
	echo "${0##*/}: $*" >&2
}

# cache_dir prints the project's per-user cache folder (XDG base directory specification).
cache_dir() {
	local base="${XDG_CACHE_HOME:-}"
	if [[ "$base" != /* ]]; then # unset, empty or relative: the specification says to ignore it
		[ -n "${HOME:-}" ] || fail "neither XDG_CACHE_HOME nor HOME is set: set XDG_CACHE_HOME to a folder with 2 GB of room"
		base="$HOME/.cache"
	fi
	echo "$base/agiformer"
}

# free_mb DIR prints the megabytes free in the file system of DIR.
free_mb() {
	df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'
}

# find_pip names a Python that has pip, or fails with the mend.
find_pip() {
	command -v python3 >/dev/null || fail "python3 is missing: install it (Debian: apt-get install python3-pip)"
	python3 -m pip --version >/dev/null 2>&1 ||
		fail "python3 has no pip: install it (Debian: apt-get install python3-pip)"
}
