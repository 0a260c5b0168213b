package torch

/*
#include <stdlib.h>
#include "agiformer_torch.h"
*/
import "C"

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"
)

// wantedThreads is what SetThreads asked for; 0 leaves libtorch's own choice.
var wantedThreads atomic.Int32

// prepareThread sets up the worker's thread; it runs again when a new worker
// takes the place of one that ended.
func prepareThread() error {
	if !started {
		if e := C.agi_start(); e != nil {
			return takeError("start", e)
		}
		started = true
	}
	n := C.int32_t(wantedThreads.Load())
	if n == 0 {
		if e := C.agi_threads(&n); e != nil {
			return takeError("Threads", e)
		}
	}
	// Also for libtorch's own choice: only a count that was set keeps MKL from
	// taking fewer threads as it sees fit, and so from summing in another order.
	if e := C.agi_set_threads(n); e != nil {
		return takeError("SetThreads", e)
	}
	return nil
}

var started bool

// SetThreads sets how many threads one operation may use on the CPU. It may be
// called before the libraries are loaded, and outside a job. The count is part
// of what makes results equal bit for bit.
func SetThreads(n int) error {
	wantedThreads.Store(int32(n))
	startMutex.Lock()
	running := jobs != nil
	startMutex.Unlock()
	if !running {
		return nil // the worker reads it when it starts
	}
	return inJob(func() {
		if e := C.agi_set_threads(C.int32_t(n)); e != nil {
			raise("SetThreads", e)
		}
	})
}

// Threads is the number of threads that one operation may use. In a job only.
func Threads() int {
	var n C.int32_t
	if e := C.agi_threads(&n); e != nil {
		raise("Threads", e)
	}
	return int(n)
}

// SetDeterministic makes libtorch use deterministic algorithms, and refuse what
// has none. Fresh memory is not filled: that would cost time for nothing.
func SetDeterministic(on bool) error {
	return inJob(func() {
		if e := C.agi_set_deterministic(C.bool(on)); e != nil {
			raise("SetDeterministic", e)
		}
	})
}

// Deterministic tells whether SetDeterministic is on. In a job only.
func Deterministic() bool {
	var on C.bool
	if e := C.agi_deterministic(&on); e != nil {
		raise("Deterministic", e)
	}
	return bool(on)
}

// Version is the version of libtorch that this program was built for and
// loaded, "" when it cannot be loaded.
func Version() string { return libraryText(func(s **C.char) *C.agi_error { return C.agi_version(s) }) }

// BuildInfo is libtorch's text about its build and its threads, "" when it
// cannot be loaded.
func BuildInfo() string {
	return libraryText(func(s **C.char) *C.agi_error { return C.agi_build_info(s) })
}

func libraryText(get func(**C.char) *C.agi_error) (text string) {
	err := inJob(func() {
		var s *C.char
		if e := get(&s); e != nil {
			raise("BuildInfo", e)
		}
		text = C.GoString(s)
		C.free(unsafe.Pointer(s))
	})
	if err != nil {
		return ""
	}
	return text
}

// Synchronize waits for a device to finish what it was given; nothing on the CPU.
func Synchronize(dev Device) {
	if e := C.agi_synchronize(dev.c("Synchronize")); e != nil {
		raise("Synchronize", e)
	}
}

// PeakMemory is the most bytes that tensors took on a GPU since the start or
// ResetPeakMemory; for the CPU the most memory the process had resident.
func PeakMemory(dev Device) int64 {
	if dev.Type == CPUType {
		return procStatus("VmHWM")
	}
	var n C.int64_t
	if e := C.agi_peak_memory(dev.c("PeakMemory"), &n); e != nil {
		raise("PeakMemory", e)
	}
	return int64(n)
}

// ResetPeakMemory starts PeakMemory anew from what is in use now.
func ResetPeakMemory(dev Device) {
	if dev.Type == CPUType {
		// 5 resets the high-water mark; where /proc refuses, the old mark stays.
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
		return
	}
	if e := C.agi_reset_peak_memory(dev.c("ResetPeakMemory")); e != nil {
		raise("ResetPeakMemory", e)
	}
}

// TensorMemory runs fn and returns the most bytes that tensors on the CPU which
// were made in it took at once. What is freed in it but was made before does not
// count. Allocations are counted, not pages, so the figure is the same in every run;
// those of other threads, our kernels' scratch memory, are not.
// It cannot be nested.
func TensorMemory(fn func()) (peak int64) {
	var n C.int64_t
	if e := C.agi_count_memory(true, &n); e != nil {
		raise("TensorMemory", e)
	}
	defer func() {
		if e := C.agi_count_memory(false, &n); e != nil {
			raise("TensorMemory", e)
		}
		peak = int64(n)
	}()
	fn()
	return
}

// EmptyCache gives memory that libtorch holds in reserve back: a GPU's to the
// driver, the CPU's to the system.
func EmptyCache(dev Device) {
	e := (*C.agi_error)(nil)
	if dev.Type == CPUType {
		e = C.agi_trim()
	} else {
		e = C.agi_empty_cache(dev.c("EmptyCache"))
	}
	if e != nil {
		raise("EmptyCache", e)
	}
}

// ResidentMemory is the process's memory in RAM now, in bytes.
func ResidentMemory() int64 { return procStatus("VmRSS") }

// procStatus reads a figure in kB of /proc/self/status as bytes.
func procStatus(key string) int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n * 1024
		}
	}
	return 0
}

// CPUSupportsBFloat16 tells whether the cores multiply bfloat16 natively
// (AVX-512 BF16, AMX or Arm BF16); without it autocast on the CPU is slower than float32.
func CPUSupportsBFloat16() bool {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(raw), "\n") {
		key, flags, ok := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); !ok || key != "flags" && key != "Features" {
			continue
		}
		for _, flag := range strings.Fields(flags) {
			if flag == "avx512_bf16" || flag == "amx_bf16" || flag == "bf16" {
				return true
			}
		}
		return false
	}
	return false
}
