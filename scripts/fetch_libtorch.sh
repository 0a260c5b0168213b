#!/usr/bin/env bash
# Fetches libtorch into the per-user cache and links it as third_party/libtorch.
#
#   scripts/fetch_libtorch.sh cpu               545 MB to download, 0.5 GB on disk
#   scripts/fetch_libtorch.sh cuda              2.5 GB to download, 3.4 GB on disk
#   LIBTORCH=DIR scripts/fetch_libtorch.sh      uses an install that is there already: an unpacked official
#                                               libtorch zip, or the torch folder of a Python environment
#   scripts/fetch_libtorch.sh                   what was chosen last in this clone; cpu at first
#
# Needs bash, the usual POSIX tools, python3 and pip. Versions and sha256 of every file are in libtorch.lock.
# Done before: returns at once. Interrupted: goes on with the files that had arrived. Two at once: one waits.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

lock_file="$here/libtorch.lock"
link="$root/third_party/libtorch"

# rows FLAVOUR prints the pins that a flavour needs, one "package version sha256 megabytes" a line.
rows() {
	awk -v flavour="$1" '$1 == "cpu" || ($1 == "cuda" && flavour == "cuda") { print $2, $3, $4, $5 }' "$lock_file"
}

torch_version="$(awk '$2 == "torch" { print $3 }' "$lock_file")"

check_machine() {
	local machine libc
	[ "$(uname -s)" = Linux ] || fail "libtorch $torch_version is pinned for Linux, and this is $(uname -s): use the Dockerfile"
	machine="$(uname -m)"
	[ "$machine" = x86_64 ] ||
		fail "libtorch is pinned for x86_64, and this machine is $machine: set LIBTORCH to a libtorch $torch_version built for $machine"
	libc="$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }')"
	[ -n "$libc" ] || fail "libtorch needs the GNU C library, and this system has another one: use Debian 12 or later, or the Dockerfile"
	[ "$(printf '2.28\n%s\n' "$libc" | sort -V | head -n 1)" = 2.28 ] ||
		fail "libtorch needs glibc 2.28 or later, and this system has $libc: use Debian 10 or later, or the Dockerfile"
}

# link_to DIR points third_party/libtorch at DIR. The rename makes the change atomic.
link_to() {
	[ "$(readlink "$link" 2>/dev/null)" = "$1" ] && return
	mkdir -p "$root/third_party"
	[ -L "$link" ] || rm -rf "$link"
	ln -sfn "$1" "$link.new.$$"
	mv -fT "$link.new.$$" "$link"
}

# ---- an install that is there already -------------------------------------------------------------------

# version_of DIR prints the version of the libtorch in DIR as its headers state it.
version_of() {
	local header
	for header in "$1/include/torch/headeronly/version.h" "$1/include/torch/csrc/api/include/torch/version.h"; do
		[ -f "$header" ] || continue
		awk '/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) / { v = v "." $3 } END { print substr(v, 2); exit v == "" }' "$header" && return
	done
	return 1
}

use_existing() {
	local dir version machine yaml
	[ -d "$LIBTORCH" ] || fail "LIBTORCH=$LIBTORCH is not a folder: name an unpacked libtorch, a Python torch folder, or unset it"
	dir="$(cd "$LIBTORCH" && pwd)"
	[ -f "$dir/lib/libtorch_cpu.so" ] ||
		fail "LIBTORCH=$dir has no lib/libtorch_cpu.so: name the folder that holds lib/ and include/, or unset LIBTORCH"
	machine="$(od -An -tx1 -j18 -N2 "$dir/lib/libtorch_cpu.so" | tr -d ' ')"
	case "$(uname -m):$machine" in
	x86_64:3e00 | aarch64:b700) ;;
	*) fail "LIBTORCH=$dir was built for another processor than this $(uname -m) machine's: unset LIBTORCH to fetch the right one" ;;
	esac
	version="$(version_of "$dir")" || fail "LIBTORCH=$dir has no version header under include/: name a libtorch $torch_version with its headers"
	[ "${version%%+*}" = "$torch_version" ] ||
		fail "LIBTORCH=$dir is libtorch $version, and this project needs $torch_version: install that one or unset LIBTORCH"

	# A folder of links in the cache gives every kind of install the layout that the build expects.
	local view
	view="$(cache_dir)/libtorch-$torch_version-existing-$(printf '%s' "$dir" | cksum | awk '{ print $1 }')"
	mkdir -p "$view"
	ln -sfn "$dir/include" "$view/include"
	ln -sfn "$dir/lib" "$view/lib"
	for yaml in "$dir/../torchgen/packaged/ATen/native/native_functions.yaml" "$dir/native_functions.yaml"; do
		[ ! -f "$yaml" ] || ln -sfn "$yaml" "$view/native_functions.yaml"
	done
	link_to "$view"
}

