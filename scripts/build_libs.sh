#!/usr/bin/env bash
# Builds the C++ that the binary loads and links against, or takes it from the per-user cache:
#
#   build/lib/    libcgotorch.so (gotorch's C++) and libagiformer_torch.so (csrc/), loaded at first use
#   build/link/   the archives of trampolines that Go's linker wants
#
# What is cached is named by the hash of all that went into it: sources, compiler, libtorch. A clone with the
# same sources copies it; a build that is current returns at once. Needs third_party/libtorch (fetch_libtorch.sh).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

build="$root/build"
cache="$(cache_dir)/native"
CXX="${CXX:-g++}"

check_tools() {
	command -v "$CXX" >/dev/null || fail "the C++ compiler $CXX is missing: install it (Debian: apt-get install g++) or name another with CXX=..."
	command -v make >/dev/null || fail "make is missing: install it (Debian: apt-get install make)"
	command -v go >/dev/null || fail "go is missing: install Go 1.26 or later and put it on PATH"
	[ -f "$root/third_party/libtorch/lib/libc10.so" ] ||
		fail "third_party/libtorch is missing or broken: run scripts/fetch_libtorch.sh"
}

# gotorch_dir prints where Go's module cache holds gotorch, fetching it when it is not there.
gotorch_dir() {
	local dir
	dir="$(cd "$root" && go list -m -f '{{.Dir}}' github.com/wangkuiyi/gotorch)"
	if [ ! -d "$dir" ]; then
		(cd "$root" && go mod download github.com/wangkuiyi/gotorch) >&2 ||
			fail "the Go module gotorch could not be downloaded: check the network and GOPROXY, and run this again"
		dir="$(cd "$root" && go list -m -f '{{.Dir}}' github.com/wangkuiyi/gotorch)"
	fi
	echo "$dir"
}

# tree_hash DIR... prints one hash of the names and contents of all files below.
tree_hash() {
	local dir
	for dir in "$@"; do
		(cd "$dir" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
	done | sha256sum | cut -c 1-24
}

# jobs prints how many compilers fit: one a core, and 1.5 GB of memory each (libtorch's headers are large).
jobs() {
	local cores memory
	cores="$(nproc)"
	memory="$(awk '/^MemAvailable/ { print int($2 / 1536 / 1024) }' /proc/meminfo)"
	if [ "${memory:-1}" -lt 1 ]; then memory=1; fi
	if [ "$memory" -lt "$cores" ]; then echo "$memory"; else echo "$cores"; fi
}

# short_lines [TOTAL] turns the compiler's command lines into one short line a file, numbered where the total is known.
# Errors are not among them: they are shown whole, on standard error.
short_lines() {
	local line name number=0
	while IFS= read -r line; do
		case "$line" in
		*" -x c++-header "*) name="torch.h (precompiled)" ;;
		*" -c "*)
			name="${line#* -c }"
			name="${name%% *}"
			;;
		*) continue ;;
		esac
		number=$((number + 1))
		echo "  c++ ${1:+$number of $1: }${name##*/}"
	done
}

# keep DIR FILE... stores files in the cache under DIR: written aside, then renamed.
keep() {
	local place="$1" aside="$1.new.$$"
	shift
	[ ! -d "$place" ] || return 0
	mkdir -p "$aside"
	cp -a "$@" "$aside/"
	mv -T "$aside" "$place" 2>/dev/null || rm -rf "$aside"
}

# prune removes all but the newest eight entries of each kind from the cache.
prune() {
	local kind
	for kind in cgotorch agiformer; do
		find "$cache" -maxdepth 1 -name "$kind-*" -printf '%T@ %p\n' | sort -rn | tail -n +9 |
			cut -d ' ' -f 2- | xargs -r rm -rf
	done
}

