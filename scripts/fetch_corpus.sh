#!/usr/bin/env bash
# Makes the quickstart corpus: Turkish prose from LibreOffice's help pages (Debian's package libreoffice-help-tr,
# Mozilla Public License 2.0), cleaned, deduplicated, split into train and validation by document.
#
#   scripts/fetch_corpus.sh OUTDIR    writes OUTDIR/train.jsonl, OUTDIR/valid.jsonl and OUTDIR/SOURCE
#
# Downloads 3 MB with apt-get and installs nothing. The result is kept in the per-user cache; a complete OUTDIR is left
# as it is. Where apt-get cannot deliver, Turkish sentences that we generate stand in, and the script says so.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

package="libreoffice-help-tr"
if [ $# -ne 1 ] || [ -z "$1" ] || [[ "$1" == -* ]]; then
	fail "usage: fetch_corpus.sh OUTDIR"
fi
out="$1"

# complete DIR says whether a corpus is there; SOURCE is written last.
complete() {
	[ -s "$1/train.jsonl" ] && [ -s "$1/valid.jsonl" ] && [ -s "$1/SOURCE" ]
}

if complete "$out"; then
	note "$out is there already"
	exit 0
fi
command -v python3 >/dev/null || fail "python3 is missing: install it (Debian: apt-get install python3)"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# apt_get ARGUMENT... runs apt-get in the work folder; its messages are shown only if all fails.
apt_get() {
	(cd "$work" && LC_ALL=C apt-get -qq "$@") >>"$work/apt.log" 2>&1
}

# download fetches the package into the work folder. Where the machine's package lists are missing or old, fresh ones
# are read into the work folder, so that the machine is left as it was and no root is needed.
download() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
		echo "this machine has no apt-get" >"$work/apt.log"
		return 1
	fi
	note "downloading Debian's package $package (3 MB)"
	apt_get download "$package" && return
	mkdir -p "$work/lists/partial" "$work/archives/partial"
	local own=(-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o "APT::Sandbox::User=$(id -un)")
	note "reading the package lists"
	apt_get "${own[@]}" update && apt_get "${own[@]}" download "$package"
}

# from_package DIR makes the corpus from the help pages.
from_package() {
	local files=("$work"/*.deb) version
	dpkg-deb -x "${files[0]}" "$work/package" || return
	version="$(dpkg-deb -f "${files[0]}" Version)" || return
	note "taking the Turkish prose out of the pages"
	python3 "$here/corpus/extract.py" "$work/package/usr/share/libreoffice/help/tr/text" "$1" "$version"
}

# install_corpus DIR puts a finished corpus into the output folder, SOURCE last.
install_corpus() {
	mkdir -p "$out"
	local name
	for name in train.jsonl valid.jsonl SOURCE; do
		cp "$1/$name" "$out/.$name.$$"
		mv -f "$out/.$name.$$" "$out/$name"
	done
	note "wrote $out: $(tail -n 2 "$out/SOURCE" | paste -s -d ';' | sed 's/;/; /')"
}

recipe="$(cat "$here/corpus/extract.py" "$here/corpus/documents.py" | sha256sum | cut -c 1-16)"
cached="$(cache_dir)/corpus/$recipe"
if complete "$cached"; then
	install_corpus "$cached"
	exit 0
fi

mkdir "$work/corpus"
if download && from_package "$work/corpus"; then
	mkdir -p "$(dirname "$cached")"
	fresh="$(mktemp -d "$cached.XXXXXX")"
	cp "$work/corpus/"* "$fresh/"
	chmod 755 "$fresh"
	# Another process may have been first: then its folder stays.
	mv -T "$fresh" "$cached" 2>/dev/null || rm -rf "$fresh"
else
	sed 's/^/    /' "$work/apt.log" >&2
	note "the package cannot be had: generated Turkish sentences stand in, far easier than real text;" \
		"delete $out and run this again where apt-get works, or train on your own text"
	python3 "$here/corpus/generate.py" "$work/corpus"
fi
install_corpus "$work/corpus"