# ---- the cache ------------------------------------------------------------------------------------------

# is_complete DIR: the stamp, written last, has these pins, and each library has the size it had then.
is_complete() {
	[ -f "$1/STAMP" ] || return 1
	[ "$(head -n 1 "$1/STAMP")" = "$pins" ] || return 1
	# shellcheck disable=SC2046 # no name in the stamp holds a space
	(cd "$1" && stat -c '%s %n' $(tail -n +2 "$1/STAMP" | awk '{ print $2 }') 2>/dev/null) |
		cmp -s - <(tail -n +2 "$1/STAMP")
}

check_space() {
	local need have
	# The largest moment: everything unpacked so far, and the wheels that have not been unpacked yet.
	if [ "$flavour" = cuda ]; then need=6200; else need=1300; fi
	have="$(free_mb "$cache")"
	[ "$have" -ge "$need" ] ||
		fail "$cache has $have MB free, and fetching libtorch ($flavour) needs $need MB: free some, or set XDG_CACHE_HOME to a folder on a larger disk"
}

# explain_pip LOG PACKAGE VERSION says in one sentence why pip failed.
explain_pip() {
	local what="$2 $3"
	if grep -q 'DO NOT MATCH THE HASHES' "$1"; then
		fail "the downloaded file of $what has another sha256 than scripts/libtorch.lock names: try again, and if it stays so ask who runs your package mirror"
	elif grep -qi 'No space left on device' "$1"; then
		fail "the disk filled up while $what was downloaded: free some space in $cache (or the temporary folder, TMPDIR) and run this again"
	elif grep -qiE 'Failed to establish|Temporary failure|name resolution|Connection(Error| broken| refused| reset)|Network is unreachable|timed out|ProxyError|SSLError|Max retries' "$1"; then
		fail "no connection to the package registry while fetching $what: check the network (or the proxy and index settings of pip) and run this again; files that arrived are kept"
	elif grep -q 'No matching distribution found' "$1"; then
		fail "the package registry that pip uses offers no $what for x86_64: check pip's index settings (pip config list) and the network"
	fi
	sed 's/^/    /' "$1" >&2
	fail "pip could not fetch $what (its words are above): mend that and run this again"
}

# platforms prints pip's flags for every glibc tag that a wheel for x86_64 may carry: one fixed choice whatever
# Python and pip this machine has.
platforms() {
	local minor
	for minor in $(seq 28 -1 5); do echo "--platform manylinux_2_${minor}_x86_64"; done
	echo "--platform manylinux2014_x86_64 --platform manylinux2010_x86_64 --platform manylinux1_x86_64"
}

# retries prints the flag that makes newer pips go on after a broken download.
retries() {
	if python3 -m pip download --help | grep -q -- --resume-retries; then echo "--resume-retries 5"; fi
}

# fetch PACKAGE VERSION SHA256 MEGABYTES leaves the verified wheel in $wheels and prints its path.
fetch() {
	local pattern="$wheels/${1//-/_}-$2-*.whl" wheel log="$wheels/pip.log"
	for wheel in $pattern; do
		[ -f "$wheel" ] || continue
		if [ "$(sha256sum "$wheel" | awk '{ print $1 }')" = "$3" ]; then
			echo "$wheel"
			return
		fi
		rm -f "$wheel"
	done
	note "downloading $1 $2 ($4 MB)"
	echo "$1==$2 --hash=sha256:$3" >"$wheels/requirements.txt"
	# pip's progress bar goes to our standard error, so that our own output stays the path.
	mkdir -p "$wheels/tmp"
	local quiet=()
	[ -t 2 ] || quiet=(-q)
	# shellcheck disable=SC2046 # the flags are words
	if ! TMPDIR="$wheels/tmp" python3 -m pip download "${quiet[@]}" --no-deps --no-cache-dir --only-binary=:all: \
		--require-hashes --disable-pip-version-check --python-version 3.12 $(platforms) $(retries) \
		--dest "$wheels" -r "$wheels/requirements.txt" >&2 2>"$log"; then
		explain_pip "$log" "$1" "$2"
	fi
	for wheel in $pattern; do
		[ -f "$wheel" ] || fail "pip said that it fetched $1 $2, and there is no such file in $wheels: remove that folder and run this again"
		echo "$wheel"
		return
	done
}