if [ "${AGIFORMER_LIBS_LOCKED:-}" != "$build" ]; then
	check_tools
	mkdir -p "$build" "$cache"
	AGIFORMER_LIBS_LOCKED="$build" exec python3 "$here/with_lock.py" "$build/.libs.lock" bash "${BASH_SOURCE[0]}" "$@"
fi

gotorch="$(gotorch_dir)"
libtorch="$(readlink -f "$root/third_party/libtorch")"
tools="$("$CXX" --version | head -n 1) $("$CXX" -dumpmachine) ${CXXFLAGS:-} $libtorch $(sha256sum <"$root/third_party/libtorch/include/torch/headeronly/version.h")"
arguments=(--no-print-directory -C "$root/csrc" LIBTORCH="$root/third_party/libtorch" BUILD="$build" GOTORCH="$gotorch" CXX="$CXX")
# find_keys hashes what the libraries are made of. The commands that would compile gotorch stand for the way it is
# compiled, wherever this clone lies.
find_keys() {
	local commands
	commands="$(make "${arguments[@]}" -n -B cgotorch)"
	commands="${commands//"$root/"/}"
	cgotorch_key="$( (tree_hash "$gotorch/cgotorch" && echo "$commands" && echo "$tools") | sha256sum | cut -c 1-24)"
	agiformer_key="$( (tree_hash "$root/csrc" "$root/internal/torch/internal/stubgen" && echo "$cgotorch_key") | sha256sum | cut -c 1-24)"
}
find_keys

if [ "$(cat "$build/lib/.key" 2>/dev/null)" = "$agiformer_key" ] &&
	[ -f "$build/lib/libcgotorch.so" ] && [ -f "$build/lib/libagiformer_torch.so" ] && [ -f "$build/link/libcgotorch.a" ]; then
	exit 0
fi
rm -f "$build/lib/.key"
mkdir -p "$build/lib" "$build/link"

# restore KEPT DIR copies by rename, since a running program may have the old library mapped.
restore() {
	local file
	for file in "$1"/*; do
		cp "$file" "$2/.new.$$"
		mv -f "$2/.new.$$" "$2/${file##*/}"
	done
}

if [ -d "$cache/agiformer-$agiformer_key" ] && [ -d "$cache/cgotorch-$cgotorch_key" ]; then
	restore "$cache/cgotorch-$cgotorch_key" "$build/lib"
	restore "$cache/agiformer-$agiformer_key/lib" "$build/lib"
	restore "$cache/agiformer-$agiformer_key/link" "$build/link"
	note "took the C++ libraries from the cache"
else
	started=$SECONDS
	ready=()
	if [ -d "$cache/cgotorch-$cgotorch_key" ]; then
		ready=(CGOTORCH_SO="$cache/cgotorch-$cgotorch_key/libcgotorch.so")
	else
		note "compiling gotorch's C++ (once for this compiler and libtorch; some minutes)"
	fi
	note "compiling csrc with $(jobs) jobs"
	total="$(make "${arguments[@]}" "${ready[@]}" -n all | short_lines | wc -l)"
	make "${arguments[@]}" "${ready[@]}" -j "$(jobs)" libs | short_lines "$total" >&2 ||
		fail "the C++ did not compile: the compiler's words are above"
	before="$agiformer_key"
	find_keys
	[ "$agiformer_key" = "$before" ] ||
		fail "the sources changed while they were compiled: run this again"
	keep "$cache/cgotorch-$cgotorch_key" "$build/lib/libcgotorch.so"
	mkdir -p "$build/.keep.$$/lib"
	cp -a "$build/lib/libagiformer_torch.so" "$build/.keep.$$/lib/"
	cp -a "$build/link" "$build/.keep.$$/link"
	keep "$cache/agiformer-$agiformer_key" "$build/.keep.$$/lib" "$build/.keep.$$/link"
	rm -rf "$build/.keep.$$"
	prune
	note "the C++ libraries are ready after $((SECONDS - started)) s"
fi
echo "$agiformer_key" >"$build/lib/.key"
