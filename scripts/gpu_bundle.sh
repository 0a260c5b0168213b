#!/usr/bin/env bash
# Makes build/gpu-check.tar.gz: everything that a CUDA machine with Python's PyTorch 2.11.0 needs to check and
# measure this code, under 60 MB. There:
#
#   tar xzf gpu-check.tar.gz && gpu-check/gpu_check.sh
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
eval "$("$here/env.sh")"

bundle="build/gpu-check"
rm -rf "$bundle"
mkdir -p "$bundle/bin/lib" "$bundle/tests" "$bundle/bench"

go build -trimpath -ldflags '-s -w' -o "$bundle/bin/agiformer" ./cmd/agiformer
go build -trimpath -ldflags '-s -w' -o "$bundle/bin/benchgo" ./bench/cmd/benchgo
cp build/lib/libcgotorch.so build/lib/libagiformer_torch.so "$bundle/bin/lib/"

# A test binary reads its package's testdata, so each gets a folder of its own.
for package in torch model gpucheck; do
	folder="$bundle/tests/$package"
	mkdir -p "$folder"
	go test -c -trimpath -ldflags '-s -w' -o "$folder/$package.test" "./internal/$package"
	if [ -d "internal/$package/testdata" ]; then cp -R "internal/$package/testdata" "$folder/"; fi
done

# tests/model reads the variants at ../../conf, where they lie in the repository too.
cp -R conf "$bundle/"
cp -R bench/twin bench/worker.py bench/prepare.py "$bundle/bench/"
find "$bundle" -name __pycache__ -type d -prune -exec rm -rf {} +
cp scripts/gpu_check.sh scripts/gpu_check.py "$bundle/"
git describe --always --dirty >"$bundle/COMMIT"

tar -C build -czf build/gpu-check.tar.gz gpu-check
size="$(($(wc -c <build/gpu-check.tar.gz) / 1000000))"
[ "$size" -lt 60 ] || fail "the bundle has $size MB, and 60 is the most that may travel: see what grew in $bundle"
echo "build/gpu-check.tar.gz is ready ($size MB); on the CUDA machine run gpu-check/gpu_check.sh"