fetch_all() {
	local staging="$cache/.unpack-$torch_version-$flavour" package version sha256 megabytes wheel
	find_pip
	mkdir -p "$wheels"
	check_space
	rm -rf "$staging"
	mkdir -p "$staging"
	while read -r package version sha256 megabytes; do
		wheel="$(fetch "$package" "$version" "$sha256" "$megabytes")"
		python3 "$here/unpack_wheel.py" "$flavour" "$package" "$wheel" "$staging" ||
			fail "could not unpack $wheel: free some space in $cache, remove that file and run this again"
		fetched+=("$wheel")
	done < <(rows "$flavour")
	# libtorch.so of the wheel asks for the CUDA libraries; a linker script serves one binary for both.
	echo 'INPUT(libtorch_cpu.so)' >"$staging/lib/libtorch.so"
	{
		echo "$pins"
		(cd "$staging" && stat -c '%s %n' lib/* include/torch/csrc/api/include/torch/torch.h native_functions.yaml)
	} >"$staging/STAMP"
	if [ -e "$dest" ]; then
		rm -rf "$cache/.old-$torch_version-$flavour"
		mv -T "$dest" "$cache/.old-$torch_version-$flavour"
	fi
	mv -T "$staging" "$dest"
	rm -rf "$cache/.old-$torch_version-$flavour" "$wheels"
}

# ---- main -----------------------------------------------------------------------------------------------

# chosen_last prints the flavour that third_party/libtorch points at: cpu, cuda or existing.
chosen_last() {
	local target
	target="$(readlink "$link" 2>/dev/null)" || true
	case "$target" in
	*-existing-*) if [ -f "$target/lib/libtorch_cpu.so" ]; then echo existing; else echo cpu; fi ;;
	*-cuda) echo cuda ;;
	*) echo cpu ;;
	esac
}

flavour="${1:-$(chosen_last)}"
case "$flavour" in
existing) # only as the choice of last time
	[ $# -eq 0 ] || fail "unknown flavour 'existing': say cpu or cuda"
	if [ -z "${LIBTORCH:-}" ]; then exit 0; fi
	;;
cpu | cuda) ;;
-h | --help)
	sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
	exit 0
	;;
*) fail "unknown flavour '$flavour': say cpu or cuda" ;;
esac

if [ -n "${LIBTORCH:-}" ]; then
	use_existing
	exit 0
fi

cache="$(cache_dir)"
dest="$cache/libtorch-$torch_version-$flavour"
wheels="$cache/wheels-$torch_version-$flavour"
pins="$(rows "$flavour" | cut -d ' ' -f 1-3 | sha256sum | awk '{ print $1 }')"
fetched=()

if is_complete "$dest"; then
	link_to "$dest"
	exit 0
fi
check_machine
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] ||
	fail "cannot write to the cache folder $cache: set XDG_CACHE_HOME to a folder of yours"

# One fetch at a time: the kernel drops this lock when the script ends, however it ends.
if [ "${AGIFORMER_FETCH_LOCKED:-}" != "$dest" ]; then
	command -v python3 >/dev/null || find_pip
	AGIFORMER_FETCH_LOCKED="$dest" exec python3 "$here/with_lock.py" "$dest.lock" bash "${BASH_SOURCE[0]}" "$flavour"
fi
if ! is_complete "$dest"; then # another one may have finished it while this one waited
	started=$SECONDS
	fetch_all
	note "libtorch $torch_version ($flavour) is ready after $((SECONDS - started)) s"
fi
link_to "$dest"
