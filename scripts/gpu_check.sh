#!/usr/bin/env bash
# Checks and measures agiformer on a CUDA machine, from the bundle that `make gpu-check` makes.
#
#   gpu_check.sh                  all checks and the speed table on cuda
#   gpu_check.sh --sizes full     only that size in the comparison with PyTorch, of text_only,full: each takes 2 minutes
#   gpu_check.sh --device cpu     the same on the CPU with tiny sizes: tries out this script itself
#
# Needs python3 with PyTorch 2.11.0 (CUDA 13) and safetensors. PYTHON=... names another Python. Each check runs to
# its end; the exit code is 1 when one failed.
set -uo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${PYTHON:-python3}"
device=cuda
sizes=
while [ $# -gt 0 ]; do
	case "$1" in
	--device)
		device="${2:?--device takes cuda or cpu}"
		shift 2
		;;
	--sizes)
		sizes="${2:?--sizes takes names of bench/prepare.py with commas between}"
		shift 2
		;;
	-h | --help)
		sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	*)
		echo "gpu_check.sh: unknown argument $1 (see --help)" >&2
		exit 2
		;;
	esac
done

torch_dir="$("$python" -c 'import torch, os; print(torch.__version__.split("+")[0], os.path.dirname(torch.__file__))')" || {
	echo "gpu_check.sh: $python has no PyTorch: install torch==2.11.0 or name another Python with PYTHON=..." >&2
	exit 1
}
version="${torch_dir%% *}"
torch_dir="${torch_dir#* }"
if [ "$version" != 2.11.0 ]; then
	echo "gpu_check.sh: PyTorch is $version, and the bundle is built for 2.11.0: install torch==2.11.0" >&2
	exit 1
fi
export LIBTORCH="$torch_dir"
export AGIFORMER_LIB="$here/bin/lib"

failed=()
# step NAME COMMAND... runs one check and remembers whether it failed.
step() {
	local name="$1" started=$SECONDS
	shift
	echo "== $name"
	if "$@"; then
		echo "== $name: passed ($((SECONDS - started)) s)"
	else
		failed+=("$name")
		echo "== $name: FAILED ($((SECONDS - started)) s)"
	fi
}

# test_binary PACKAGE runs one package's tests where its testdata lies.
test_binary() {
	(cd "$here/tests/$1" && AGIFORMER_TEST_DEVICE="$device" "./$1.test" -test.timeout 5m)
}

# trains runs the program itself: mixed precision as the configuration asks for it, a second part that resumes,
# evaluation, generation.
trains() {
	local work run program="$here/bin/agiformer"
	work="$(mktemp -d)" || return 1
	run="$work/run"
	export XDG_CACHE_HOME="$work/cache"
	"$python" -c 'import sys; sys.path.insert(0, sys.argv[1]); import prepare; sys.stdout.buffer.write(b"\n\n".join(prepare.text(s, 400) for s in range(40)))' \
		"$here/bench" >"$work/text.txt" || return 1
	head -c 8192 "$work/text.txt" | iconv -c -f utf-8 -t utf-8 >"$work/valid.txt"
	local arguments=(experiment=quickstart "hardware.device=$device" "data.train=$work/text.txt" "data.valid=$work/valid.txt"
		data.split=blank_line training.use_amp=true training.amp_dtype=float16 training.save_interval=10
		training.eval_interval=20 logging.log_interval=5 "run.dir=$run" --resume auto)
	[ "$device" = cuda ] || arguments+=(model.d_model=64 model.n_layers=2 model.n_heads=2 model.d_ff=128 model.max_seq_len=64)
	"$program" train "${arguments[@]}" training.max_steps=20 &&
		"$program" train "${arguments[@]}" training.max_steps=40 &&
		"$program" eval --checkpoint "$run" --data "$work/valid.txt" --device "$device" &&
		"$program" generate --checkpoint "$run" --prompt "ev" --max-new-tokens 40 --temperature 0 --device "$device"
	local code=$?
	rm -rf "$work"
	return "$code"
}

echo "agiformer $(cat "$here/COMMIT"), PyTorch $version in $torch_dir, device $device"
if [ "$device" = cuda ]; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true; fi

step "doctor" "$here/bin/agiformer" doctor --load
for package in torch model gpucheck; do step "tests of $package" test_binary "$package"; done
step "train, resume, evaluate, generate with float16" trains
step "training against PyTorch, and the speed table" "$python" "$here/gpu_check.py" --device "$device" --sizes "$sizes"

if [ "${#failed[@]}" -gt 0 ]; then
	printf 'FAILED: %s\n' "${failed[@]}"
	exit 1
fi
echo "all checks passed"
