package torch

/*
#include <stdlib.h>
#include "stub_agiformer.h"
const char *stub_fill_cgotorch(void *library);
*/
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"
)

// load opens libtorch and the two small libraries and fills the trampolines.
// Nothing of it runs before the first job, so commands without numerics start
// in milliseconds and need no libtorch at all.
func load() error {
	found, err := Locate()
	if err != nil {
		return err
	}
	if err := prepareEnvironment(); err != nil {
		return err
	}
	cpu := filepath.Join(found.Torch, "libtorch_cpu.so")
	torch, err := open(cpu, true)
	if err != nil {
		return err
	}
	if v := uint64(C.agi_stub_torch_version(torch)); versionText(v) != wantedVersion {
		return fmt.Errorf("%s is libtorch %s, this program needs %s: %s", cpu, versionText(v), wantedVersion, torchMend)
	}
	own, err := open(found.Agiformer, false)
	if err != nil {
		return err
	}
	if missing := C.stub_fill_agiformer(own); missing != nil {
		return staleLibrary(found.Agiformer, C.GoString(missing))
	}
	gotorch, err := open(found.GoTorch, false)
	if err != nil {
		return err
	}
	if missing := C.stub_fill_cgotorch(gotorch); missing != nil {
		return staleLibrary(found.GoTorch, C.GoString(missing))
	}
	loaded = found
	return nil
}

// kernels is what KeepKernels set, 0 before.
var kernels atomic.Int64

// FewestKernels is how many are kept without a call of KeepKernels.
const FewestKernels = 64

// KeepKernels says how many of the kernels that oneDNN prepares, one for every
// shape of a product it meets, are kept on the CPU: its own default is 1024. The
// experts' subsequences have many shapes, each kernel takes memory that grows with
// the weights, and one that was dropped costs some tenths of a millisecond again
// (docs/performance.md). It has to be called before the first job; later it changes
// nothing.
func KeepKernels(n int) { kernels.Store(int64(n)) }

// settings are read by libtorch's own libraries as they are loaded. A user's own
// value stays.
func settings() []struct{ name, value string } {
	return []struct{ name, value string }{
		{"ONEDNN_PRIMITIVE_CACHE_CAPACITY", strconv.FormatInt(cmp.Or(kernels.Load(), FewestKernels), 10)},
		// At the end of each parallel region OpenMP's threads spin, by default for
		// milliseconds. Where something else wants their cores they hinder the thread
		// they wait for: a step on two busy cores took 25 times as long. Some fifty
		// microseconds keep the speed of a quiet machine, then they sleep
		// (docs/performance.md).
		{"GOMP_SPINCOUNT", "1000"},
	}
}

// prepareEnvironment gives the settings that the user left open.
func prepareEnvironment() error {
	for _, s := range settings() {
		if _, set := os.LookupEnv(s.name); set {
			continue
		}
		if _, set := os.LookupEnv("OMP_WAIT_POLICY"); set && s.name == "GOMP_SPINCOUNT" {
			continue // the user says how threads wait
		}
		if err := os.Setenv(s.name, s.value); err != nil {
			return err
		}
	}
	return nil
}

// loaded is what load opened.
var loaded Libraries

func open(path string, global bool) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var handle unsafe.Pointer
	if why := C.agi_stub_open(name, C.bool(global), &handle); why != nil {
		defer C.free(unsafe.Pointer(why))
		return nil, fmt.Errorf("%s cannot be loaded (%s): run make build in a clone, which fetches and builds what is missing, or `agiformer doctor` for what that is",
			path, C.GoString(why))
	}
	return handle, nil
}

func staleLibrary(path, missing string) error {
	return fmt.Errorf("%s has no function %s, so it is not the one that belongs to this program: run make build", path, missing)
}

// versionText reads libtorch's packed version: major, minor and patch in the top three bytes.
func versionText(v uint64) string {
	if v == 0 {
		return "of unknown version"
	}
	return fmt.Sprintf("%d.%d.%d", v>>56, v>>48&0xff, v>>40&0xff)
}

var (
	cudaOnce sync.Once
	cudaErr  error
)

// loadCUDA loads libtorch's CUDA half, once; its operators register themselves.
// It must come before the first backward, since the engine then counts the devices.
func loadCUDA() error {
	cudaOnce.Do(func() { cudaErr = openCUDA() })
	return cudaErr
}

func openCUDA() error {
	if _, err := start(); err != nil {
		return err
	}
	// The driver first: without one, fetching libtorch's CUDA libraries is for nothing.
	if _, err := open("libcuda.so.1", false); err != nil {
		return errors.New("CUDA was asked for, but there is no NVIDIA driver here (libcuda.so.1): take the cpu (train: hardware.device=cpu, else --device cpu), or install the driver where there is a GPU")
	}
	if loaded.CUDA == "" {
		return fmt.Errorf("CUDA was asked for, but libtorch in %s is built for the CPU only: run scripts/fetch_libtorch.sh cuda, or take the cpu (train: hardware.device=cpu, else --device cpu)", loaded.Torch)
	}
	if backwardRan.Load() {
		return errors.New("CUDA was first asked for after a backward pass on the CPU: ask for the device at the program's start")
	}
	_, err := open(loaded.CUDA, true)
	return err
}

// CheckDevice says, in a sentence for the user, why a device cannot be used.
// For a GPU it loads libtorch and its CUDA half.
func CheckDevice(dev Device) error {
	if dev.Type == CPUType {
		return nil
	}
	if err := loadCUDA(); err != nil {
		return err
	}
	if n := CUDACount(); dev.Index >= n {
		return fmt.Errorf("%s was asked for, but %d CUDA devices are there, counted from 0: agiformer doctor lists them", dev, n)
	}
	return nil
}

// CUDAAvailable tells whether a GPU can be used; the first call loads libtorch
// and its CUDA half.
func CUDAAvailable() bool { return CUDACount() > 0 }

// CUDACount is the number of GPUs that can be used.
func CUDACount() int {
	var n C.int64_t
	err := inJob(func() {
		if loadCUDA() != nil {
			return
		}
		if e := C.agi_cuda_count(&n); e != nil {
			C.free(unsafe.Pointer(e)) // a driver that does not answer is no GPU
			n = 0
		}
	})
	if err != nil {
		return 0
	}
	return int(n)
}
