#!/usr/bin/env bash
# Compares agiformer with the same model in PyTorch eager: training step, memory, generation, start.
#
#   bench/run.sh [--quick] [--sizes d256,quickstart,text_only,full] [--rounds 3] [--steps N] [--threads N] [--write]
#   bench/run.sh --sizes experts_top2,experts_top4   two of four experts a token against all four
#
# --write puts the table into docs/performance.md. PYTHON=... names a Python that has torch 2.11.0 and safetensors;
# otherwise a virtual environment is made once in the per-user cache (PyTorch's wheels: about 3 GB to download).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."

case "${1:-}" in -h | --help)
	sed -n '2,8s/^# \{0,1\}//p' "$here/run.sh"
	exit 0
	;;
esac

has_torch() {
	"$1" -c 'import sys, torch, numpy, safetensors; sys.exit(torch.__version__.split("+")[0] != "2.11.0")' 2>/dev/null
}

environment="${XDG_CACHE_HOME:-$HOME/.cache}/agiformer/bench-venv-2.11.0"
python="${PYTHON:-$environment/bin/python}"
if ! has_torch "$python"; then
	if [ -n "${PYTHON:-}" ]; then
		echo "bench/run.sh: $PYTHON has no torch 2.11.0 with numpy and safetensors: install them there, or leave PYTHON unset" >&2
		exit 1
	fi
	echo "making a Python environment with PyTorch 2.11.0 in $environment (once)"
	python3 -m venv "$environment"
	"$python" -m pip install --quiet torch==2.11.0 numpy safetensors
	has_torch "$python" || {
		echo "bench/run.sh: PyTorch 2.11.0 does not load from $environment: remove that folder and try again" >&2
		exit 1
	}
fi

eval "$(scripts/env.sh)"
mkdir -p build
go build -o build/benchgo ./bench/cmd/benchgo
exec "$python" "$here/compare.py" --go build/benchgo "$@"
