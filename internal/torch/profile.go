package torch

/*
#include <stdlib.h>
#include "agiformer_torch.h"
*/
import "C"

import (
	"os"
	"unsafe"
)

// Profile runs fn inside a job under libtorch's profiler and writes the trace to path, in the JSON format of Chrome's
// tracing: each operation that fn starts on the host, those of its backward passes included, and with a GPU as dev each
// kernel. It waits for dev first and last, so that the trace holds fn's kernels and no others. It fails where path
// cannot be written, and inside another Profile.
func Profile(dev Device, path string, fn func()) {
	const op = "Profile"
	file, err := os.Create(path)
	if err != nil {
		fail(op, "the trace cannot be written: %v", err)
	}
	_ = file.Close() // libtorch writes it, and would only log that it could not
	Synchronize(dev)
	if e := C.agi_profile_begin(C.bool(dev.Type == CUDAType)); e != nil {
		raise(op, e)
	}
	defer func() {
		name := C.CString(path)
		defer C.free(unsafe.Pointer(name))
		if e := C.agi_profile_end(name); e != nil {
			raise(op, e)
		}
	}()
	fn()
	Synchronize(dev)
}
